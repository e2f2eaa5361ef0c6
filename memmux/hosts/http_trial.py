"""The trial of an entry with a URL: ask there as its client would, with its token, and leave nothing behind."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from memmux.hosts.http_entry import HttpEntry
from memmux.version import __version__

BOUND_S = 10.0  # for all of it; a gateway that is starting answers after a second or two
SERVER = "memmux"  # what the server calls itself
_ANSWER_BYTES = 1 << 20
_SESSION = "Mcp-Session-Id"
_VERSION = "2025-06-18"  # of the protocol, with a handshake
_REFUSED = "key_refused"
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": _VERSION,
        "capabilities": {},
        "clientInfo": {"name": "memmux-trial", "version": __version__},
    },
}


class Outcome(StrEnum):
    """The kinds of answers."""

    ANSWERS = "memmux answers"
    SILENT = "nothing answers"
    REFUSED = "the token is refused"
    FAILS = "memmux answers with an error"
    STRANGER = "another program answers"
    UNTRUSTED = "the certificate is not trusted"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. said: the version of memmux, or what is wrong, for people."""

    outcome: Outcome
    said: str = ""


def run(entry: HttpEntry) -> Trial:
    """Say `initialize` at the entry's URL, with its token, and end the session that begins; takes BOUND_S at most."""
    until = time.monotonic() + BOUND_S
    try:
        parts = urlsplit(entry.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=BOUND_S)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with closing(connection):
            return _ask(connection, path, entry.token, until)
    except ssl.SSLCertVerificationError as error:
        return Trial(Outcome.UNTRUSTED, error.verify_message)
    except http.client.HTTPException as error:
        return Trial(Outcome.STRANGER, f"it does not speak HTTP as it should: {error!r}")
    except TimeoutError:
        return Trial(Outcome.SILENT, f"not within {BOUND_S:g} s")
    except (OSError, ValueError) as error:
        return Trial(Outcome.SILENT, getattr(error, "strerror", None) or str(error))


def _ask(connection: http.client.HTTPConnection, path: str, token: str, until: float) -> Trial:
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    connection.request("POST", path, json.dumps(_INITIALIZE), headers)
    answer = connection.getresponse()
    body = _body(connection, answer, until)
    said = _object(body)
    if answer.status != http.client.OK:
        if said.get("code") == _REFUSED:
            return Trial(Outcome.REFUSED)
        if "code" in said and "detail" in said:
            return Trial(Outcome.FAILS, f"{answer.status} {said['code']}: {said['detail']}")
        return Trial(Outcome.STRANGER, f"it answers {answer.status}")
    server = _of(_of(said.get("result")).get("serverInfo"))
    if server.get("name") != SERVER:
        return Trial(Outcome.STRANGER, f"it calls itself {server.get('name', 'nothing')}")
    if session := answer.getheader(_SESSION):
        answer.close()
        connection.close()  # an answer that is a stream may not be read to its end
        connection.request("DELETE", path, headers={**headers, _SESSION: session})
        connection.getresponse().read()
    return Trial(Outcome.ANSWERS, str(server.get("version", "")))


def _body(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, until: float) -> bytes:
    """Return the answer's body, of a stream up to its first message; raise TimeoutError."""
    streams = (answer.getheader("Content-Type") or "").startswith("text/event-stream")
    parts = b""
    while len(parts) < _ANSWER_BYTES:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left_s)
        part = answer.read1(1 << 16)
        parts += part
        if not part or (streams and _data(parts)):
            break
    return _data(parts) if streams else parts


def _data(stream: bytes) -> bytes:
    """Return the data of the first event that has some, once all of it has come."""
    for event in stream.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        lines = [line[len(b"data:") :].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        if data := b"".join(lines):
            return data
    return b""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return _of(json.loads(body))
    except ValueError:  # which a stranger's page is
        return {}


def _of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
