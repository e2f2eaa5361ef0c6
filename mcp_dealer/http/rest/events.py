"""Events: what is stored, changed and deleted, as it happens, over SSE; it goes on from where a reader was."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from mcp_dealer.http.rest import feed
from mcp_dealer.http.rest.feed import ChangeFollower, Reader, Watcher
from mcp_dealer.http.rest.memories import Place
from mcp_dealer.http.rest.operation import Asked, Done, Operation, part
from mcp_dealer.http.rest.streaming import Streamed
from mcp_dealer.link.change_watch import ChangeWatch
from memmux import limits
from memmux.client.asynchronous import AsyncClient
from memmux.errors import DrainingError, MemmuxError, OverloadedError
from memmux.logs import log

MEDIA_TYPE: Final = "text/event-stream"
LAST: Final = "Last-Event-ID"
MOST: Final = 1024  # streams of one gateway
_HEADERS: Final = {"X-Accel-Buffering": "no"}


class Follow(Place):
    """Where to begin, and what to follow."""

    after_seq: Annotated[int | None, Field(ge=0, le=limits.SEQ)] = None
    """The change after which to begin; by default what is new"""
    status: bool = False
    """Whether the state of the cluster comes along, every two seconds"""


class Streams:
    """All streams that are open in this process."""

    def __init__(self) -> None:
        self._watch = ChangeWatch()
        self._followers: dict[tuple[AsyncClient, object], ChangeFollower] = {}
        self._watchers: dict[AsyncClient, Watcher] = {}
        self._count = 0
        self._ended = False

    def end(self) -> None:
        """End all streams after what waits in them: the gateway leaves, and they find the next one."""
        self._ended = True
        for follower in self._followers.values():
            follower.stop()
        for watcher in self._watchers.values():
            watcher.stop()
        self._followers.clear()
        self._watchers.clear()

    async def open(self, asked: Asked) -> Done:
        """Answer with a stream."""
        if self._ended:
            raise DrainingError
        if self._count >= MOST:
            raise OverloadedError(f"there are {MOST} streams of events already, the most; close some")
        place = _Place(asked.caller.name, asked.client, part(asked.query))
        newest = (await asked.client.changes(**place.part)).next  # a follower may not have seen it yet
        begin, lost = _begin(asked, asked.query, newest)
        reader = Reader(begin)
        parts = self._parts(place, reader, watched=asked.query.status, lost=lost)
        return Streamed(parts, MEDIA_TYPE, _HEADERS, reader.given_up)

    async def _parts(self, place: _Place, reader: Reader, *, watched: bool, lost: bool) -> AsyncGenerator[bytes]:
        """Yield what a reader has not seen, and then what happens."""
        self._count += 1
        try:
            about = {"seq": reader.seq, "heartbeat_interval": feed.HEARTBEAT_S, "message": "Connected to memmux"}
            yield feed.RETRY + feed.event(feed.CONNECTED, about, reader.seq)
            if lost:
                yield feed.event(feed.RESET, {"seq": reader.seq}, reader.seq)
            while not await self._joined(place, reader):
                page = await place.client.changes(reader.seq, limit=limits.HISTORY, texts=True, **place.part)
                if page.changes:
                    yield b"".join(map(feed.of_notice, page))
                reader.seq = page.next
            if watched and not self._ended:
                watcher = self._watchers.get(place.client)
                if watcher is None:
                    watcher = self._watchers[place.client] = Watcher(place.client)
                watcher.readers.add(reader)
            async with aclosing(reader.parts()) as parts:
                async for one in parts:
                    yield one
        except MemmuxError as error:  # it can't be told any more; the caller connects again, and is told then
            log.get().info("stream_ended", client=place.name, code=error.code)
        finally:
            self._count -= 1
            self._leave(place, reader)

    async def _joined(self, place: _Place, reader: Reader) -> bool:
        """Have the reader told of what happens, if it has seen what did; return whether it is, or is told no more."""
        if self._ended:
            reader.end()
            return True
        follower = self._followers.get(place.key)
        if follower is None or follower.ended:
            follower = self._followers[place.key] = ChangeFollower(place.client, place.part, self._watch)
        if await follower.newest() > reader.seq or follower.ended or self._followers.get(place.key) is not follower:
            return False
        follower.readers.add(reader)
        return True

    def _leave(self, place: _Place, reader: Reader) -> None:
        if (follower := self._followers.get(place.key)) is not None:
            follower.readers.discard(reader)
            if not follower.readers:
                follower.stop()
                del self._followers[place.key]
        if (watcher := self._watchers.get(place.client)) is not None:
            watcher.readers.discard(reader)
            if not watcher.readers:
                watcher.stop()
                del self._watchers[place.client]


@dataclass(frozen=True, slots=True)
class _Place:
    """What a stream is about: who reads, by which client, and which namespaces."""

    name: str
    client: AsyncClient
    part: dict[str, Any]

    @property
    def key(self) -> tuple[AsyncClient, object]:
        """What streams have in common that one follower serves: it ends with its client, which has its own bounds."""
        return self.client, self.part.get("namespace", "")


def _begin(asked: Asked, query: Follow, newest: int) -> tuple[int, bool]:
    """Return the change after which a stream begins, and whether what the caller knows is of no use any more.

    That is so where the log has gone back, as by a restored backup, or where the id is none of ours.
    """
    given = asked.request.headers.get(LAST)
    if given is not None:
        if not (given.isascii() and given.isdigit() and len(given) < len(str(limits.SEQ)) + 1):
            return newest, True
        seq = int(given)
    elif query.after_seq is not None:
        seq = query.after_seq
    else:
        return newest, False
    return (newest, True) if seq > newest else (seq, False)


def operations(streams: Streams) -> tuple[Operation, ...]:
    """Return the operation of these streams."""
    return (
        Operation(
            method="GET",
            path="/api/events",
            name="events",
            group="events",
            summary="What happens, as it happens",
            description=(
                "Server-sent events: memory_stored, memory_updated, memory_deleted, memory_restored and memory_loaded, "
                "each with the number of its change as id, by which a stream goes on; reset, where the log has gone "
                "back; and status, if that was asked for."
            ),
            does=streams.open,
            query=Follow,
            media=MEDIA_TYPE,
            headers={LAST: "The change after which to begin, as a browser sends it"},
        ),
    )
