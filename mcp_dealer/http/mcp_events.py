"""The events of MCP's streams: kept for a while, so that a client whose connection broke can go on where it was.

They are in memory, and bounded. A client that asks for those of a gateway that is gone is told so: it need not wait for
an answer that nobody works on any more.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass

import orjson
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCMessage

SESSION_BYTES = 512 << 10  # of the events of one session
BYTES = 32 << 20  # of all
STANDALONE = "_GET_stream"  # the SDK's name of the stream that belongs to no request
EMPTY_BYTES = 64  # of an event, beside its message
LOST = (
    "interrupted: the server was restarted while it worked on this; send the request again, a write is applied once if "
    "its id is the same"
)


@dataclass(slots=True, eq=False)
class _Event:
    session: SessionEvents
    number: int
    stream: str
    message: JSONRPCMessage | None
    size: int


class Events:
    """The events of all sessions of one process."""

    def __init__(self, most: int = BYTES) -> None:
        self._most = most
        self._all: deque[_Event] = deque()
        self.size = 0
        """How many bytes they take, about."""

    def add(self, event: _Event) -> None:
        """Keep an event, and no longer the oldest ones of all."""
        self._all.append(event)
        self.size += event.size
        while self._all and (self.size > self._most or self._all[0].size == 0):
            oldest = self._all.popleft()
            if oldest.size:  # its session keeps it yet
                oldest.session.drop()

    def gone(self, event: _Event) -> None:
        """Take that an event is kept no more."""
        self.size -= event.size
        event.size, event.message = 0, None


class SessionEvents(EventStore):
    """The events of one session, as the SDK keeps and asks for them."""

    def __init__(self, events: Events, most: int = SESSION_BYTES) -> None:
        self._events = events
        self._most = most
        self._kept: deque[_Event] = deque()
        self._size = 0
        self._last = 0
        self._boot = secrets.token_hex(4)  # in ids of events: the session may have begun before, here or elsewhere

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep an event and return its id; the oldest ones go when there are too many."""
        self._last += 1
        event = _Event(self, self._last, stream_id, message, EMPTY_BYTES + _size(message))
        self._kept.append(event)
        self._size += event.size
        while self._size > self._most and len(self._kept) > 1:
            self.drop()
        self._events.add(event)
        return f"{self._boot}.{event.number}.{stream_id}"

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send what came after an event of the same stream; return the stream, whose further events follow."""
        boot, _, rest = last_event_id.partition(".")
        number, _, stream = rest.partition(".")
        if not stream or not number.isdecimal():
            return None
        if boot != self._boot:
            if stream != STANDALONE:
                request_id = int(stream) if stream.isdecimal() else stream
                lost = JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=INTERNAL_ERROR, message=LOST))
                await send_callback(EventMessage(lost))
                return None
            number = "0"  # all that are kept are later
        later = [event for event in self._kept if event.number > int(number) and event.stream == stream]
        for event in later:
            if event.message is not None:
                await send_callback(EventMessage(event.message, f"{self._boot}.{event.number}.{stream}"))
        answered = bool(later) and _is_last(later[-1].message)
        return None if answered else stream

    def drop(self) -> None:
        """Keep the oldest event no longer."""
        if self._kept:
            event = self._kept.popleft()
            self._size -= event.size
            self._events.gone(event)

    def close(self) -> None:
        """Keep none any longer."""
        while self._kept:
            self.drop()


def stream_of(event_id: str) -> str:
    """Return the stream that an event's id names."""
    return event_id.partition(".")[2].partition(".")[2]


def _is_last(message: JSONRPCMessage | None) -> bool:
    return message is not None and not hasattr(message, "method")


def _size(message: JSONRPCMessage | None) -> int:
    if message is None:
        return 0
    said = getattr(message, "result", None) or getattr(message, "params", None) or {}
    try:
        return len(orjson.dumps(said, default=str))
    except TypeError:  # a number of more than 64 bits
        return len(repr(said))
