"""The origin: by which name a request came, and from which page.

A browser sends requests here that any page asks it for. By its Host one is known whose name leads here for a moment
only (DNS rebinding), by its Origin one of another site, and by Sec-Fetch-Site one of another port of this host, with
which browsers do send a cookie, SameSite=Strict notwithstanding.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?P<port>:\d{1,5})?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a request's header says; a field that came more than once has all of its values.

    headers: values by the name in lower case. scheme: http or https. authority: as which the client calls this server.
    address: of the client. here: the address that it reached.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[str, tuple[str, ...]]
    scheme: str
    authority: str
    address: str
    here: str

    @classmethod
    def of(cls, scope: Mapping[str, Any], *, behind_proxy: bool) -> RequestHead:
        """Return what an ASGI scope says; behind_proxy: whether a proxy vouches for the X-Forwarded fields."""
        found: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        headers = {name: tuple(values) for name, values in found.items()}
        forwarded = {name: _last(headers, f"x-forwarded-{name}") if behind_proxy else "" for name in _FORWARDED}
        hosts = headers.get("host", ())
        client, server = scope.get("client") or ("", 0), scope.get("server") or ("", 0)
        return cls(
            method=str(scope["method"]),
            path=str(scope["path"]),
            query=bytes(scope.get("query_string", b"")),
            headers=headers,
            scheme=(forwarded["proto"] or str(scope.get("scheme", "http"))).lower(),
            authority=(forwarded["host"] or (hosts[0] if len(hosts) == 1 else "")).lower(),
            address=forwarded["for"] or str(client[0]),
            here=str(server[0]),
        )

    def one(self, name: str) -> str | None:
        """Return the value of a field; None if it is not there. Raises ValueError if it came more than once."""
        values = self.headers.get(name, ())
        if len(values) > 1:
            raise ValueError(name)
        return values[0] if values else None

    def meant_for(self, names: Collection[str]) -> bool:
        """Return whether it came by a name of this server: loopback, the address that it reached, or one of these."""
        found = _AUTHORITY.fullmatch(self.authority)
        if found is None:
            return False
        host = found["host"].removesuffix(".")
        here = f"[{self.here}]" if ":" in self.here else self.here
        return host in _LOOPBACK or host == here or host in names

    @property
    def foreign(self) -> bool:
        """Whether a page of another origin asked for it, or asks whether it may."""
        origins = self.headers.get("origin", ())
        own = _origin(self.scheme, self.authority)
        asks = self.method == "OPTIONS" and "access-control-request-method" in self.headers
        return asks or any(_normal(origin) != own for origin in origins)

    @property
    def by_a_page_of_ours(self) -> bool:
        """Whether a browser says that its user, or a page of this origin, asked for it; only then a cookie counts.

        What changes something needs either word; an old browser, which says nothing, may still read.
        """
        sites = self.headers.get("sec-fetch-site", ())
        if sites:
            return set(sites) == {"same-origin"} or (set(sites) == {"none"} and self.method in _SAFE)
        return self.method in _SAFE or "origin" in self.headers


_FORWARDED = ("for", "proto", "host")


def _last(headers: Mapping[str, tuple[str, ...]], name: str) -> str:
    """Return what the nearest proxy has said; what stands before it, anybody may have sent."""
    return ",".join(headers.get(name, ())).rpartition(",")[2].strip()


def _origin(scheme: str, authority: str) -> str:
    return f"{scheme}://{authority.removesuffix(_DEFAULT_PORTS.get(scheme, ' '))}"


def _normal(origin: str) -> str:
    scheme, _, authority = origin.lower().partition("://")
    return _origin(scheme, authority)
