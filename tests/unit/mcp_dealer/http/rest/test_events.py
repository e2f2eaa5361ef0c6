"""Streams of events of which one follower tells all who may see the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from mcp_dealer.http.rest.events import Streams, _Place
from mcp_dealer.http.rest.feed import Reader
from memmux.client.asynchronous import AsyncClient
from memmux.errors import StorageBusyError
from memmux.wire.answers import Changes, Notice
from tests.bounds import BOUND_S

NOTICE = Notice(
    seq=1,
    id="x",
    namespace="default",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    operation="memory.store",
    client="a",
    deleted=False,
    text="says",
)


class Log:
    """A change log that can't be read once, and has nothing new."""

    def __init__(self) -> None:
        self.busy = True

    async def changes(self, after: int | None = None, **_: Any) -> Changes:
        if after is not None and self.busy:
            self.busy = False
            raise StorageBusyError
        return Changes(changes=(), next=3)


class Burst(Log):
    """A change log in which thousands of changes come at once."""

    async def changes(self, after: int | None = None, limit: int = 0, **_: Any) -> Changes:
        if after is None:
            return Changes(changes=(), next=0)
        await asyncio.sleep(0)  # as any answer takes a moment
        seqs = range(after + 1, min(after + limit, 5000) + 1)
        return Changes(changes=tuple(replace(NOTICE, seq=seq) for seq in seqs), next=max(seqs, default=after))


class Growing(Log):
    """A change log that has one change more each time its newest is asked for, as if all asked at the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self.newest = 0

    async def changes(self, after: int | None = None, **_: Any) -> Changes:
        if after is None:
            self.newest += 1
            newest = self.newest
            for _turn in range(newest):
                await asyncio.sleep(0)
            return Changes(changes=(), next=newest)
        seqs = range(after + 1, self.newest + 1)
        return Changes(changes=tuple(replace(NOTICE, seq=seq) for seq in seqs), next=self.newest)


@pytest.mark.anyio
async def test_a_change_while_a_follower_begins_is_told() -> None:
    log = Growing()
    streams, place, reader = Streams(), _Place("web", cast("AsyncClient", log), {}), Reader(1)
    async with asyncio.timeout(BOUND_S):
        assert await streams._joined(place, reader)
        told = await anext(reader.parts())
    assert told.startswith(b"id: 2\n")
    streams.end()


class Lost(Log):
    """A change log that answers who asked first after it has failed for who asked next."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.failed = asyncio.Event()

    async def changes(self, after: int | None = None, **_: Any) -> Changes:
        self.asked += 1
        if self.asked == 2:
            self.failed.set()
            raise StorageBusyError
        await self.failed.wait()
        await asyncio.sleep(0)
        return Changes(changes=(), next=3 if after is None else after)


@pytest.mark.anyio
async def test_a_stream_joins_no_follower_that_ends_while_it_is_asked() -> None:
    streams, place, reader = Streams(), _Place("web", cast("AsyncClient", Lost()), {}), Reader(3)
    async with asyncio.timeout(BOUND_S):
        assert not await streams._joined(place, reader)
        assert await streams._joined(place, reader)
    follower = streams._followers[place.key]
    assert (follower.readers, follower.ended) == ({reader}, False)
    streams.end()


@pytest.mark.anyio
async def test_a_reader_that_reads_is_told_of_any_number_of_changes() -> None:
    streams, place, reader = Streams(), _Place("web", cast("AsyncClient", Burst()), {}), Reader(0)
    told = 0
    async with asyncio.timeout(BOUND_S):
        assert await streams._joined(place, reader)
        async for part in reader.parts():
            told += part.count(b"\nevent: ")
            if told == 5000:
                break
    assert not reader.given_up.done()
    streams.end()


@pytest.mark.anyio
async def test_streams_of_two_clients_do_not_end_with_one_of_them() -> None:
    clients = [cast("AsyncClient", Log()) for _ in range(2)]
    streams, readers = Streams(), [Reader(3), Reader(3)]
    places = [_Place("web", client, {}) for client in clients]
    for place, reader in zip(places, readers, strict=True):
        assert await streams._joined(place, reader)
    assert [streams._followers[place.key].readers for place in places] == [{readers[0]}, {readers[1]}]
    streams.end()


@pytest.mark.anyio
async def test_a_stream_joins_no_follower_that_has_ended() -> None:
    streams, place = Streams(), _Place("web", cast("AsyncClient", Log()), {})
    unread, reader = Reader(3), Reader(3)
    async with asyncio.timeout(BOUND_S):
        assert await streams._joined(place, unread)
        first = streams._followers[place.key]
        await asyncio.wait([first._task])
        assert await streams._joined(place, reader)
    second = streams._followers[place.key]
    assert second is not first
    assert second.readers == {reader}
    streams._leave(place, unread)
    assert streams._followers == {place.key: second}
    streams.end()
