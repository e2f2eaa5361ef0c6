"""The MCP server of the SDK, over our features: it knows all of the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
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
    ContentBlock,
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

from mcp_dealer.features.features import Features
from mcp_dealer.features.identity import INSTRUCTIONS, NAME
from mcp_dealer.features.prompts import KINDS
from mcp_dealer.features.resources import JSON
from mcp_dealer.link.asked import LINE
from mcp_dealer.link.change_watch import RESOURCE
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.schemas import Answer, text
from mcp_dealer.sdk.change_bus import ChangeBus
from mcp_dealer.sdk.protocol_errors import protocol_errors
from mcp_dealer.tool_error import ToolError
from mcp_dealer.tools.tool import unheard
from memmux.version import __version__

_FOLLOWING = ("resources/subscribe", "subscriptions/listen")  # requests to be told of changes, in both eras


class _NoState(RequestStateCodec):
    """The codec of a server that gives its clients no state to send back, and so has sealed none that comes."""

    def seal(self, payload: bytes) -> NoReturn:
        """Raise NotImplementedError."""
        raise NotImplementedError(f"no tool has a state, and one was to be sealed, of {len(payload)} bytes")

    def unseal(self, token: str) -> NoReturn:
        """Refuse what was not given."""
        raise InvalidRequestState(f"none was given, and one came, of {len(token)} characters")


class MemoryServer(MCPServer[None]):
    """An MCP server that answers the handshake at once, whatever state the cluster is in.

    link: of the only client there is, or None where each brings its own, as `LINK`. features: what it serves, where
    somebody else has made that already.
    """

    def __init__(self, link: ClusterLink | None = None, features: Features | None = None) -> None:
        self._features = Features(link) if features is None else features
        super().__init__(
            NAME,
            title=NAME,
            version=__version__,
            instructions=INSTRUCTIONS,
            subscriptions=ChangeBus(self._features.watch, self._features.begun),
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
        features = self._features
        self.link.followed[RESOURCE] = number, features.watch.follow(features.begun(), tell)

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
        return self._features.link

    async def _begin(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Begin to connect once the client has said its name, which in the handshake's era `initialize` does."""
        if ctx.method != "initialize":
            said = ctx.session.client_params
            self.link.begin(said.client_info.name if said is not None else "")
        line = LINE.get()
        if ctx.method in _FOLLOWING and not (line is not None and line.again):
            # Before it is granted: who then hears of nothing has missed nothing. Who was granted it by an earlier
            # gateway is told at once, as nobody knows what was changed since that one ended.
            await self._features.watch.look(self._features.begun())
        return await call_next(ctx)

    async def serve(
        self, incoming: ReadStream[SessionMessage | Exception], outgoing: WriteStream[SessionMessage]
    ) -> None:
        """Serve one client until it leaves."""
        server = self._lowlevel_server
        await server.run(incoming, outgoing, server.create_initialization_options())

    async def list_tools(self) -> list[Listing]:
        """List the tools."""
        return [Listing.model_validate(listing, by_name=False) for listing in await self._features.tools()]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name, or by an older one; what refuses is a result that is an error."""
        try:
            return _result(
                await self._features.answer(name, arguments, unheard if context is None else context.report_progress)
            )
        except ToolError as error:
            return CallToolResult(content=_content(str(error)), is_error=True)

    async def list_resources(self) -> list[Address]:
        """List the resources that need no name."""
        return [Address.model_validate(told, by_name=False) for told in self._features.resources.addresses()]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """List the forms of the addresses of the others."""
        return [ResourceTemplate.model_validate(told, by_name=False) for told in self._features.resources.templates()]

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[None, Any] | None = None
    ) -> Iterable[ReadResourceContents]:
        """Read a resource; what is wrong with it is an error of the protocol, with our code in its message."""
        del context
        with protocol_errors("resource"):
            said, answer = await self._features.resources.read(str(uri))
            self.link.uses.add(answer.used())
            return [ReadResourceContents(content=said, mime_type=JSON)]

    async def list_prompts(self) -> list[Prompt]:
        """List the prompts."""
        return [Prompt.model_validate(told, by_name=False) for told in self._features.prompts.kinds()]

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[None, Any] | None = None
    ) -> GetPromptResult:
        """Return a prompt; what is wrong with it is an error of the protocol, with our code in its message."""
        del context
        with protocol_errors("prompt"):
            said = await self._features.prompts.written(name, arguments or {})
            message = PromptMessage(role="user", content=TextContent(type="text", text=said))
            return GetPromptResult(description=KINDS[name].text, messages=[message])


def _result(answer: Answer) -> CallToolResult:
    """Return an answer as the SDK sends it."""
    return CallToolResult(content=_content(text(answer)), structured_content=answer.structured())


def _content(words: str) -> list[ContentBlock]:
    return [TextContent(type="text", text=words)]


@asynccontextmanager
async def _closing(server: MCPServer[None]) -> AsyncIterator[None]:
    """Close the link when the client leaves."""
    assert isinstance(server, MemoryServer)
    try:
        yield
    finally:
        await server.link.aclose()
