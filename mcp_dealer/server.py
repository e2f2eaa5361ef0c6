"""The MCP server: the tools over one cluster's client, on stdio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, InputRequiredResult

from mcp_dealer.link import Link
from mcp_dealer.tools import MemoryTools
from memmux.errors import UnknownOperationError
from memmux.version import __version__

INSTRUCTIONS = (
    "A memory that outlives this conversation and is shared with the user's other assistants. "
    "Search it before you answer something that may have come up earlier: people, projects, preferences, decisions. "
    "Store what will be of use later, one fact a memory, written so that it is understood without this conversation; "
    "update or delete what is no longer true. Store no secrets."
)


class MemoryServer(MCPServer[None]):
    """An MCP server that answers the handshake at once, whatever state the cluster is in."""

    def __init__(self, link: Link) -> None:
        self._link = link
        tools = MemoryTools(link.begin).all()
        self._names = [tool.name for tool in tools]
        super().__init__(
            "memmux",
            title="memmux",
            version=__version__,
            instructions=INSTRUCTIONS,
            tools=tools,
            subscriptions=False,
            lifespan=_closing,
            middleware=[self._begin],
            log_level="ERROR",  # to stderr, where hosts look; everything else is in our own log
        )

    @property
    def link(self) -> Link:
        """The link to the cluster."""
        return self._link

    async def _begin(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Begin to connect once the client has said its name, which in the handshake's era `initialize` does."""
        if ctx.method != "initialize":
            said = ctx.session.client_params
            self._link.begin(said.client_info.name if said is not None else "")
        return await call_next(ctx)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by name; an unknown one is refused with a code, as everything is."""
        if name not in self._names:
            raise ToolError(
                f"{UnknownOperationError.code}: there is no tool {name!r}; there are {', '.join(self._names)}"
            )
        return await super().call_tool(name, arguments, context)


@asynccontextmanager
async def _closing(server: MCPServer[None]) -> AsyncIterator[None]:
    """Close the link when the client leaves."""
    assert isinstance(server, MemoryServer)
    try:
        yield
    finally:
        await server.link.aclose()
