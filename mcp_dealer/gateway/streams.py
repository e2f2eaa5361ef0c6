"""The two streams between a session and the SDK: what the host has said, and what is said to it.

Imported once the SDK has something to do (`mcp_dealer.gateway.session`).
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse, jsonrpc_message_adapter
from pydantic_core import PydanticSerializationError

from mcp_dealer import lines
from mcp_dealer.gateway.line import AskedMessage
from mcp_dealer.link.asked import LINE, AskedLine

if TYPE_CHECKING:
    from mcp_dealer.gateway.session import RelaySession


Unanswered = Callable[[], Awaitable[None]]


class _Stream:
    """What the SDK asks of a stream beside its messages."""

    async def aclose(self) -> None:
        """Nothing is to be closed."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Incoming(_Stream):
    """The messages of a host, as the SDK reads them. last_context: that of the message that was read last."""

    def __init__(self) -> None:
        self.last_context: contextvars.Context | None = None
        self._queue: asyncio.Queue[tuple[contextvars.Context, SessionMessage | Exception] | None] = asyncio.Queue()

    def put(self, asked: AskedLine, message: JSONRPCMessage | Exception, unanswered: Unanswered | None = None) -> None:
        """Add a message; unanswered: called when it is a request that gets no answer, as it was cancelled."""
        context = contextvars.copy_context()
        context.run(LINE.set, asked)
        if not isinstance(message, Exception):
            asks = unanswered is not None and isinstance(message, JSONRPCRequest)
            metadata = ServerMessageMetadata(on_request_unanswered=unanswered) if asks else None
            self._queue.put_nowait((context, SessionMessage(message, metadata)))
        else:
            self._queue.put_nowait((context, message))

    def end(self) -> None:
        """Have no message follow."""
        self._queue.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        found = await self._queue.get()
        if found is None:
            self.end()
            raise StopAsyncIteration
        self.last_context, item = found
        return item

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        return await self.__anext__()


class Outgoing(_Stream):
    """Where the SDK sends what it says; what a line asked for is known from the context."""

    def __init__(self, session: RelaySession) -> None:
        self._session = session

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message: an answer settles its line."""
        message, asked = item.message, LINE.get()
        line = asked.line if isinstance(asked, AskedMessage) else None
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            if line is not None:
                if line.opens and isinstance(message, JSONRPCResponse):
                    self._session.opened(line, message.result)
                self._session.answer(line, message.id, line_of(message))
        elif line is None or not (line.replayed or (_acknowledges(message) and self._session.acknowledged(line))):
            self._session.say(line_of(message))


def _acknowledges(message: JSONRPCMessage) -> bool:
    return getattr(message, "method", "") == "notifications/subscriptions/acknowledged"


def line_of(message: JSONRPCMessage) -> str:
    """Return a message as a line; half a surrogate pair, as the name of a file may hold, becomes U+FFFD."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True)
    except PydanticSerializationError:
        return lines.mended(json.dumps(message.model_dump(by_alias=True, exclude_unset=True), ensure_ascii=False))


def request_in(message: JSONRPCMessage | Exception) -> JSONRPCRequest | None:
    """Return a message that is a request, and so wants an answer."""
    return message if isinstance(message, JSONRPCRequest) else None


def parsed(text: str) -> JSONRPCMessage | Exception:
    """Return the message for the SDK, which drops an error and so what is no message to it: a malformed answer."""
    try:
        return jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValueError as error:
        return error
