"""The gateway: takes relays in, and serves each as if it were the only one."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import zmq

from mcp_dealer.gateway.connection import Connection
from mcp_dealer.gateway.later_features import LaterFeatures
from mcp_dealer.gateway.plain_requests import PlainRequests
from mcp_dealer.gateway.session import RelaySession
from mcp_dealer.link.asked import LINK
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.link.relay_hello import RelayHello
from mcp_dealer.sdk import lean_sdk
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.relay import frames
from memmux.relay.frames import Frame

if TYPE_CHECKING:
    from mcp_dealer.sdk.server import MemoryServer

HELLO_S = 30.0  # for a relay to say who it is
LEAVE_S = 1.0  # for the sessions to say goodbye
DEATHS = 5  # of gateways, after which what they were sent is answered with an error
FAILED = 1  # the code that a relay exits with when its settings are wrong
SEEK = b"seek"


class Gateway:
    """One process's MCP server. settings: of the cluster that it is for; None where any is meant."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._features = LaterFeatures()
        self._server: MemoryServer | None = None
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        """Of the clients of the cluster, which all share."""
        self._serving: dict[asyncio.Task[None], Connection] = {}
        self.traced = False
        """Whether spans are made."""
        self.moving = False
        """Whether it sends its relays to the next one."""
        self.idle_since = time.monotonic()
        """Since when there is no session, in monotonic seconds."""

    @property
    def server(self) -> MemoryServer:
        """The SDK's server; it is made, and the SDK imported, when it is first asked for."""
        if self._server is None:
            lean_sdk.import_sdk(http=False)  # one that serves HTTP has it already
            from mcp_dealer.sdk.server import MemoryServer

            self._server = MemoryServer(features=self._features.get())
        return self._server

    @property
    def sessions(self) -> int:
        """How many relays are connected."""
        return len(self._serving)

    def take(self, connection: Connection) -> asyncio.Task[None]:
        """Serve a relay in a task of its own."""
        task = asyncio.create_task(self.serve(connection))
        self._serving[task] = connection
        if self.moving:  # it came in between
            connection.send(Frame(frames.GO))
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._serving.pop(task, None)
        self.idle_since = time.monotonic()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.get().error("session_failed", exc_info=error)

    async def serve(self, connection: Connection) -> None:
        """Serve one relay until its host is gone."""
        try:
            async with asyncio.timeout(HELLO_S):
                frame = await connection.frame()
            if frame is not None and frame.kind == frames.HELLO:
                await self._welcome(connection, frame)
        except TimeoutError:
            pass
        finally:
            await connection.aclose()

    async def _welcome(self, connection: Connection, frame: Frame) -> None:
        try:
            hello = RelayHello.of(frame, connection.peer_pid)
        except MemmuxError as error:
            words = f"memmux mcp: {error.code}: {error.message}"
            connection.send(Frame(frames.EXIT, FAILED, words.encode(errors="replace")))
            return
        ours = self._settings
        if ours is not None and (ours.database, ours.remote) != (hello.settings.database, hello.settings.remote):
            connection.send(Frame(frames.GO, 0, SEEK))
            return
        connection.send(Frame(frames.SETTLED))
        link = ClusterLink(hello.settings, hello, self.context)
        LINK.set(link)
        if hello.settings.traces:
            from mcp_dealer.link import traces  # only who has spans made pays for it

            traces.set_up()
            self.traced = True
        about = hello.about()
        log.get().info("mcp_started", **about)
        poisoned = hello.offered if hello.deaths >= DEATHS else 0
        plain = None if hello.settings.traces else PlainRequests(self._features, link)  # the SDK makes spans of calls
        session = RelaySession(connection, hello.session, poisoned, hello.offered, plain)
        try:
            await session.run(lambda: self.server)
        finally:
            await link.aclose()
            if session.left != "input ended":
                log.get().info("host_gone", why=session.left, **about)
            log.get().info("mcp_stopped", client=link.name, **about)
        connection.send(Frame(frames.EXIT))

    def move(self) -> None:
        """Send every relay to the next gateway."""
        self.moving = True
        for connection in self._serving.values():
            connection.send(Frame(frames.GO))

    async def aclose(self) -> None:
        """End every session, and say goodbye for it."""
        serving = dict(self._serving)
        for task, connection in serving.items():
            connection.mute()
            task.cancel()
        if serving:
            await asyncio.wait(serving, timeout=LEAVE_S)
        with suppress(zmq.ZMQError):
            self.context.destroy(linger=0)
