"""The inbox, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import zmq

from memmux.client.inbox import BATCH_MESSAGES, Inbox, Messages
from tests.bounds import BOUND_S

pytestmark = pytest.mark.anyio
ADDRESS = "inproc://peer"


@pytest.fixture
def pair() -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """Two sockets that are connected: that of the inbox, and the other end."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    theirs.bind(ADDRESS)
    ours.connect(ADDRESS)
    yield ours, theirs
    context.destroy(linger=0)


class _Taken:
    """What was handed over."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._came = asyncio.Event()

    def take(self, messages: Messages) -> None:
        self.frames.extend(frame for (frame,) in messages)
        self._came.set()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(BOUND_S):
            while len(self.frames) < count:
                self._came.clear()
                await self._came.wait()


@pytest.mark.parametrize("count", [1, BATCH_MESSAGES, BATCH_MESSAGES * 3 + 1])
async def test_what_came_before_it_was_made_is_handed_over_in_order(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]], count: int
) -> None:
    ours, theirs = pair
    got = _Taken()
    for number in range(count):
        theirs.send(b"%d" % number)
    inbox = Inbox(ours, got.take)
    await got.wait_for(count)
    assert got.frames == [b"%d" % number for number in range(count)]
    inbox.close()


async def test_an_answer_that_comes_while_another_is_sent_is_not_missed(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    ours, theirs = pair
    got = _Taken()
    inbox = Inbox(ours, got.take)
    for number in range(200):
        theirs.send(b"answer")  # of which the descriptor tells no more once something was sent
        inbox.send([b"request"])
        await got.wait_for(number + 1)
    inbox.close()


async def test_what_is_sent_from_within_is_answered(pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    ours, theirs = pair
    got = _Taken()

    def take(messages: Messages) -> None:
        got.take(messages)
        inbox.send([b"more"])

    inbox = Inbox(ours, take)
    theirs.send(b"first")
    for number in range(1, 50):
        await got.wait_for(number)
        assert theirs.recv() == b"more"
        theirs.send(b"next")
    inbox.close()


async def test_nothing_is_handed_over_once_it_is_closed(pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    ours, theirs = pair
    got = _Taken()
    theirs.send(b"late")
    inbox = Inbox(ours, got.take)
    inbox.close()
    for _ in range(10):
        await asyncio.sleep(0)
    assert got.frames == []
