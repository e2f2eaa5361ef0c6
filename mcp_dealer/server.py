"""The MCP server: the tools over one cluster's client, on stdio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, InputRequiredResult
from mcp_types import Tool as Listing

from mcp_dealer import call_log, older_tools
from mcp_dealer.cluster_link import ClusterLink
from mcp_dealer.full_tools import ExtraTools
from mcp_dealer.older_tools import Older
from mcp_dealer.schemas import as_older
from mcp_dealer.time_words import Moment
from mcp_dealer.tool import refusals, result
from mcp_dealer.tools import MemoryTools
from memmux.config.settings import ToolList
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

    def __init__(self, link: ClusterLink) -> None:
        self._link = link
        full = link.settings.tools is ToolList.FULL
        core = MemoryTools(link.begin, link.uses).all(full=full)
        tools = [*core, *ExtraTools(link.begin, link.settings).all()]
        self._by_name = {tool.name: tool for tool in tools}
        self._listed = {tool.name for tool in (tools if full else core)}
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
    def link(self) -> ClusterLink:
        """The link to the cluster."""
        return self._link

    async def _begin(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Begin to connect once the client has said its name, which in the handshake's era `initialize` does."""
        if ctx.method != "initialize":
            said = ctx.session.client_params
            self._link.begin(said.client_info.name if said is not None else "")
        return await call_next(ctx)

    async def list_tools(self) -> list[Listing]:
        """List the tools that the settings say; the others can be called as well."""
        return [tool for tool in await super().list_tools() if tool.name in self._listed]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name, or by an older one; what is unknown is refused with a code, as everything is."""
        with call_log.called(name, arguments, self._link.name):
            return await self._call(name, arguments, Context(mcp_server=self) if context is None else context)

    async def _call(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any]
    ) -> CallToolResult | InputRequiredResult:
        if name in self._by_name:
            return await super().call_tool(name, arguments, context)
        with refusals(name):
            if name in older_tools.OLDER:
                return await self._call_older(older_tools.OLDER[name], arguments, context)
            if name in older_tools.REFUSED:
                raise older_tools.refusal(name)
            raise UnknownOperationError(f"there is no tool {name!r}; there are {', '.join(self._by_name)}")

    async def _call_older(self, older: Older, arguments: dict[str, Any], context: Context[None, Any]) -> CallToolResult:
        translated = older.translate(arguments, Moment.current)
        answer = await self._by_name[older.tool].run(translated, context)
        most = translated.get("max_response_chars")
        return result(as_older(answer, int(most) if isinstance(most, int | float) else None))


@asynccontextmanager
async def _closing(server: MCPServer[None]) -> AsyncIterator[None]:
    """Close the link when the client leaves."""
    assert isinstance(server, MemoryServer)
    try:
        yield
    finally:
        await server.link.aclose()
