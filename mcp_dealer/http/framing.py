"""The framing of a request: what is ambiguous or too much in its header, and what its target is."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import unquote

HEADER_BYTES = 64 << 10  # of one request's line and headers
_OF_LINE = 4  # bytes around the name and the value of a header
_SCHEMES = (b"http://", b"https://")


def fault(scope: MutableMapping[str, Any]) -> str:
    """Return in words why the request of an ASGI scope is refused; empty if nothing is wrong.

    h11 bounds what is not complete, and lets through what came all at once. Two lengths are how a request is hidden
    from a proxy in another one (RFC 9112, 6.1 and 6.3); h11 goes by one of them.
    """
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    size = sum(len(name) + len(value) + _OF_LINE for name, value in headers)
    if size + len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > HEADER_BYTES:
        return f"the headers of a request may have {HEADER_BYTES} bytes; send less"
    names = {name for name, _ in headers}
    if b"transfer-encoding" in names and b"content-length" in names:
        return "a body has either a Content-Length or a Transfer-Encoding; see RFC 9112, 6.1"
    if b"transfer-encoding" in names and scope.get("http_version") == "1.0":
        return "HTTP/1.0 knows no Transfer-Encoding; see RFC 9112, 6.1"
    return ""


def in_origin_form(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a scope whose target is a path, also where the client has sent a whole URL, as to a proxy.

    Then the authority in the URL counts in the place of Host (RFC 9112, 3.2.2), and is looked at as that is.
    """
    target: bytes = scope.get("raw_path", b"")
    if not target.lower().startswith(_SCHEMES):
        return scope
    authority, slash, path = target.partition(b"://")[2].partition(b"/")
    path = slash + path or b"/"
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    named = {"raw_path": path, "path": unquote(path.decode("ascii")), "headers": [*others, (b"host", authority)]}
    return {**scope, **named}
