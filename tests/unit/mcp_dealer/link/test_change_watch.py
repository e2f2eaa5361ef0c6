"""The watch over the change log: one question for all who wait, and none while nobody does."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any, cast

import pytest

from mcp_dealer.link import change_watch
from mcp_dealer.link.asked import LINK
from mcp_dealer.link.change_watch import ASKED, ChangeWatch
from mcp_dealer.link.cluster_link import ClusterLink
from memmux.config.settings import Settings
from memmux.errors import ClusterError, KeyRefusedError
from memmux.wire.grants import Grant
from tests.bounds import BOUND_S
from tests.unit.mcp_dealer.stand_in import StandIn

pytestmark = pytest.mark.anyio


@pytest.fixture
def client() -> Any:
    return StandIn(settings=Settings(), name="a")


async def test_all_who_wait_are_told_of_a_change(client: Any) -> None:
    watch = ChangeWatch(poll_s=0.001)
    waiting = [asyncio.create_task(watch.wait(client, seq)) for seq in (3, 3, 7)]
    client.seq = 4
    async with asyncio.timeout(BOUND_S):
        await asyncio.gather(*waiting[:2])
    assert not waiting[2].done()
    client.seq = 8
    async with asyncio.timeout(BOUND_S):
        await waiting[2]


async def test_whoever_waits_long_enough_goes_on_without_a_change(client: Any) -> None:
    await ChangeWatch(poll_s=0.001).wait(client, 3, timeout_s=0.01)


async def test_a_cluster_that_does_not_answer_is_asked_again(client: Any) -> None:
    watch = ChangeWatch(poll_s=0.001)
    told: list[int] = []
    ask = client.changes

    async def changes(after: int | None = None, **options: Any) -> Any:
        told.append(1)
        if len(told) < 3:
            raise ClusterError
        return await ask(after, **options)

    client.changes = changes
    client.seq = 4
    async with asyncio.timeout(BOUND_S):
        await watch.wait(client, 3)
    assert len(told) == 3


async def test_who_is_not_answered_keeps_nobody_else_waiting(client: Any) -> None:
    watch, refused = ChangeWatch(poll_s=0.001), [cast("Any", Refused()) for _ in range(ASKED + 1)]
    waiting = [asyncio.create_task(watch.wait(one, 3)) for one in refused]
    waiting.append(asyncio.create_task(watch.wait(client, 3)))
    client.seq = 4
    async with asyncio.timeout(BOUND_S):
        await asyncio.gather(*waiting)


async def test_the_client_of_a_key_is_asked_where_there_is_no_other(client: Any) -> None:
    watch, keyed = ChangeWatch(poll_s=0.001), cast("Any", Refused())
    LINK.set(ClusterLink(Settings(), grant=Grant(name="laptop")))
    waiting = [asyncio.create_task(watch.wait(keyed, 3))]
    LINK.set(None)
    waiting.append(asyncio.create_task(watch.wait(client, 3)))
    client.seq = 4
    async with asyncio.timeout(BOUND_S):
        await asyncio.gather(*waiting)
    assert not keyed.asked


async def test_who_was_not_answered_once_is_asked_again_before_the_client_of_a_key(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_watch, "FAILED_S", 0.0)
    watch, asked, again, ask = ChangeWatch(poll_s=0.001), [0], asyncio.Event(), client.changes

    async def changes(after: int | None = None, **options: Any) -> Any:
        asked[0] += 1
        if asked[0] == 1:
            raise ClusterError
        again.set()
        return await ask(after, **options)

    client.changes = changes
    LINK.set(ClusterLink(Settings(), grant=Grant(name="laptop")))
    waiting = [asyncio.create_task(watch.wait(cast("Any", StandIn(settings=Settings(), name="keyed")), 3))]
    LINK.set(None)
    waiting.append(asyncio.create_task(watch.wait(client, 3)))
    async with asyncio.timeout(BOUND_S):
        await again.wait()
    for one in waiting:
        one.cancel()


class Refused(StandIn):
    """A client that is never answered; asked: how often it has asked for the newest change."""

    def __init__(self) -> None:
        super().__init__(settings=Settings(), name="refused")
        self.asked = 0

    async def changes(self, after: int | None = None, **options: Any) -> Any:
        del after, options
        self.asked += 1
        raise KeyRefusedError


async def test_what_is_changed_before_a_follower_first_asks_is_told(client: Any) -> None:
    told = asyncio.Semaphore(0)
    client.seq = 3
    await ChangeWatch.look(client)
    following = ChangeWatch(poll_s=0.001).follow(client, told.release)
    client.seq = 4  # its task has not run yet
    async with asyncio.timeout(BOUND_S):
        await told.acquire()
    following.cancel()


async def test_a_follower_of_whom_nobody_knows_what_it_has_missed_is_told_at_once(client: Any) -> None:
    told = asyncio.Semaphore(0)
    following = contextvars.Context().run(ChangeWatch(poll_s=0.001).follow, client, told.release)
    async with asyncio.timeout(BOUND_S):
        await told.acquire()
    following.cancel()


async def test_a_follower_is_told_of_each_change_until_it_is_cancelled(client: Any) -> None:
    watch, told = ChangeWatch(poll_s=0.001), asyncio.Semaphore(0)
    await ChangeWatch.look(client)
    following = watch.follow(client, told.release)
    async with asyncio.timeout(BOUND_S):
        for seq in (4, 5):
            while not watch._waiting:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0)
            client.seq = seq
            await told.acquire()
    following.cancel()
