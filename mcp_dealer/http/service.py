"""The service: HTTP as the gateway's process has it, from the socket to the sessions."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import zmq

from mcp_dealer.http.app import Application
from mcp_dealer.http.mcp import McpOverHttp
from mcp_dealer.http.rest import upload_folders, work
from mcp_dealer.http.server import LEAVE_S, HttpServer
from mcp_dealer.http.traffic import Traffic
from mcp_dealer.sdk.server import MemoryServer
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.trust.signing import Signer

AGAIN_S = 2.0  # before what could not be served is tried again: a certificate may just be replaced
UPLOADS_S = LEAVE_S - 4.0  # for uploads that are worked on when no more are taken; then they are told, in the rest
LAST_S = 0.5  # for requests that are under way when the process ends


class HttpService:
    """HTTP of one process. listener: the socket that the router has bound."""

    def __init__(
        self, settings: Settings, server: MemoryServer, context: zmq.Context[Any], listener: socket.socket
    ) -> None:
        self._listener = listener
        self._mcp = McpOverHttp(server, settings, Signer(Places(settings)))
        self._application = Application(settings, self._mcp, context)
        self._traffic = Traffic(self._application)
        self._server = HttpServer(self._traffic, settings)
        self._leaving: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._error = ""  # why nobody can be served

    async def start(self) -> None:
        """Be ready to serve, or know why that can't be; remove what a process that was killed has left."""
        await asyncio.to_thread(upload_folders.sweep)
        await self._mcp.start()
        try:
            self._server.tls.context()
        except MemmuxError as error:
            self._failed(error)

    def open(self) -> None:
        """Accept what comes from now on."""
        if self._opening is None and self._leaving is None:
            self._opening = asyncio.create_task(self._open(), name="http-opening")

    async def _open(self) -> None:
        """Accept; as long as that can't be, try again, and turn away who has come, who would wait for nothing."""
        while not self._server.leaving:
            try:
                await self._server.open(self._listener)
            except MemmuxError as error:
                self._failed(error)
                with suppress(OSError):  # nobody is there
                    while True:
                        self._listener.accept()[0].close()
                await asyncio.sleep(AGAIN_S)
            else:
                if self._error:
                    log.get().info("http_served")
                self._error = ""
                return

    def _failed(self, error: MemmuxError) -> None:
        if error.message != self._error:
            log.get().warning("http_not_served", error=error.message)
        self._error = error.message

    def look(self) -> dict[str, int | str]:
        """Do what is due every second, and return the figures that `cluster.status` has.

        Beside these, `error` says why it can't serve, and `certificate` what is to be done about that soon.
        """
        self._server.look()
        self._mcp.look()
        self._application.look()
        return {
            "connections": self._server.connections,
            "streams": self._traffic.streams,
            "sessions": len(self._mcp.sessions),
            "requests": self._traffic.requests,
            "refused": self._traffic.refused + self._server.refused,
            **{name: said for name, said in self._said() if said},
        }

    def _said(self) -> Iterable[tuple[str, str]]:
        return ("error", self._error), ("certificate", "" if self._error else self._server.tls.trouble)

    def leave(self) -> None:
        """Accept no more, end streams, and answer what is under way: the next process has what comes."""
        if self._leaving is None:
            if self._opening is not None and not self._opening.done():
                self._opening.cancel()
            self._server.close()
            self._application.leave()
            self._traffic.leave()
            asyncio.get_running_loop().call_later(UPLOADS_S, work.leave)
            self._leaving = asyncio.create_task(self._server.drain(), name="http-leaving")

    @property
    def left(self) -> bool:
        """Whether all of that is done."""
        return self._leaving is not None and self._leaving.done()

    async def aclose(self) -> None:
        """End it, after what is answered at this moment is written."""
        self.leave()
        work.leave()
        assert self._leaving is not None
        await asyncio.wait({self._leaving}, timeout=LAST_S)
        await self._mcp.aclose()
        await self._application.aclose()
        upload_folders.remove_all()
