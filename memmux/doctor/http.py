"""HTTP as a guest sees it: whether the address answers, to whom, and whether a token lets somebody in."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from memmux.client.blocking import Client
from memmux.config import mms_variables
from memmux.config.mms_variables import API_KEY, API_KEY_CHARACTERS
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.doctor.finding import Finding, error, ok, warning
from memmux.errors import MemmuxError
from memmux.hosts.http_entry import PATH
from memmux.trust import keys

ANSWER_S = 5.0
OPEN, GUARDED = "/api/health", "/api/health/detailed"
_LET_IN, _TOKEN_NEEDED = 200, 401


def of_http(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield how the address of the cluster that runs answers; nothing where HTTP is neither served nor asked for."""
    try:
        with Client(settings=settings, name="doctor", start=False) as client:
            status = client.status()
    except MemmuxError:
        return  # which others say
    if not status.http:
        if settings.http:
            yield warning(
                "http", f"{settings.http} is not served; `memmux status` says why, or `memmux restart` does it"
            )
        return
    pid = (status.gateway or {}).get("pid")
    began = time.monotonic()
    try:
        answered = _status(status.http, OPEN)
        told = _status(status.http, GUARDED)
    except (OSError, HTTPException) as failure:
        yield error("http", f"{status.http} does not answer: {failure}; see `memmux tail`")
        return
    ms = (time.monotonic() - began) * 1000
    if answered != _LET_IN:
        yield error("http", f"{status.http} answers {answered}, where the gateway (pid {pid}) would say {_LET_IN}")
    elif told != _TOKEN_NEEDED:
        yield error("http", f"{status.http} lets in who has no token ({told}); run `memmux restart`, and report it")
    else:
        yield ok("http", f"{status.http} answers in {ms:.0f} ms, from the gateway (pid {pid}), and asks for a token")
        yield from _tokens(settings, status.http, environment)


def _tokens(settings: Settings, url: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    valid = [key for key in keys.read(Places(settings)).valid(time.time()) if key.token]
    token = mms_variables.api_key(environment)
    if environment.get(API_KEY) and not token:
        yield warning("tokens", f"{API_KEY} has fewer than {API_KEY_CHARACTERS} characters, and lets nobody in")
    try:
        refused = bool(token) and _status(url, PATH, token) == _TOKEN_NEEDED  # of no session: nobody becomes a client
    except (OSError, HTTPException) as failure:
        yield error("tokens", f"{url} does not answer: {failure}; see `memmux tail`")
        return
    if refused:
        yield warning(
            "tokens",
            f"{API_KEY} does not let in ({_TOKEN_NEEDED}): the cluster was started without it; run `memmux restart`",
        )
    elif not valid and not token:
        yield ok("tokens", "none yet; `memmux key add NAME --http` makes one, and `memmux web` opens the page without")
    else:
        yield ok("tokens", f"{len(valid)} keys have one" + (f", and {API_KEY} lets in" if token else ""))


def _status(url: str, path: str, token: str = "") -> int:
    """Return the status that a path answers."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    if parts.scheme == "https":
        unverified = ssl._create_unverified_context()  # noqa: S323, SLF001 - it is this machine that is asked
        connection: HTTPConnection = HTTPSConnection(parts.hostname, parts.port, timeout=ANSWER_S, context=unverified)
    else:
        connection = HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    finally:
        connection.close()
