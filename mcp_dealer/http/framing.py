"""The framing of a request: what is ambiguous or too much in its header, and what its target is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

HEADER_BYTES = 64 << 10  # of one request's line and headers
_OF_LINE = 4  # bytes around the name and the value of a header
_SCHEMES = (b"http://", b"https://")
_ROUTED = ("/api/", "/mcp/", "/login/", "/logout/")
_VERSIONS = ("1.0", "1.1")
_ONCE = frozenset(
    (b"content-type", b"idempotency-key", b"last-event-id", b"mcp-method", b"mcp-protocol-version", b"mcp-session-id")
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request is refused, in words, and how. headers: of the answer."""

    status: int
    code: str
    detail: str
    headers: Mapping[str, str]


def fault(scope: MutableMapping[str, Any]) -> Fault | None:
    """Return why the request of an ASGI scope is refused; None if nothing is wrong.

    h11 bounds what is not complete, and lets through what came all at once. Two lengths are how a request is hidden
    from a proxy in another one (RFC 9112, 6.1 and 6.3); h11 goes by one of them. A header that decides what is done
    counts once, as those who read it would each go by another one.
    """
    if wrong := _malformed(scope):
        return Fault(400, "malformed_request", wrong, {"Connection": "close"})
    codings = [value.strip().lower() for name, value in scope["headers"] if name == b"content-encoding"]
    if any(coding not in (b"", b"identity") for coding in codings):
        detail = "the body is compressed, and is read as it is; send it without a Content-Encoding"
        return Fault(415, "media_type", detail, {"Accept-Encoding": "identity"})
    return None


def _malformed(scope: MutableMapping[str, Any]) -> str:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    size = sum(len(name) + len(value) + _OF_LINE for name, value in headers)
    if size + len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > HEADER_BYTES:
        return f"the headers of a request may have {HEADER_BYTES} bytes; send less"
    if scope.get("http_version", "1.1") not in _VERSIONS:
        return f"HTTP/{scope['http_version']} is not spoken here; use HTTP/1.1"
    times = Counter(name for name, _ in headers)
    if twice := sorted(name for name in _ONCE if times[name] > 1):
        return f"the header {twice[0].decode()} is there several times; send it once"
    names = times.keys()
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


def without_slash(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a scope whose path has no slash at its end, with which many clients are given an address.

    A redirect would be to what a proxy in front is not called, and clients send it no token, or no body.
    """
    path: str = scope["path"]
    return {**scope, "path": path.rstrip("/") or "/"} if path.endswith("/") and path.startswith(_ROUTED) else scope
