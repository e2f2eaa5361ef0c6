"""MCP over HTTP: the SDK's streamable HTTP in both eras of the protocol, at /mcp and /api/mcp.

With a handshake there are sessions (`mcp_sessions`). Without one each request stands for itself, and one client's
requests share a link to the cluster, so that `memmux status` shows it once.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import resource
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CLIENT_INFO_META_KEY
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from mcp_dealer import lines
from mcp_dealer.http import problem
from mcp_dealer.http.caller import Caller
from mcp_dealer.http.clients import IDLE_S
from mcp_dealer.http.mcp_events import STANDALONE, stream_of
from mcp_dealer.http.mcp_followers import Followers
from mcp_dealer.http.mcp_sessions import NAME_CHARACTERS, McpSession, McpSessions, NoRoomError, Signing
from mcp_dealer.http.rest.operation import KEY
from mcp_dealer.http.traffic import BODY_BYTES
from mcp_dealer.link.asked import LINE, LINK, AskedLine
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.sdk.server import MemoryServer
from memmux.client.calls import check_name
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, OverloadedError

PATHS = ("/mcp", "/api/mcp")
METHODS = ("GET", "POST", "DELETE")
SESSIONS = 256  # that are open at a time; others are put away, and begun anew by their ids
LINKS = 64  # of clients of the era without sessions
SHARE = 16  # one of so many descriptors may be a session's or a link's, of which each has three
_SESSION, _VERSION, _RESUME = b"mcp-session-id", b"mcp-protocol-version", b"last-event-id"
_JSON = "application/json"
_KEY = KEY.lower().encode()
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class McpOverHttp:
    """What answers at both paths: an ASGI application. server: whose tools are called. signer: of ids of sessions."""

    def __init__(self, server: MemoryServer, settings: Settings, signer: Signing) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        share = SESSIONS if soft == resource.RLIM_INFINITY else max(1, soft // SHARE)
        followers = Followers(Places(settings).mcp_socket.with_name("followers"))
        self.sessions = McpSessions(server, signer, min(SESSIONS, share), followers)
        self._settings = settings
        self._manager = StreamableHTTPSessionManager(
            server.lowlevel, stateless=True, max_request_body_size=BODY_BYTES, session_idle_timeout=None
        )
        self._links = _Links(min(LINKS, share))
        self._running: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Have the SDK answer requests of the era without sessions."""
        ready = asyncio.Event()
        self._running = asyncio.create_task(self._run(ready), name="mcp-http")
        await ready.wait()

    async def _run(self, ready: asyncio.Event) -> None:
        LINK.set(ClusterLink(self._settings))  # of nobody: the SDK wants one to close at the end
        async with self._manager.run():
            ready.set()
            await self._stop.wait()

    def look(self) -> None:
        """Put away what nobody has used for long; to be called now and then."""
        self.sessions.look()
        self._links.look()

    async def aclose(self) -> None:
        """End all sessions, and say goodbye for them."""
        self._stop.set()
        await self.sessions.aclose()
        await self._links.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whose caller is known."""
        caller: Caller = scope["state"]["caller"]
        headers = dict(scope["headers"])
        body, said = b"", dict[str, Any]()
        if scope["method"] == "POST":
            body = await _body(receive)
            one = lines.read_one(body)
            if isinstance(one, lines.Refusal):
                await Response(one.answer, 400, media_type=_JSON)(scope, receive, send)
                return
            said, receive = one.value, _again(one.text.encode(), receive)
        version = headers.get(_VERSION, b"").decode("latin-1")
        if version and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._without_session(said, body, scope, receive, send)
            return
        try:
            session_id = headers.get(_SESSION, b"").decode("latin-1")
            if session_id:
                session = await self.sessions.find(caller, session_id)
                refused = _error(404, "Session not found")
            elif said.get("method") == "initialize":
                session = await self.sessions.open(caller, _mapping(said.get("params")))
                refused = _error(400, "initialize has no parameters that make sense")
            else:
                session, refused = None, _error(400, "Missing session ID: initialize first")
        except NoRoomError:
            error = OverloadedError("there are as many sessions as there may be, and all are in use")
            await problem.problem(error)(scope, receive, send)
            return
        if session is None:
            await refused(scope, receive, send)
            return
        LINE.set(session.asked(said.get("id"), body))
        if scope["method"] == "GET" and _is_standalone(headers.get(_RESUME, b"").decode("latin-1")):
            session.transport.close_standalone_sse_stream()  # one whose client is gone, of which nobody has heard
        await self._in_session(session, scope, receive, send)

    async def _in_session(self, session: McpSession, scope: Scope, receive: Receive, send: Send) -> None:
        LINK.set(session.link)
        session.used += 1
        try:
            await session.transport.handle_request(scope, receive, send)
        finally:
            session.used -= 1
            session.idle_since = time.monotonic()
            if scope["method"] == "DELETE" and session.over:
                self.sessions.end(session)

    async def _without_session(
        self, said: Mapping[str, Any], body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        caller: Caller = scope["state"]["caller"]
        try:
            line = _line(caller, dict(scope["headers"]).get(_KEY, b"").decode("latin-1"), said.get("id"), body)
        except MemmuxError as error:
            await problem.problem(error)(scope, receive, send)
            return
        meta = _mapping(_mapping(said.get("params")).get("_meta"))
        client = _mapping(meta.get(CLIENT_INFO_META_KEY))
        name, version = (one if isinstance(one := client.get(part), str) else "" for part in ("name", "version"))
        with self._links.of(caller, name, version) as link:
            LINK.set(link)
            LINE.set(line)
            await self._manager.handle_request(scope, receive, send)


class _Links:
    """Links to the cluster for clients that have no session, by key and name. most: at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str], _Used] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def of(self, caller: Caller, name: str, version: str) -> _Used:
        """Return the link of a client, to be used in a block; of a long name or version the beginning counts."""
        name, version = name[:NAME_CHARACTERS], version[:NAME_CHARACTERS]
        guest = caller.guest.running(name, version) if name else caller.guest
        known = self._known.pop((caller.identity, name), None) or _Used(caller.link.beside(guest.about()))
        while len(self._known) >= self._most and (oldest := self._oldest(time.monotonic())) is not None:
            self._close(oldest)
        self._known[caller.identity, name] = known
        return known

    def look(self) -> None:
        """Close those that nobody has used for long."""
        while (oldest := self._oldest(time.monotonic() - IDLE_S)) is not None:
            self._close(oldest)

    def _oldest(self, before: float) -> tuple[str, str] | None:
        """Return the one that was used least lately, and before that time."""
        return next((key for key, one in self._known.items() if not one.used and one.idle_since < before), None)

    def _close(self, key: tuple[str, str]) -> None:
        closing = asyncio.create_task(self._known.pop(key).link.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close all."""
        for key in list(self._known):
            self._close(key)
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)


class _Used:
    """A link, and how many requests use it."""

    def __init__(self, link: ClusterLink) -> None:
        self.link = link
        self.used = 0
        self.idle_since = time.monotonic()

    def __enter__(self) -> ClusterLink:
        self.used += 1
        return self.link

    def __exit__(self, *_: object) -> None:
        self.used -= 1
        self.idle_since = time.monotonic()


def _line(caller: Caller, key: str, request_id: object, body: bytes) -> AskedLine | None:
    """Return what stands for a request without a session, the same when it is sent again; None if nothing tells that.

    The protocol has no word for it (SEP-3182 asks for one): so it is the header that REST takes, or an id that is a
    UUID. Numbers begin anew with each process of a client. Raises ArgumentInvalidError for a key that is none.
    """
    if key:
        check_name(KEY, key)
        number = key
    elif isinstance(request_id, str) and _UUID.fullmatch(request_id):
        number = f"{request_id} {hashlib.sha256(body).hexdigest()}"
    else:
        return None
    digest = hashlib.sha256(number.encode("latin-1")).hexdigest()
    return AskedLine(f"http-{hashlib.sha256(caller.identity.encode()).hexdigest()[:16]}", digest, time.time())


async def _body(receive: Receive) -> bytes:
    """Return the whole body; what is too large ends before."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body once more, and then what follows it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_standalone(event_id: str) -> bool:
    return not event_id or stream_of(event_id) == STANDALONE


def _error(status: int, message: str) -> Response:
    return Response(lines.error(lines.INVALID_REQUEST, message, None), status, media_type=_JSON)
