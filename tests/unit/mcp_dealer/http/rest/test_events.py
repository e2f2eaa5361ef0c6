"""Streams of events of which one follower tells all who may see the same."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from mcp_dealer.http.rest.events import Streams, _Place
from mcp_dealer.http.rest.feed import Reader
from memmux.client.asynchronous import AsyncClient
from memmux.errors import StorageBusyError
from memmux.wire.answers import Changes
from tests.bounds import BOUND_S


class Log:
    """A change log that can't be read once, and has nothing new."""

    def __init__(self) -> None:
        self.busy = True

    async def changes(self, after: int | None = None, **_: Any) -> Changes:
        if after is not None and self.busy:
            self.busy = False
            raise StorageBusyError
        return Changes(changes=(), next=3)


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
