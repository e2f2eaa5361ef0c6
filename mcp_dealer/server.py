"""The MCP server: the tools, made once, over the cluster's client of whoever is served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.request_state import InvalidRequestState, RequestStateCodec, RequestStateSecurity
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    PromptMessage,
    ResourceTemplate,
    ResourceUpdatedNotification,
    ResourceUpdatedNotificationParams,
    SubscribeRequestParams,
    TextContent,
    UnsubscribeRequestParams,
)
from mcp_types import Resource as Address
from mcp_types import Tool as Listing
from pydantic import AnyUrl

from mcp_dealer import call_log, older_tools
from mcp_dealer.asked import LINE, LINK
from mcp_dealer.change_watch import RESOURCE, ChangeBus, ChangeWatch
from mcp_dealer.cluster_link import ClusterLink
from mcp_dealer.full_tools import ExtraTools
from mcp_dealer.prompts import KINDS, MemoryPrompts
from mcp_dealer.protocol_errors import protocol_errors
from mcp_dealer.resources import JSON, MemoryResources
from mcp_dealer.schemas import Answer, as_brief, as_older
from mcp_dealer.time_words import Moment
from mcp_dealer.tool import MemoryTool, refusals, result
from mcp_dealer.tools import MemoryTools
from memmux.client.asynchronous import AsyncClient
from memmux.config.settings import ToolList
from memmux.errors import PathRefusedError, UnknownOperationError
from memmux.version import __version__

INSTRUCTIONS = (
    "A memory that outlives this conversation and is shared with the user's other assistants. "
    "Search it before you answer something that may have come up earlier: people, projects, preferences, decisions. "
    "Store what will be of use later, one fact a memory, written so that it is understood without this conversation; "
    "update or delete what is no longer true. Store no secrets."
)


PATH_TOOLS = frozenset({"memory_ingest"})
"""Tools that take a path of the machine where the server is."""
UPLOAD = "upload what is to be read with POST /api/ingest, or run `memmux ingest` there"


class _NoState(RequestStateCodec):
    """The codec of a server that gives its clients no state to send back, and so has sealed none that comes."""

    def seal(self, payload: bytes) -> NoReturn:
        """Raise NotImplementedError."""
        raise NotImplementedError(f"no tool has a state, and one was to be sealed, of {len(payload)} bytes")

    def unseal(self, token: str) -> NoReturn:
        """Refuse what was not given."""
        raise InvalidRequestState(f"none was given, and one came, of {len(token)} characters")


class MemoryServer(MCPServer[None]):
    """An MCP server that answers the handshake at once, whatever state the cluster is in."""

    def __init__(self, link: ClusterLink | None = None) -> None:
        """Make the tools; link: of the only client there is, or None where each brings its own, as `LINK`."""
        self._only_link = link
        begin = self._begun
        self._watch = ChangeWatch()
        extra = ExtraTools(begin, lambda: self.link.settings, watch=self._watch)
        further = extra.all()
        self._lists: dict[ToolList, list[MemoryTool]] = {
            ToolList.CORE: MemoryTools(begin).all(),
            ToolList.FULL: [*MemoryTools(begin).all(full=True), *further],
        }
        self._resources = MemoryResources(begin, extra.memory_stats)
        self._prompts = MemoryPrompts(begin, Moment.current)
        self._by_name = {tool.name: tool for tool in self._lists[ToolList.FULL]}
        self._nowhere: Context[None, Any] = Context(mcp_server=self)
        super().__init__(
            "memmux",
            title="memmux",
            version=__version__,
            instructions=INSTRUCTIONS,
            subscriptions=ChangeBus(self._watch, begin),
            lifespan=_closing,
            request_state_security=RequestStateSecurity(codec=_NoState()),
            middleware=[self._begin],
            log_level="ERROR",  # to stderr, where hosts look; everything else is in our own log
        )

        lowlevel = self._lowlevel_server
        lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)

    async def _subscribe(self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        """Tell the client from now on that a resource has changed."""
        uri, line = str(params.uri), LINE.get()
        if uri != RESOURCE:
            raise MCPError(INVALID_PARAMS, f"not_found: {uri[:200]} can't be subscribed to; {RESOURCE} can")
        if uri not in self.link.followed:
            told = ResourceUpdatedNotification(params=ResourceUpdatedNotificationParams(uri=uri))
            number = 0 if line is None else line.keep()
            self.tell_of_changes(lambda: ctx.session.send_notification(told), number)
        return EmptyResult()

    def tell_of_changes(self, tell: Callable[[], object], number: int) -> None:
        """Tell the client that is served here of changes from now on; number: of the line that asked for it."""
        self.link.followed[RESOURCE] = number, self._watch.follow(self._begun(), tell)

    async def _unsubscribe(self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        """Tell it no more."""
        del ctx
        number, following = self.link.followed.pop(str(params.uri), (0, None))
        if following is not None:
            following.cancel()
        if number and (line := LINE.get()) is not None:
            line.let_go(number)
        return EmptyResult()

    @property
    def lowlevel(self) -> Server[Any]:
        """The SDK's server below it, for who has connections of another kind."""
        return self._lowlevel_server

    @property
    def link(self) -> ClusterLink:
        """The link to the cluster of the client that is served here."""
        link = LINK.get() or self._only_link
        assert link is not None, "no client is served here"
        return link

    def _begun(self) -> AsyncClient:
        return self.link.begin()

    async def _begin(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Begin to connect once the client has said its name, which in the handshake's era `initialize` does."""
        if ctx.method != "initialize":
            said = ctx.session.client_params
            self.link.begin(said.client_info.name if said is not None else "")
        return await call_next(ctx)

    async def serve(
        self, incoming: ReadStream[SessionMessage | Exception], outgoing: WriteStream[SessionMessage]
    ) -> None:
        """Serve one client until it leaves."""
        server = self._lowlevel_server
        await server.run(incoming, outgoing, server.create_initialization_options())

    async def list_tools(self) -> list[Listing]:
        """List the tools that the settings say, the others can be called as well; none that a key does not allow."""
        listed = self._lists[self.link.settings.tools]
        if self.link.distant:
            listed = [tool for tool in listed if tool.name not in PATH_TOOLS]
        if await self.link.only_reads():
            listed = [tool for tool in listed if tool.annotations is not None and tool.annotations.read_only_hint]
        return [_listing(tool) for tool in listed]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name, or by an older one; what is unknown is refused with a code, as everything is."""
        return result(await self.answer(name, arguments, context))

    def is_plain(self, name: str) -> bool:
        """Return whether there is a tool of that name that needs nothing of MCP but its arguments."""
        tool = self._by_name.get(name)
        return tool is not None and tool.context_kwarg is None

    async def answer(self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None) -> Answer:
        """Return what a tool answers; raise ToolError with the code and the remedy of whatever refuses."""
        link = self.link
        with call_log.called(name, arguments, link.name):
            answer = await self._answer(name, arguments, self._nowhere if context is None else context)
            link.uses.add(answer.used())
            return answer

    async def _answer(self, name: str, arguments: dict[str, Any], context: Context[None, Any]) -> Answer:
        if self.link.distant and _reads_paths(name):
            with refusals(name):
                raise PathRefusedError(
                    f"{name} reads files where the server is, and is not offered over HTTP; {UPLOAD}"
                )
        if name in self._by_name:
            brief = self.link.settings.tools is ToolList.CORE
            return await self._by_name[name].answer(arguments, context, as_brief if brief else None)
        with refusals(name):
            if name in older_tools.OLDER:
                older = older_tools.OLDER[name]
                translated = older.translate(arguments, Moment.current)
                return await self._by_name[older.tool].answer(translated, context, partial(as_older, name=name))
            if name in older_tools.REFUSED:
                raise older_tools.refusal(name)
            raise UnknownOperationError(f"there is no tool {name!r}; there are {', '.join(self._by_name)}")

    async def list_resources(self) -> list[Address]:
        """List the resources that need no name."""
        return self._resources.addresses()

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """List the forms of the addresses of the others."""
        return self._resources.templates()

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[None, Any] | None = None
    ) -> Iterable[ReadResourceContents]:
        """Read a resource; what is wrong with it is an error of the protocol, with our code in its message."""
        del context
        with protocol_errors("resource"):
            said, answer = await self._resources.read(str(uri))
            self.link.uses.add(answer.used())
            return [ReadResourceContents(content=said, mime_type=JSON)]

    async def list_prompts(self) -> list[Prompt]:
        """List the prompts."""
        return self._prompts.kinds()

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[None, Any] | None = None
    ) -> GetPromptResult:
        """Return a prompt; what is wrong with it is an error of the protocol, with our code in its message."""
        del context
        with protocol_errors("prompt"):
            said = await self._prompts.written(name, arguments or {})
            message = PromptMessage(role="user", content=TextContent(type="text", text=said))
            return GetPromptResult(description=KINDS[name].text, messages=[message])


def _reads_paths(name: str) -> bool:
    older = older_tools.OLDER.get(name)
    return (name if older is None else older.tool) in PATH_TOOLS


def _listing(tool: MemoryTool) -> Listing:
    return Listing(
        name=tool.name,
        description=tool.description,
        input_schema=tool.parameters,
        output_schema=tool.output_schema,
        annotations=tool.annotations,
    )


@asynccontextmanager
async def _closing(server: MCPServer[None]) -> AsyncIterator[None]:
    """Close the link when the client leaves."""
    assert isinstance(server, MemoryServer)
    try:
        yield
    finally:
        await server.link.aclose()
