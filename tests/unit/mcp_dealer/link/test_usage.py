"""Counting what was shown: in batches, in nobody's way, and never a reason to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from mcp_dealer.link.usage import Uses
from memmux import limits
from memmux.errors import NotAllowedError, OverloadedError
from tests.bounds import BOUND_S

pytestmark = pytest.mark.anyio


class Counter:
    """Counts as the cluster does."""

    def __init__(self) -> None:
        self.told: list[Sequence[str]] = []
        self.error: Exception | None = None
        self.came = asyncio.Event()

    async def used(self, ids: Sequence[str]) -> None:
        self.told.append(ids)
        self.came.set()
        if self.error is not None:
            raise self.error


@pytest.fixture
def counter() -> Counter:
    return Counter()


def _uses(counter: Counter, pause_s: float) -> Uses:
    return Uses(lambda: cast("Any", counter), pause_s)


async def test_what_was_shown_within_a_pause_is_told_at_once_and_each_once(counter: Counter) -> None:
    uses = _uses(counter, 0.01)
    uses.add(["1", "2"])
    uses.add(["2", "3"])
    assert counter.told == []
    async with asyncio.timeout(BOUND_S):
        await counter.came.wait()
    assert counter.told == [("1", "2", "3")]
    counter.came.clear()
    uses.add(["1"])
    async with asyncio.timeout(BOUND_S):
        await counter.came.wait()
    assert counter.told[1:] == [("1",)]


async def test_closing_tells_the_rest_and_nothing_tells_nothing(counter: Counter) -> None:
    uses = _uses(counter, 1000)
    uses.add(["1"])
    await uses.aclose()
    assert counter.told == [("1",)]
    await uses.aclose()
    assert counter.told == [("1",)]


async def test_many_are_told_in_batches_that_one_request_may_have(counter: Counter) -> None:
    uses = _uses(counter, 1000)
    ids = [str(number) for number in range(limits.BATCH_MEMORIES + 1)]
    uses.add(ids)
    await uses.aclose()
    assert [len(told) for told in counter.told] == [limits.BATCH_MEMORIES, 1]


async def test_no_cluster_is_started_for_a_count(counter: Counter) -> None:
    running: list[Counter] = []
    uses = Uses(lambda: cast("Any", running[0] if running else None), 1000)
    uses.add(["1"])
    await uses.aclose()
    running.append(counter)
    uses.add(["2"])
    await uses.aclose()
    assert counter.told == [("2",)]


@pytest.mark.parametrize("error", [OverloadedError(), ValueError("odd")])
async def test_a_count_that_fails_is_nobodys_concern(counter: Counter, error: Exception) -> None:
    counter.error = error
    uses = _uses(counter, 1000)
    uses.add(["1"])
    await uses.aclose()
    counter.error = None
    uses.add(["2"])
    await uses.aclose()
    assert counter.told == [("1",), ("2",)]


async def test_a_key_that_only_reads_is_told_so_once(counter: Counter) -> None:
    counter.error = NotAllowedError()
    uses = _uses(counter, 1000)
    uses.add(["1"])
    await uses.aclose()
    uses.add(["2"])
    await uses.aclose()
    assert counter.told == [("1",)]
