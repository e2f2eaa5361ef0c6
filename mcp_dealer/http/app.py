"""The application: everything that is served over HTTP, inside the gate."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from mcp_dealer.http import problem
from mcp_dealer.http.mcp import PATHS, McpOverHttp

Gate = Callable[[ASGIApp], ASGIApp]


def application(mcp: McpOverHttp, gate: Gate) -> ASGIApp:
    """Return the application; gate: lets in who may, and says who that is."""
    methods = ["GET", "POST", "DELETE"]
    routes = [Route(path, mcp, methods=methods) for path in PATHS]
    return gate(Starlette(routes=routes, exception_handlers=dict(problem.HANDLERS)))
