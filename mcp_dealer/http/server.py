"""The server: uvicorn's HTTP/1.1 over the socket that the router hands down, within bounds, in the gateway's loop.

A guest who is slow, says too much or never reads costs a connection for a while, and nobody else anything. uvicorn's
own server is not used: the gateway has the signals, and decides when it takes nobody in any more.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from email.utils import formatdate
from typing import cast

import h11
import orjson
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from mcp_dealer.http import problem
from mcp_dealer.http.framing import HEADER_BYTES
from mcp_dealer.http.tls import Tls
from memmux.config.settings import Settings

BACKLOG = 1024  # connections that wait to be accepted
CONNECTIONS = 1024  # that are open, at most
SHARE = 4  # one of so many descriptors may be a connection; relays and their clients have the others
HEADERS_S = 10.0  # for the headers of a request to be there, and for a handshake of TLS
BODY_S, BODY_BYTES = 10.0, 1024  # in which time so much of a body must come
IDLE_S = 60  # without a request, before a connection is closed
UNREAD_S = 30.0  # in which a client must read something of what it was sent
REFUSED_S = 1.0  # for a client that was refused to have read so
HALF_CLOSED_S = 5.0  # for the answer to a client that has closed its side, and may as well be gone
LEAVE_S = 9.0  # for requests that are under way when no more are taken; the router that has handed over waits 10.5 s
GRACE_S = 3.0  # of these for a connection to ask once more
POLL_S = 0.05  # between two looks whether they are answered
RETRY_S = 2  # before who was refused comes again


class HttpServer:
    """The connections over HTTP of one process. clock: monotonic seconds. descriptors: how many files it may open."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        descriptors: int | None = None,
    ) -> None:
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)  # what matters is in our own log
        self.clock = clock
        self.most = max(1, min(CONNECTIONS, (_descriptors() if descriptors is None else descriptors) // SHARE))
        """How many connections may be open."""
        self.refused = 0
        """How many were refused, or cut for what they did or did not do."""
        self.leaving = False
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._config = Config(
            app,
            loop="none",
            http=_Connection,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=settings.behind_proxy,
            timeout_keep_alive=IDLE_S,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
        self.tls = Tls(settings.tls_cert, settings.tls_key)
        self._config.load()
        self.look()

    async def open(self, listener: socket.socket) -> None:
        """Accept what comes to the socket, which is another process's as well; raise what `Tls.context` does."""
        tls = self.tls.context()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self, self._config, self._state),
            sock=listener,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else HEADERS_S,
        )

    def look(self) -> None:
        """Cut who is too slow, and have a renewed certificate; to be called about once a second."""
        self.tls.look()
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        now = self.clock()
        for connection in list(self._state.connections):
            cast("_Connection", connection).look(now)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._state.connections)

    def close(self) -> None:
        """Accept no more; what waits to be accepted is for the next process. Each connection may ask once more."""
        self.leaving = True
        if self._server is not None:
            self._server.close()
            self._server = None

    async def drain(self, seconds: float = LEAVE_S) -> None:
        """Return when every connection is closed after what it had asked is answered, or the time is over.

        One without a request is left open for a moment: its client may just be sending one, which is answered.
        """
        until = self.clock() + seconds
        await self._settled(self._state.connections, min(seconds, GRACE_S))
        await self._settled(self._state.tasks, until - self.clock())
        for connection in list(self._state.connections):
            with suppress(h11.LocalProtocolError):
                connection.shutdown()
        await self._settled(self._state.connections, until - self.clock())

    async def _settled(self, waited_for: Collection[object], seconds: float) -> None:
        """Return when nothing is in there any more, or the time is over; uvicorn tells nobody when that is."""
        until = self.clock() + seconds
        while waited_for and self.clock() < until:  # noqa: ASYNC110 - as said
            await asyncio.sleep(POLL_S)


class _Connection(H11Protocol):
    """One connection. since: when what is awaited of its client began: headers, a part of a body, or to be read."""

    def __init__(self, server: HttpServer, config: Config, state: ServerState) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._server = server
        self._since = server.clock()
        self._received = 0  # bytes, since then
        self._asking = True  # whether headers are awaited
        self._unread: float | None = None  # since when nothing of what it was sent was read
        self._over = False  # whether it was refused: what comes yet is thrown away

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection in, or refuse it politely where there are too many."""
        if self._server.connections < self._server.most:
            super().connection_made(transport)
            return
        self.transport = transport
        self._server.refused += 1
        self._refuse(503, "too_many_connections", f"there are {self._server.most} connections; try again in a while")

    def data_received(self, data: bytes) -> None:
        """Take what came; the first bytes after an answer begin the time in which headers must come."""
        if self._over:
            return
        if not self._working and not self._asking:
            self._asking, self._since = True, self._server.clock()
        self._received += len(data)
        super().data_received(data)
        if self._working and self._asking:
            self._asking, self._since, self._received = False, self._server.clock(), len(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Have a client that has closed its side get its answer, if all of its request is there and it comes soon.

        Nobody can tell it from one that is gone, so an answer that has begun is broken off. TLS has no half of this.
        """
        answering = self._working and not self._sending and not self.cycle.response_started
        if self._over or not answering or self.scheme == "https":
            return None
        self.cycle.keep_alive = False
        self.loop.call_later(HALF_CLOSED_S, self.transport.close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self.flow is not None:
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Note since when the client reads nothing."""
        self._unread = self._server.clock()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does."""
        self._unread = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._server.refused += 1
        self._refuse(400, "malformed_request", f"{msg.rstrip('.').lower()}; see RFC 9112")

    def look(self, now: float) -> None:
        """Cut it if its client keeps it waiting."""
        if self._over:
            return
        if self._unread is not None:
            if now - self._unread >= UNREAD_S:
                self._server.refused += 1
                self.transport.abort()
        elif self._sending:
            if self.flow.read_paused:  # it is this process that keeps it waiting
                self._since, self._received = now, 0
            elif now - self._since >= BODY_S:
                slow = self._received < BODY_BYTES
                self._since, self._received = now, 0
                if slow:
                    self._late("the body of the request came too slowly; send it faster")
        elif self._asking and not self._working and now - self._since >= HEADERS_S:
            self._late("the headers of a request did not come in time; send them at once")

    @property
    def _working(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _sending(self) -> bool:
        """Whether more of a body is to come, wanted or not."""
        return self.cycle is not None and self.conn.their_state is h11.SEND_BODY

    def _late(self, detail: str) -> None:
        self._server.refused += 1
        if (self._working or self._sending) and self.cycle.response_started:
            self.transport.abort()
        else:
            self._refuse(408, "request_too_slow", detail)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer without a request, and close once the client has had the time to read that."""
        self._over = True
        answer = problem.of_status(status, detail, code, {"Connection": "close", "Retry-After": str(RETRY_S)})
        lines = [f"HTTP/1.1 {status} {orjson.loads(answer.body)['title']}".encode()]
        lines += [name + b": " + value for name, value in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", answer.body]))
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(REFUSED_S, self.transport.abort)


def _descriptors() -> int:
    """Return how many files this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS * SHARE if soft == resource.RLIM_INFINITY else soft
