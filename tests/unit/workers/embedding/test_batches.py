from __future__ import annotations

import itertools
import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux.errors import DeadlineExceededError
from memmux.wire.embeddings import Embedding
from tests.bounds import BOUND_S
from workers.embedding.batches import (
    BATCH_WINDOWS,
    HUNG_S,
    LATER,
    NICENESS,
    OLDEST_EVERY,
    PACKED_TOKENS,
    PADDED_TOKENS,
    TURN_S,
    UNLIKE,
    BatchQueue,
    Work,
)
from workers.embedding.hashing import HashEmbedder
from workers.embedding.interface import Vectors
from workers.runtime.jobs import Answer, Job, Outcome


class Recorder(HashEmbedder):
    """The hash embedder, which keeps the batches that it was given."""

    def __init__(self, *, packs: bool = False, threads: bool = False) -> None:
        super().__init__()
        self.packs, self.threads = packs, threads
        self.batches: list[list[str]] = []

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
        self.batches.append(list(texts))
        return super().embed(texts, queries=queries)


class Meeting(Recorder):
    """Waits in each of its batches until another one goes through it."""

    def __init__(self) -> None:
        super().__init__(packs=True, threads=True)
        self._all_there = threading.Barrier(2)

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
        self._all_there.wait(BOUND_S)
        return super().embed(texts, queries=queries)


class Held(Recorder):
    """Holds each batch that begins with `held` until it is let go, and counts those that go through it at once."""

    def __init__(self) -> None:
        super().__init__(packs=True, threads=True)
        self.let_go = threading.Event()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        if texts[0].startswith("held"):
            assert self.let_go.wait(BOUND_S)
        with self._lock:
            self._now -= 1
        return super().embed(texts, queries=queries)


def work(*texts: str, operation: str = "memory.store", deadline: float = math.inf, name: str = "") -> Work:
    job = Job(name or texts[0][:20], operation, (), "", "test", deadline, 1, ())
    return Work.of(job, texts, HashEmbedder(), alive)


def alive() -> None:
    """Nobody listens."""


def run(works: Sequence[Work], embedder: HashEmbedder, at_once: int = 1) -> Iterator[tuple[Work, Outcome]]:
    """Put all of them through the model, as many batches at once as it takes."""
    batch_queue = BatchQueue(at_once)
    for some in works:
        batch_queue.add(some)
    return rest(batch_queue, embedder)


def rest(batch_queue: BatchQueue, embedder: HashEmbedder) -> Iterator[tuple[Work, Outcome]]:
    """Put what waits through the model."""
    while batch_queue:
        yield from batch_queue.embed_next(embedder)


def test_interactive_work_goes_before_bulk_and_short_before_long() -> None:
    works = [
        work("bulk", operation="memory.store_batch"),
        work("long " * 1000, name="long"),
        work("several words of a middling text"),
        work("short"),
    ]
    done = [found.job.id for found, _ in run(works, HashEmbedder())]
    assert done == ["short", "several words of a m", "long", "bulk"]


def test_what_waits_goes_through_the_model_together() -> None:
    embedder = Recorder()
    list(run([work(f"text {number}") for number in range(16)], embedder))
    assert [len(batch) for batch in embedder.batches] == [16]


@pytest.mark.parametrize(("packs", "batches"), [(True, [3]), (False, [2, 1])])
def test_short_and_long_go_together_where_nothing_is_padded(packs: bool, batches: list[int]) -> None:
    embedder = Recorder(packs=packs)
    list(run([work("a"), work("b"), work("many more words " * 6)], embedder))
    assert [len(batch) for batch in embedder.batches] == batches


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.sampled_from(["memory.store", "memory.store_batch"])), max_size=60),
    st.booleans(),
    st.integers(1, 3),
)
def test_batches_keep_within_their_bounds_and_lose_nothing(
    sizes: list[tuple[int, str]], packs: bool, at_once: int
) -> None:
    works = [
        work(f"{number}{operation[-1]}".ljust(size, "x"), operation=operation, name=str(number))
        for number, (size, operation) in enumerate(sizes)
    ]
    embedder = Recorder(packs=packs, threads=True)
    assert sorted(int(done.job.id) for done, _ in run(works, embedder, at_once)) == list(range(len(works)))
    for batch in embedder.batches:
        assert 1 <= len(batch) <= BATCH_WINDOWS
        tokens = [min(256, len(text) // 3 + 2) for text in batch]
        if len(batch) > 1 and packs:
            assert sum(tokens) <= PACKED_TOKENS
        elif len(batch) > 1:
            assert len(batch) * max(tokens) <= PADDED_TOKENS
            assert max(tokens) <= UNLIKE * min(tokens)
        assert len({text.strip("x")[-1:] for text in batch if text.strip("x")}) <= 1


@pytest.mark.parametrize("packs", [True, False])
def test_of_equals_the_first_to_come_is_the_first_to_go(packs: bool) -> None:
    works = [work(f"text {number:02}", name=str(number)) for number in range(64)]
    assert [done.job.id for done, _ in run(works, Recorder(packs=packs))] == [str(number) for number in range(64)]


def test_a_few_words_more_let_nobody_wait_where_nothing_is_padded() -> None:
    long = "some more words than others have"
    works = [work(long, name="first"), *(work(f"text {number:02}") for number in range(64))]
    assert next(done.job.id for done, _ in run(works, Recorder(packs=True))) == "first"


def test_batches_that_somebody_waits_for_go_through_the_model_at_the_same_time() -> None:
    embedder = Meeting()
    works = [work(f"a text that fills a third of a batch, number {number}", name=str(number)) for number in range(12)]
    outcomes = {job.id: outcome for _, (job, outcome) in run(works, embedder, 2)}
    for some in works:
        answer = outcomes[some.job.id]
        assert isinstance(answer, Answer)
        assert Embedding.from_frames(answer.frames).data == HashEmbedder().embed(some.texts).tobytes()
    assert len(embedder.batches) == 4


def test_a_reader_puts_one_batch_after_the_other_through_the_model_as_the_first_is_waited_for() -> None:
    batch_queue, embedder = BatchQueue(), Recorder(packs=True, threads=True)
    for number in range(12):
        batch_queue.add(work(f"a query that fills a third of a batch, number {number}", operation="memory.search"))
    list(batch_queue.embed_next(embedder))
    assert len(embedder.batches) == 1


@pytest.mark.parametrize("before", ["memory.store", "memory.store_batch"])
def test_what_comes_while_a_batch_goes_through_the_model_waits_for_its_own_alone(before: str) -> None:
    batch_queue, embedder = BatchQueue(2), Held()
    batch_queue.add(work("held", operation=before))
    assert list(batch_queue.embed_next(embedder)) == []
    batch_queue.add(work("free"))
    until, done = time.monotonic() + BOUND_S, []
    while not done:
        assert time.monotonic() < until
        done = [found.job.id for found, _ in batch_queue.embed_next(embedder)]
    assert done == ["free"]
    assert batch_queue, "the first is yet to be done"
    embedder.let_go.set()
    assert [found.job.id for found, _ in rest(batch_queue, embedder)] == ["held"]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_what_is_stored_gives_way_to_what_is_asked() -> None:
    class Nice(Recorder):
        def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
            found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().embed(texts, queries=queries)

    found: list[int] = []
    list(run([work("one")], Nice(packs=True, threads=True), 2))
    list(run([work("one", operation="memory.search")], Nice(packs=True, threads=True)))
    stored, asked = found
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert (asked, stored) == (own, min(own + NICENESS, 19))  # which is the most that there is


def test_bulk_work_leaves_the_other_processors_alone() -> None:
    batch_queue, embedder = BatchQueue(3), Held()
    for number in range(2 * OLDEST_EVERY):
        batch_queue.add(work(*(f"held {number} {place}" for place in range(20)), operation="memory.store_batch"))
    for _ in range(2 * OLDEST_EVERY):
        assert list(batch_queue.embed_next(embedder)) == []
    embedder.let_go.set()
    assert len(list(rest(batch_queue, embedder))) == 2 * OLDEST_EVERY
    assert embedder.most == 1


def test_a_job_that_ends_while_its_batch_goes_through_the_model_is_answered_once() -> None:
    batch_queue, embedder = BatchQueue(2), Held()
    late, other = work("held", name="late", deadline=time.monotonic() + BOUND_S), work("held, too", name="other")
    batch_queue.add(late)
    batch_queue.add(other)
    assert list(batch_queue.embed_next(embedder)) == []
    late.job = replace(late.job, deadline=0)
    ((_, (_, outcome)),) = batch_queue.embed_next(embedder)
    assert isinstance(outcome, DeadlineExceededError)
    embedder.let_go.set()
    assert [found.job.id for found, _ in rest(batch_queue, embedder)] == ["other"]


def test_what_is_in_the_model_is_not_given_up_for_later_and_what_waits_is() -> None:
    batch_queue, embedder = BatchQueue(2), Held()
    begun = work("held", name="begun")
    waiting = [work(f"held {number}, a text that fills a batch".ljust(3 * PACKED_TOKENS, "x")) for number in range(2)]
    for some in (begun, *waiting):
        batch_queue.add(some)
    assert list(batch_queue.embed_next(embedder)) == []
    for some in (begun, *waiting):
        some.until = 0
    ended = list(batch_queue.embed_next(embedder))
    assert [outcome for _, (_, outcome) in ended] == [Answer((), (LATER,))]
    embedder.let_go.set()
    done = {found.job.id: outcome for found, (_, outcome) in rest(batch_queue, embedder)}
    assert "begun" in done
    assert len(done) == 2
    assert all(isinstance(outcome, Answer) and outcome.frames for outcome in done.values())


def test_a_model_that_hangs_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    batch_queue, embedder = BatchQueue(2), Held()
    batch_queue.add(work("held"))
    assert list(batch_queue.embed_next(embedder)) == []
    hours, began = itertools.count(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + 3600.0 * next(hours))
    for _ in range(int(HUNG_S / TURN_S) - 2):
        assert list(batch_queue.embed_next(embedder)) == [], "the machine may have slept"
    turns = (list(batch_queue.embed_next(embedder)) for _ in range(5))
    with pytest.raises(RuntimeError, match="at a batch"):
        list(turns)
    embedder.let_go.set()


def test_an_answer_says_when_the_work_on_it_began() -> None:
    batch_queue, embedder = BatchQueue(2), Held()
    batch_queue.add(work("held"))
    before = time.monotonic()
    assert list(batch_queue.embed_next(embedder)) == []
    after = time.monotonic()
    embedder.let_go.set()
    ((_, (_, outcome)),) = rest(batch_queue, embedder)
    assert isinstance(outcome, Answer)
    assert outcome.began is not None
    assert before <= outcome.began <= after


def test_what_comes_in_between_goes_before_the_rest_of_a_bulk_job() -> None:
    batch_queue, embedder = BatchQueue(), Recorder()
    batch_queue.add(work(*(f"text {number}" for number in range(40)), operation="memory.store_batch", name="bulk"))
    assert list(batch_queue.embed_next(embedder)) == []
    batch_queue.add(work("a question", operation="memory.search", name="question"))
    assert [done.job.id for done, _ in batch_queue.embed_next(embedder)] == ["question"]
    assert embedder.batches[1] == ["a question"]


def test_the_oldest_job_gets_its_turn_however_many_short_ones_come() -> None:
    batch_queue, embedder = BatchQueue(), HashEmbedder()
    batch_queue.add(work("long " * 250, name="long"))
    ended = []
    for number in range(OLDEST_EVERY):
        for place in range(BATCH_WINDOWS):
            batch_queue.add(work(f"short {number} {place}", name=f"{number} {place}"))
        ended += [done.job.id for done, _ in batch_queue.embed_next(embedder)]
    assert "long" in ended


@given(st.lists(st.lists(st.text(min_size=1, max_size=50), max_size=4), max_size=12))
def test_every_text_gets_its_own_vector(texts: list[list[str]]) -> None:
    embedder = HashEmbedder()
    works = [
        Work.of(Job(str(n), "memory.store", (), "", "t", math.inf, 1, ()), some, embedder, alive)
        for n, some in enumerate(texts)
    ]
    outcomes = {job.id: outcome for _, (job, outcome) in run(works, embedder)}
    assert len(outcomes) == len(texts)
    for number, some in enumerate(texts):
        answer = outcomes[str(number)]
        assert isinstance(answer, Answer)
        assert Embedding.from_frames(answer.frames).data == embedder.embed(some).tobytes()


def test_a_job_whose_time_is_up_costs_nothing() -> None:
    embedder = Recorder()
    outcomes = {job.id: outcome for _, (job, outcome) in run([work("late", deadline=0), work("fine")], embedder)}
    assert isinstance(outcomes["late"], DeadlineExceededError)
    assert isinstance(outcomes["fine"], Answer)
    assert embedder.batches == [["fine"]]
