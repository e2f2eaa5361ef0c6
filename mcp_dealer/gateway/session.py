"""A session: the lines of one host, from its relay to the SDK and back, and each of them settled.

The SDK works on a message in a copy of the context that comes with it, so that whatever is said there is known to
belong to the line: ids may be used twice, and are left alone. An answer is a frame as soon as all that its line asks
is answered; what is cancelled is settled without one.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from mcp.shared.dispatcher import coerce_request_id
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import INTERNAL_ERROR, JSONRPCRequest

from mcp_dealer import lines
from mcp_dealer.asked import LINE
from mcp_dealer.gateway.connection import Connection
from mcp_dealer.gateway.line import Asked, Line
from mcp_dealer.gateway.plain_calls import PlainCalls
from mcp_dealer.gateway.streams import Incoming, Outgoing, parsed
from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.relay import frames
from memmux.relay.frames import Frame

LINES = 64  # without an answer; then the relay isn't read
BYTES = 8 << 20  # of them, or of answers that the relay has not taken; then it isn't read either
_POISONED = "poisoned: the MCP server died of this request, or of one beside it, time and again; send another one"
INITIALIZE, INITIALIZED = "initialize", "notifications/initialized"  # what the next gateway has to know
CANCELLED = "notifications/cancelled"
OPEN_ENDED = "subscriptions/listen"  # answered when it ends, so nobody waits for it to leave

Run = Callable[[Incoming, Outgoing], Awaitable[None]]


class Session:
    """The lines of one relay.

    name: of the relay's session, which is the same at every gateway. poisoned: the number of the last line that was
    sent to gateways of which one after the other died; requests up to it fail. offered: of the last line that an
    earlier gateway was sent. plain: answers what needs no SDK.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        poisoned: int = 0,
        offered: int = 0,
        plain: PlainCalls | None = None,
    ) -> None:
        self._connection = connection
        self._plain = plain
        self._calls: dict[int | str, asyncio.Task[None]] = {}  # the plain ones, by the id that the host gave
        self._name = name
        self._poisoned = poisoned
        self._offered = offered
        self._lines: dict[int, Line] = {}
        self._requests: dict[int | str, Line] = {}  # by the id that the host gave
        self._bytes = 0
        self._changed = asyncio.Event()
        self._ended = False
        self.left = "connection closed"
        """Why the host's input ended."""

    async def run(self, serve: Run) -> None:
        """Have `serve` answer the host's messages until its input ends, and everything is answered, or it is gone."""
        incoming = Incoming()
        reading = asyncio.create_task(self._read(incoming))
        try:
            await serve(incoming, Outgoing(self))
        finally:
            self._ended = True
            for call in self._calls.values():
                call.cancel()
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    # from the relay

    async def _read(self, incoming: Incoming) -> None:
        try:
            while (frame := await self._connection.frame()) is not None:
                if frame.kind == frames.END:
                    self.left = frame.payload.decode(errors="replace") or "input ended"
                    await self._finish()
                    return
                if frame.kind in (frames.LINE, frames.REPLAYED):
                    self._take(frame, incoming)
                    await self._room()
        finally:
            incoming.end()

    async def _room(self) -> None:
        """Return when another line may come."""
        while len(self._lines) >= LINES or self._bytes >= BYTES or self._connection.unsent >= BYTES:
            self._changed.clear()
            if self._connection.unsent >= BYTES:
                await self._connection.drain()
            else:
                await self._changed.wait()

    async def _finish(self) -> None:
        """Return when everything is answered, or nobody is there to hear it."""
        gone = asyncio.create_task(self._connection.frame())
        try:
            while any(not line.open_ended for line in self._lines.values()):
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait())
                done, _ = await asyncio.wait({changed, gone}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if gone in done:
                    return
        finally:
            gone.cancel()

    def _take(self, frame: Frame, incoming: Incoming) -> None:
        line = Line(frame.number, frame.kind == frames.REPLAYED, len(frame.payload))
        self._lines[line.number] = line
        self._bytes += line.size
        said = list(lines.read(frame.payload))
        messages: list[tuple[Asked, lines.Message]] = []
        line.asked = 1  # until all of it is seen
        for part, one in enumerate(said):
            if isinstance(one, lines.Refusal):
                log.get().warning("line_refused", code=one.code, error=one.reason)
                line.answers.append((None, one.answer))
                continue
            number = f"{line.number}.{part}" if len(said) > 1 else str(line.number)
            messages.append((Asked(self._name, number, frame.at / 1000, line=line, of=self), one))
        later = False
        for asked, said_one in messages:
            if line.number > self._poisoned and self._plain is not None and self._plain.take(said_one.value):
                self._call(asked, said_one.value)
                continue
            message, metadata = parsed(said_one.text), None
            if line.number <= self._poisoned and not line.replayed and isinstance(message, JSONRPCRequest):
                line.answers.append((message.id, lines.error(INTERNAL_ERROR, _POISONED, message.id)))
                continue
            if isinstance(message, JSONRPCRequest):
                line.asked += 1
                line.open_ended, line.opens = message.method == OPEN_ENDED, message.method == INITIALIZE
                if line.open_ended:
                    self.pin(line.number, needed=True)
                self._requests[coerce_request_id(message.id)] = line
                metadata = ServerMessageMetadata(on_request_unanswered=_settling(self, asked))
            method = getattr(message, "method", "")
            if method == INITIALIZED and not line.replayed:
                self.pin(line.number)
            later = self._cancels(line, message) or later
            item = message if isinstance(message, Exception) else SessionMessage(message, metadata)
            incoming.put(asked, item)
        if not later:
            self.settle(line)

    def _call(self, asked: Asked, message: Any) -> None:
        """Answer a plain call in a task of its own."""
        plain, line, request_id = self._plain, asked.line, coerce_request_id(message["id"])
        assert plain is not None
        line.asked += 1
        self._requests[request_id] = line
        context = contextvars.copy_context()
        context.run(LINE.set, asked)

        def forget() -> None:
            if self._calls.get(request_id) is call:
                del self._calls[request_id]

        async def answer() -> None:
            text = await plain.answer(message)
            call.remove_done_callback(failed)  # who is called back waits for another turn of the loop
            forget()
            if not self._ended:  # else nobody hears it any more, or the next gateway answers
                self.answer(line, request_id, text)

        def failed(call: asyncio.Task[None]) -> None:
            forget()
            self._unanswered(line, request_id, call)

        call = asyncio.get_running_loop().create_task(answer(), context=context)
        self._calls[request_id] = call
        call.add_done_callback(failed)

    def _unanswered(self, line: Line, request_id: int | str, call: asyncio.Task[None]) -> None:
        """Take the end of a plain call without an answer; one that its host has cancelled gets none."""
        if call.cancelled():
            if not self._ended:
                self.settle(line)
        elif (error := call.exception()) is not None:
            log.get().error("session_failed", exc_info=error)
            if not self._ended:
                self.answer(line, request_id, lines.error(INTERNAL_ERROR, MemmuxError().message, request_id))

    def _cancels(self, line: Line, message: object) -> bool:
        """Return whether the line cancels one that is still worked on; then it is settled after that one."""
        if getattr(message, "method", "") != CANCELLED:
            return False
        request_id = (getattr(message, "params", None) or {}).get("requestId")
        target = self._requests.get(coerce_request_id(request_id)) if isinstance(request_id, int | str) else None
        if target is None or target.number not in self._lines or target is line:
            return False
        target.cancels.append(line)
        if (call := self._calls.get(coerce_request_id(str(request_id)))) is not None:
            call.cancel()
        return True

    # to the relay

    def pin(self, number: int, unpinned: tuple[int, ...] = (), *, needed: bool = False) -> None:
        """Have the next gateway told of a line, and of others no more; needed: it is to be there all the time."""
        self._connection.send(Frame(frames.PIN, number, frames.pack_numbers(unpinned), at=int(needed)))

    def answer(self, line: Line, request_id: object, text: str) -> None:
        """Take the answer to one message of a line."""
        line.answers.append((request_id, text))
        self.settle(line)

    def opened(self, line: Line, result: dict[str, Any]) -> None:
        """Take the result of `initialize`; one that is refused, in the other era, would spoil the next gateway's."""
        if not line.replayed:
            self.pin(line.number)
        if self._plain is not None:
            self._plain.negotiated(result)

    def settle(self, line: Line) -> None:
        """Take that one message of a line wants nothing more; the last one settles the line."""
        line.asked -= 1
        if line.asked > 0 or self._lines.pop(line.number, None) is None:
            return
        self._bytes -= line.size
        self._changed.set()
        for request_id in [known for known, other in self._requests.items() if other is line]:
            del self._requests[request_id]
        if line.open_ended:
            self.pin(0, (line.number,))
        if not line.replayed:
            kind = frames.ANSWER if line.answers else frames.SETTLED
            self._connection.send(Frame(kind, line.number, line.payload()))
        for cancel in line.cancels:
            self.settle(cancel)

    def acknowledged(self, line: Line) -> bool:
        """Return whether an earlier gateway has said that it listens."""
        return line.open_ended and line.number <= self._offered

    def say(self, text: str) -> None:
        """Tell the host something that answers nothing; not if it has left much unread, or no frame could hold it."""
        said = text.encode()
        if self._connection.unsent < BYTES and len(said) <= frames.PAYLOAD_BYTES:
            self._connection.send(Frame(frames.OUTPUT, 0, said))


def _settling(session: Session, asked: Asked) -> Callable[[], Awaitable[None]]:
    async def settle() -> None:
        session.settle(asked.line)

    return settle
