"""The gate: who may ask, and from where. An ASGI middleware before everything else; what it lets through streams on.

It refuses what came by a name of others (421), what a page of others asked for (403), and who has no valid token or
cookie (401), before anything of the application runs, and never says which of these a token is: missing, wrong, revoked
or expired. The application finds the caller in the state of the request.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from mcp_dealer.http.active import Active
from mcp_dealer.http.caller import Caller
from mcp_dealer.http.clients import Clients
from mcp_dealer.http.credentials import Credentials, Verdict
from mcp_dealer.http.guest import Guest
from mcp_dealer.http.origin import RequestHead
from mcp_dealer.http.problem import page_without_key, shows_pages
from mcp_dealer.http.tries import Tries
from memmux.logs import log
from memmux.logs.refusals import Refusals
from memmux.trust import tokens

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = "/api/health"
_OPEN = frozenset({"/", "/login", "/favicon.ico"})
_OPEN_BELOW = ("/static/", "/.well-known/")  # the page's files; where clients look for OAuth, and find nothing
_READING = frozenset({"GET", "HEAD"})
_IN_URLS = frozenset({"api_key", "apikey", "access_token", "token"})  # how others take tokens in URLs, which logs keep
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
}
_UNLESS_SAID = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
_DROPPED = frozenset({b"server", *_HEADERS})


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An answer that the application does not see. headers: beside those of every answer."""

    status: int
    title: str
    code: str
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


_MISDIRECTED = _Refusal(
    421,
    "Misdirected Request",
    "host_unknown",
    "this server is not called so; use its address, or add the name to the setting http_hosts",
)
_FOREIGN = _Refusal(
    403, "Forbidden", "origin_refused", "pages of other origins may not ask here, nor programs that pass for one"
)
_UNKNOWN = _Refusal(
    401,
    "Unauthorized",
    "key_refused",
    "send a valid token once, as `Authorization: Bearer` or `X-API-Key`, and never in the URL; `memmux key add NAME "
    "--http` makes one, and `memmux web` opens the page",
    ((b"www-authenticate", b"Bearer"),),
)
_TOO_OFTEN = _Refusal(
    429,
    "Too Many Requests",
    "rate_limited",
    "too many tries from this address had no valid token; wait a minute",
    ((b"retry-after", b"60"),),
)


class Gate:
    """The way in to an application.

    hosts: names by which it may be called, beside the address that was reached and those of loopback. behind_proxy:
    whether a proxy vouches for the X-Forwarded fields, which otherwise count for nothing. clock: monotonic seconds.
    """

    def __init__(
        self,
        application: Application,
        credentials: Credentials,
        clients: Clients,
        *,
        hosts: Collection[str] = (),
        behind_proxy: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application = application
        self._credentials = credentials
        self._clients = clients
        self._hosts = frozenset(host.lower().removesuffix(".") for host in hosts)
        self._behind_proxy = behind_proxy
        self._clock = clock
        self._tries = Tries()
        self._refusals = Refusals()
        self._active = Active()
        self.refused = 0
        """How many requests were refused here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the application do so."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # nothing is served so
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._application(scope, receive, send)
            return
        answer = _Answer(send)
        asked = RequestHead.of(scope, behind_proxy=self._behind_proxy)
        if not asked.meant_for(self._hosts):
            await self._refuse(answer, asked, _MISDIRECTED, "host")
        elif asked.foreign:
            await self._refuse(answer, asked, _FOREIGN, "origin")
        else:
            await self._ask(scope, receive, answer, asked)

    async def _ask(self, scope: Scope, receive: Receive, answer: _Answer, asked: RequestHead) -> None:
        """Let a request through with its caller, or without one where that is open to everybody."""
        state = scope.setdefault("state", {})
        state["caller"] = None
        if _has_token_in_url(asked):
            await self._refuse(answer, asked, _UNKNOWN, "token in the URL")
            return
        if _is_open(asked):
            await self._application(scope, receive, answer)
            return
        check = self._check_of(asked)
        verdict = check()
        if verdict.grant is None:
            if asked.path == HEALTH and asked.method in _READING:
                await self._application(scope, receive, answer)
                return
            await self._refuse(answer, asked, _REFUSALS.get(verdict.why_not, _UNKNOWN), verdict.why_not, verdict.name)
            return
        name, guest = verdict.grant.name, Guest.of(asked.address, " ".join(asked.headers.get("user-agent", ())))
        async with self._clients.use(verdict.grant, guest) as link:
            state["caller"] = Caller(name, verdict.grant, link, verdict.token, guest)
            through = self._application(scope, receive, answer)
            if not await self._active.run(through, lambda: check().grant is not None) and not answer.began:
                await self._refuse(answer, asked, _UNKNOWN, "ended", name)

    def _check_of(self, asked: RequestHead) -> Callable[[], Verdict]:
        """Return what says, now and later, whose the request is."""
        try:
            token = _token_in(asked)
        except ValueError as error:
            refused = Verdict(why_not=str(error))
            return lambda: refused
        if token is None:
            return self._cookie_check(asked)
        now, digest = self._clock(), tokens.digest(token)
        if self._tries.wait_s(asked.address, digest, now) > 0:
            return lambda: Verdict(why_not=_OFTEN)
        if (verdict := self._credentials.of_token(token)).grant is None:
            self._tries.wrong(asked.address, now)
            return lambda: verdict
        self._tries.right(digest)
        return lambda: self._credentials.of_token(token)

    def _cookie_check(self, asked: RequestHead) -> Callable[[], Verdict]:
        try:
            value = _cookie_in(asked, self._credentials.cookie_name(secure=asked.scheme == "https"))
        except ValueError:
            return lambda: Verdict(why_not="several cookies")
        if value is None:
            return lambda: Verdict(why_not="no token")
        if not asked.by_a_page_of_ours:
            return lambda: Verdict(why_not=_OTHER_PAGE)
        return lambda: self._credentials.of_cookie(value)

    async def _refuse(
        self, answer: _Answer, asked: RequestHead, refusal: _Refusal, reason: str, name: str = ""
    ) -> None:
        self.refused += 1
        if self._refusals.news((asked.address, reason, name), self._clock()):
            key = {"key": name} if name else {}
            log.get().warning("http_refused", address=asked.address, reason=reason, status=refusal.status, **key)
        fields = {"type": "about:blank", "title": refusal.title, "status": refusal.status}
        kind, body = (
            b"application/problem+json",
            orjson.dumps({**fields, "detail": refusal.detail, "code": refusal.code}),
        )
        if refusal is _UNKNOWN and shows_pages(asked.method, ",".join(asked.headers.get("accept", ()))):
            kind, body = b"text/html; charset=utf-8", page_without_key()
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            *refusal.headers,
        ]
        await answer({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await answer({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else body})


_OFTEN, _OTHER_PAGE = "too often", "another page's cookie"
_REFUSALS = {_OFTEN: _TOO_OFTEN, _OTHER_PAGE: _FOREIGN}


class _Answer:
    """What sends an answer, with the headers that every one has. began: whether the client has had its beginning."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            kept = [(name.lower(), value) for name, value in message.get("headers", ())]
            said = {name for name, _ in kept}
            headers = [(name, value) for name, value in kept if name not in _DROPPED and not _is_cors(name)]
            headers += _HEADERS.items()
            headers += [(name, value) for name, value in _UNLESS_SAID.items() if name not in said]
            message = {**message, "headers": headers}
        await self._send(message)


def _is_cors(name: bytes) -> bool:
    return name.startswith(b"access-control-")


def _is_open(asked: RequestHead) -> bool:
    """Return whether everybody may have that: the page without any memory, and what leads to it."""
    if asked.method not in _READING:
        return False
    below = asked.path.startswith(_OPEN_BELOW) and ".." not in asked.path and "\\" not in asked.path
    return asked.path in _OPEN or below


def _has_token_in_url(asked: RequestHead) -> bool:
    """Return whether a token is in the URL, whether or not one is also where it belongs."""
    query = asked.query.decode("latin-1")
    named = any(name.lower() in _IN_URLS for name, _ in parse_qsl(query, keep_blank_values=True))
    return named or tokens.is_in(asked.path) or tokens.is_in(query)


def _token_in(asked: RequestHead) -> str | None:
    """Return the token that a request brings; None if it brings none. Raises ValueError, which says what is wrong."""
    try:
        said, key = asked.one("authorization"), asked.one("x-api-key")
    except ValueError:
        raise ValueError("several tokens") from None
    if said is not None:
        scheme, _, token = said.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise ValueError("no bearer token")
        if key is not None and key.strip() != token:
            raise ValueError("several tokens")
        return token
    return None if key is None else key.strip()


def _cookie_in(asked: RequestHead, name: str) -> str | None:
    """Return the value of the cookie; None if there is none. Raises ValueError if there are several."""
    said = asked.one("cookie")
    if said is None:
        return None
    pairs = [part.strip().partition("=") for part in said.split(";")]
    found = [value for cookie, _, value in pairs if cookie == name]
    if len(found) > 1:
        raise ValueError(name)
    return found[0] if found else None
