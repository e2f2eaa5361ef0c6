"""The application: everything that is served over HTTP, inside the gate."""

from __future__ import annotations

from typing import Any

import zmq
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_dealer.http import login, page, problem, rest
from mcp_dealer.http.clients import Clients
from mcp_dealer.http.credentials import Credentials
from mcp_dealer.http.gate import Gate
from mcp_dealer.http.mcp import METHODS, PATHS, McpOverHttp
from memmux.config.settings import Settings
from memmux.wire import http_address


class Application:
    """An ASGI application: MCP, REST, and the page with what opens it. context: of the clients of the cluster."""

    def __init__(self, settings: Settings, mcp: McpOverHttp, context: zmq.Context[Any]) -> None:
        credentials = Credentials(settings)
        self._clients = Clients(settings, context)
        self._streams = rest.Streams()
        routes = [
            *(Route(path, mcp, methods=METHODS) for path in PATHS),
            *rest.routes(self._streams),
            *page.routes(),
            *login.routes(settings, credentials, page.refusing(), behind_proxy=settings.behind_proxy),
        ]
        inner = Starlette(routes=routes, exception_handlers=dict(problem.HANDLERS))
        inner.router.redirect_slashes = False
        self._gate: ASGIApp = Gate(
            inner, credentials, self._clients, hosts=_hosts(settings), behind_proxy=settings.behind_proxy
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._gate(scope, receive, send)

    def look(self) -> None:
        """Say goodbye for clients that have not asked for long; to be called now and then."""
        self._clients.look()

    def leave(self) -> None:
        """End the streams of events, for the next process to go on with."""
        self._streams.end()

    async def aclose(self) -> None:
        """Say goodbye to the cluster for all who have asked."""
        await self._clients.aclose()


def _hosts(settings: Settings) -> tuple[str, ...]:
    """Return the names by which it may be called, beside the address that is reached."""
    address = None if settings.http is None else http_address.parse(settings.http)
    return (*settings.http_hosts, *([] if address is None else [address.bracketed]))
