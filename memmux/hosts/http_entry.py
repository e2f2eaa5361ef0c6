"""An entry of a server that is not started but connected to: memmux's URL, and the token of a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memmux.errors import ArgumentInvalidError
from memmux.hosts.catalogue import HOSTS, Host, Remote
from memmux.wire.grants import TOKEN_PREFIX

PATH = "/mcp"
URLS = ("url", "httpUrl", "serverUrl")  # as clients spell it
_HEADERS = ("headers", "http_headers")
_FIELD, _SCHEME = "Authorization", "Bearer "


@dataclass(frozen=True, slots=True)
class HttpEntry:
    """Where memmux is reached over MCP's streamable HTTP, and with which token."""

    url: str
    token: str = field(repr=False)


def parse(raw: object) -> HttpEntry | None:
    """Return the entry that a client's file says; None if it is none of memmux's: what has no token of one."""
    if not isinstance(raw, Mapping):
        return None
    url = next((raw[key] for key in URLS if isinstance(raw.get(key), str)), None)
    headers: Mapping[object, object] = next((raw[key] for key in _HEADERS if isinstance(raw.get(key), Mapping)), {})
    said = next((str(value) for name, value in headers.items() if str(name).lower() == _FIELD.lower()), "")
    token = said.removeprefix(_SCHEME)
    return HttpEntry(url, token) if url is not None and token.startswith(TOKEN_PREFIX) else None


def build(entry: HttpEntry, client: Host) -> dict[str, Any]:
    """Return the entry as it is written for a client; raise ArgumentInvalidError for one that takes none."""
    form = form_of(client)
    return {**form.shape, form.url: entry.url, form.headers: {_FIELD: f"{_SCHEME}{entry.token}"}}


def form_of(client: Host) -> Remote:
    """Return what an entry looks like; raise ArgumentInvalidError for a client that takes none with a header."""
    if client.remote is None:
        known = ", ".join(name for name, host in HOSTS.items() if host.remote is not None)
        raise ArgumentInvalidError(
            f"{client.label} takes no server over HTTP with a header from its file; leave --http out, and it starts "
            f"memmux itself, with the same memory. With --http there are {known}"
        )
    return client.remote
