"""A session: the lines of one host, from its relay to who answers them and back, and each of them settled.

Plain requests are answered without the SDK (`mcp_dealer.gateway.plain_requests`). The SDK has a part in a session from
the first message on that is not plain; before that message it is given the handshake that it has missed, as the next
gateway is. It handles each message in a context in which `LINE` is the message's line. So an answer, or whatever else
the SDK sends there, is known to belong to that line even where two requests have one id, and ids are left as they are.

A line is settled when all of its requests are answered: then its answers go to the relay as one frame. A line of which
all was cancelled is settled without an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mcp_dealer import lines
from mcp_dealer.gateway import plain_requests
from mcp_dealer.gateway.connection import Connection
from mcp_dealer.gateway.line import AskedMessage, Line
from mcp_dealer.gateway.plain_calls import PlainCalls
from mcp_dealer.gateway.plain_requests import INITIALIZE, INITIALIZED, PlainRequests
from memmux.logs import log
from memmux.relay import frames
from memmux.relay.frames import Frame

if TYPE_CHECKING:
    from mcp_dealer.gateway.streams import Incoming
    from mcp_dealer.sdk.server import MemoryServer

LINES = 64  # without an answer; then the relay isn't read
LISTENS = LINES // 2  # of them that wait all the time: or there is no room for what ends them
BYTES = 8 << 20  # of them, or of answers that the relay has not taken; then it isn't read either
_POISONED = "poisoned: the MCP server died of this request, or of one beside it, time and again; send another one"
_LISTENS = f"overloaded: {LISTENS} subscriptions are open, the most; end one"
CANCELLED = "notifications/cancelled"
OPEN_ENDED = "subscriptions/listen"  # answered when it ends, so nobody waits for it to leave


class RelaySession:
    """The lines of one relay.

    name: of the relay's session, which is the same at every gateway. poisoned: the number of the last line that was
    sent to gateways of which one after the other died; requests up to it fail. offered: of the last line that an
    earlier gateway was sent. plain: answers what needs no SDK; None if the SDK answers everything.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        poisoned: int = 0,
        offered: int = 0,
        plain: PlainRequests | None = None,
    ) -> None:
        self._connection = connection
        self._plain = plain
        self._calls = PlainCalls(self)
        self._handshake: list[tuple[AskedMessage, str]] = []  # what the SDK has not heard of it
        self._incoming: Incoming | None = None  # what the SDK is to read, once it has anything to read
        self._wanted = asyncio.Event()  # set when it has, or never will
        self._name = name
        self._poisoned = poisoned
        self._offered = offered
        self._lines: dict[int, Line] = {}
        self._requests: dict[int | str, Line] = {}  # by the id that the host gave
        self._bytes = 0
        self._changed = asyncio.Event()
        self.left = "connection closed"
        """Why the host's input ended."""

    async def run(self, server: Callable[[], MemoryServer]) -> None:
        """Answer the host's messages until its input ends, and everything is answered, or it is gone.

        server: makes the SDK's, which is asked for when a message is for it.
        """
        reading = asyncio.create_task(self._read(server))
        try:
            await self._wanted.wait()
            if self._incoming is not None:
                from mcp_dealer.gateway.streams import Outgoing

                await server().serve(self._incoming, Outgoing(self))
        finally:
            self._calls.end()
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    # from the relay

    async def _read(self, server: Callable[[], MemoryServer]) -> None:
        try:
            while (frame := await self._connection.frame()) is not None:
                if frame.kind == frames.END:
                    self.left = frame.payload.decode(errors="replace") or "input ended"
                    await self._finish()
                    return
                if frame.kind in (frames.LINE, frames.REPLAYED):
                    self._take(frame, server)
                    await self._room()
        finally:
            self._wanted.set()
            if self._incoming is not None:
                self._incoming.end()

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

    def _take(self, frame: Frame, server: Callable[[], MemoryServer]) -> None:
        line = Line(frame.number, frame.kind == frames.REPLAYED, len(frame.payload))
        self._lines[line.number] = line
        self._bytes += line.size
        said = list(lines.read(frame.payload))
        messages: list[tuple[AskedMessage, lines.Message]] = []
        line.asked = 1  # until all of it is seen
        for part, one in enumerate(said):
            if isinstance(one, lines.Refusal):
                log.get().warning("line_refused", code=one.code, error=one.reason)
                line.answers.append((None, one.answer))
                continue
            number = f"{line.number}.{part}" if len(said) > 1 else str(line.number)
            messages.append((AskedMessage(self._name, number, frame.at / 1000, line=line, of=self), one))
        later = False
        for asked, said_one in messages:
            poisoned = line.number <= self._poisoned
            refused = _POISONED if poisoned and not line.replayed else self._too_many(said_one.value)
            if refused and "id" in said_one.value and "method" in said_one.value:
                request_id = said_one.value["id"]
                line.answers.append((request_id, lines.error(lines.INTERNAL_ERROR, refused, request_id)))
                continue
            later = self._cancels(line, said_one.value) or later
            if poisoned or self._plain is None or not self._take_plain(asked, said_one, self._plain):
                self._pass_on(asked, said_one, server)
        if not later:
            self.settle(line)

    def _too_many(self, message: Mapping[str, Any]) -> str:
        """Return why a message is refused that would wait all the time; empty if it would not, or has room."""
        open_ended = message.get("method") == OPEN_ENDED
        return _LISTENS if open_ended and sum(line.open_ended for line in self._lines.values()) >= LISTENS else ""

    def _take_plain(self, asked: AskedMessage, said: lines.Message, plain: PlainRequests) -> bool:
        """Return whether a message needs no SDK; then it is answered without."""
        line, value = asked.line, said.value
        if self._incoming is None and (result := plain.initialize_result(value)) is not None:
            line.asked += 1
            self._handshake.append((asked, said.text))
            self.opened(line, result)
            self.answer(line, value["id"], plain_requests.line(value["id"], result))
        elif self._incoming is None and plain.take_initialized(value):
            self._handshake.append((asked, said.text))
            self._pin_initialized(line)
        elif plain.take(value):
            line.asked += 1
            self._requests[lines.same_id(value["id"])] = line
            self._calls.begin(asked, value, plain)
        else:  # before the SDK works on anything there is nothing of its that could be cancelled
            return self._incoming is None and _is_cancellation(value)
        return True

    def _pass_on(self, asked: AskedMessage, said: lines.Message, server: Callable[[], MemoryServer]) -> None:
        """Have the SDK work on a message, after the handshake that it has not heard of."""
        line = asked.line
        if self._incoming is None:
            server()  # imports the SDK
        from mcp_dealer.gateway import streams  # there by now

        if self._incoming is None:
            self._incoming = streams.Incoming()
            for before, text in self._handshake:
                before.line = Line(0, replayed=True, size=0)  # whatever is said to it is dropped
                self._incoming.put(before, streams.parsed(text))
            self._wanted.set()
        message = streams.parsed(said.text)
        if (request := streams.request_in(message)) is not None:
            line.asked += 1
            line.open_ended, line.opens = request.method == OPEN_ENDED, request.method == INITIALIZE
            if line.open_ended:
                self.pin(line.number, needed=True)
            self._requests[lines.same_id(request.id)] = line
        elif said.value.get("method") == INITIALIZED:
            self._pin_initialized(line)
        self._incoming.put(asked, message, _settling(self, asked))

    def _pin_initialized(self, line: Line) -> None:
        if not line.replayed:
            self.pin(line.number)

    def _cancels(self, line: Line, message: Mapping[str, Any]) -> bool:
        """Return whether the line cancels one that is still worked on; then it is settled after that one."""
        if not _is_cancellation(message):
            return False
        request_id = (message.get("params") or {}).get("requestId")
        target = self._requests.get(lines.same_id(request_id)) if isinstance(request_id, int | str) else None
        if target is None or target.number not in self._lines or target is line:
            return False
        target.cancels.append(line)
        self._calls.cancel(lines.same_id(str(request_id)))
        return True

    # to the relay

    def pin(self, number: int, unpinned: tuple[int, ...] = (), *, needed: bool = False) -> None:
        """Have the next gateway told of a line, and of others no more; needed: it is to be there all the time."""
        self._connection.send(Frame(frames.PIN, number, frames.pack_numbers(unpinned), at=int(needed)))

    def answer(self, line: Line, request_id: object, text: str) -> None:
        """Take the answer to one message of a line."""
        line.answers.append((request_id, text))
        self.settle(line)

    def opened(self, line: Line, result: Mapping[str, Any]) -> None:
        """Take the result of `initialize`; one that is refused, in the other era, would spoil the next gateway's."""
        if not line.replayed:
            self.pin(line.number)
        if self._plain is not None:
            self._plain.negotiated(result)

    def settle(self, line: Line) -> None:
        """Note that one message of a line is done with; the last one settles the line."""
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
        return line.open_ended and self.again(line)

    def again(self, line: Line) -> bool:
        """Return whether an earlier gateway was sent the line, too."""
        return line.number <= self._offered

    def say(self, text: str) -> None:
        """Tell the host something that answers nothing; not if it has left much unread, or no frame could hold it."""
        said = text.encode()
        if self._connection.unsent < BYTES and len(said) <= frames.PAYLOAD_BYTES:
            self._connection.send(Frame(frames.OUTPUT, 0, said))


def _is_cancellation(message: Mapping[str, Any]) -> bool:
    """Return whether a message cancels; one with an id is a request, of a method that there is not."""
    return message.get("method") == CANCELLED and "id" not in message


def _settling(session: RelaySession, asked: AskedMessage) -> Callable[[], Awaitable[None]]:
    async def settle() -> None:
        session.settle(asked.line)

    return settle
