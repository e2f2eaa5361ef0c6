"""The calls of one client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from bench.harness.player import Player
from bench.harness.questions import Questions
from bench.harness.tasks import Task, Work
from memmux import AsyncClient
from memmux.client.calls import Vector
from memmux.wire.answers import SearchResult, Stored
from memmux.wire.requests import Mode

QUESTIONS = Questions([f"question {number}" for number in range(10)], np.eye(10, dtype=np.float32))
SEARCH = Task(work=Work.SEARCH, seconds=60, most=4)
STORE = Task(work=Work.STORE, seconds=60, most=4)


@dataclass
class _Side:
    """Answers at once, and knows what it was asked; each degraded one tells of it."""

    degraded: int = 0
    searches: list[tuple[str, Mode, Sequence[str], Vector | None]] = field(default_factory=list)
    stores: list[tuple[str, Vector | None]] = field(default_factory=list)

    def search(
        self, query: str, *, mode: Mode = Mode.HYBRID, tags: Sequence[str] = (), vector: Vector | None = None
    ) -> SearchResult:
        self.searches.append((query, mode, tags, vector))
        return SearchResult(mode=mode).with_degraded(("no_embedder",) if len(self.searches) <= self.degraded else ())

    def store(self, content: str, *, vector: Vector | None = None) -> Stored:
        self.stores.append((content, vector))
        name = f"id {len(self.stores)}"
        return Stored(id=name, content_hash="", seq=len(self.stores), status="created", indexed=True)


class _AsyncSide:
    """The same, awaited; tells how many calls ran at once."""

    def __init__(self) -> None:
        self.side = _Side()
        self.running = self.most = 0

    async def store(self, content: str, *, vector: Vector | None = None) -> Stored:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        return self.side.store(content, vector=vector)


def test_as_many_calls_are_made_as_asked_for_with_the_questions_of_the_task() -> None:
    side = _Side()
    done = Player(side, QUESTIONS, "a").play(replace(SEARCH, first=1, step=2), time.monotonic())
    assert [query for query, *_ in side.searches] == [f"question {number}" for number in (1, 3, 5, 7)]
    assert (done.calls, len(done.latencies_ms), done.ids, done.degraded) == (4, 4, (), 0)
    assert done.began <= done.ended


def test_search_is_made_with_the_mode_the_tags_and_the_vector_of_the_task() -> None:
    side = _Side()
    task = replace(SEARCH, most=1, first=3, mode=Mode.SEMANTIC, tags=("marked",), with_vectors=True)
    Player(side, QUESTIONS, "a").play(task, time.monotonic())
    assert side.searches == [("question 3", Mode.SEMANTIC, ("marked",), np.eye(10)[3].tolist())]


def test_no_call_begins_after_the_time_of_the_task_but_the_first_that_is_timed() -> None:
    side = _Side()
    task = Task(work=Work.SEARCH, seconds=0, uncounted=2)
    done = Player(side, QUESTIONS, "a").play(task, time.monotonic())
    assert (done.calls, len(side.searches), len(done.latencies_ms)) == (3, 3, 1)


def test_first_calls_are_not_timed_but_told() -> None:
    done = Player(_Side(degraded=1), QUESTIONS, "a").play(replace(SEARCH, uncounted=3), time.monotonic())
    assert (done.calls, len(done.latencies_ms), done.degraded) == (4, 1, 1)


def test_what_is_stored_is_distinct_among_rounds_and_clients_and_its_ids_are_told() -> None:
    side = _Side()
    one, other = (Player(side, QUESTIONS, name) for name in "ab")
    done = [player.play(STORE, time.monotonic()) for player in (one, one, other)]
    assert len({content for content, _ in side.stores}) == 12
    assert [name for each in done for name in each.ids] == [f"id {number}" for number in range(1, 13)]


def test_paced_calls_come_once_in_their_time_wherever_it_begins() -> None:
    for first in range(5):
        side = _Side()
        task = Task(work=Work.SEARCH, seconds=0.1, every_s=0.01, first=first)
        began = time.monotonic()
        Player(side, QUESTIONS, "a").play(task, began)
        # The phase and the jitter may bring one more or one less into the time.
        assert 8 <= len(side.searches) <= 11
        assert time.monotonic() - began >= 0.05


def test_calls_at_once_are_as_many_as_the_task_says_and_share_its_questions() -> None:
    side = _AsyncSide()
    task = replace(STORE, most=20, in_flight=5, with_vectors=True)
    player = Player(_Side(), QUESTIONS, "a")
    done = asyncio.run(player.play_at_once(cast("AsyncClient", side), task, time.monotonic()))
    assert (done.calls, len(done.latencies_ms), len(set(done.ids)), side.most) == (20, 20, 20, 5)
    assert sorted(content.partition(" (")[0] for content, _ in side.side.stores) == sorted(2 * list(QUESTIONS.texts))


def test_paced_calls_at_once_keep_to_their_moments_while_others_are_in_flight() -> None:
    task = replace(STORE, seconds=0.1, most=None, every_s=0.01, in_flight=4)
    began = time.monotonic()
    side = _AsyncSide()
    done = asyncio.run(Player(_Side(), QUESTIONS, "a").play_at_once(cast("AsyncClient", side), task, began))
    assert 8 <= done.calls <= 11
    assert time.monotonic() - began >= 0.05


def test_play_begins_at_the_moment_that_it_is_told() -> None:
    at = time.monotonic() + 0.02
    assert Player(_Side(), QUESTIONS, "a").play(replace(SEARCH, most=1), at).began >= at
