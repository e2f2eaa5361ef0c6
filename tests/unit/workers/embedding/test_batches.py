from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from memmux.errors import DeadlineExceededError
from memmux.vectors import Embedding
from workers.embedding.batches import BATCH_TOKENS, BATCH_WINDOWS, Work, batches, pieces, run
from workers.embedding.hashing import HashEmbedder
from workers.embedding.interface import Vectors
from workers.jobs import Answer, Job


class Recorder(HashEmbedder):
    """The hash embedder, which keeps the batches that it was given."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        return super().embed(texts)


def work(*texts: str, operation: str = "memory.store", deadline: float = math.inf, name: str = "") -> Work:
    job = Job(name or texts[0][:20], operation, (), "", "test", deadline, 1, ())
    return Work.of(job, texts, HashEmbedder(), alive)


def alive() -> None:
    """Nobody listens."""


def test_interactive_work_goes_before_bulk_and_short_before_long() -> None:
    works = [
        work("bulk", operation="memory.store_batch"),
        work("long " * 1000, name="long"),
        work("several words of a middling text"),
        work("short"),
    ]
    done = [found.job.id for found, _ in run(works, HashEmbedder(), alive)]
    assert done == ["short", "several words of a m", "long", "bulk"]


def test_what_waits_goes_through_the_model_together() -> None:
    embedder = Recorder()
    list(run([work(f"text {number}") for number in range(16)], embedder, alive))
    assert [len(batch) for batch in embedder.batches] == [16]


@given(st.lists(st.tuples(st.integers(1, 3000), st.sampled_from(["memory.store", "memory.store_batch"])), max_size=60))
def test_batches_keep_within_their_bounds_and_lose_nothing(sizes: list[tuple[int, str]]) -> None:
    ordered = pieces([work("x" * size, operation=operation) for size, operation in sizes], 256)
    planned = list(batches(ordered))
    assert [piece for batch in planned for piece in batch] == ordered
    for batch in planned:
        assert 1 <= len(batch) <= BATCH_WINDOWS
        assert len(batch) * max(piece.tokens for piece in batch) <= BATCH_TOKENS
        assert len({piece.work.job.operation for piece in batch}) == 1


@given(st.lists(st.lists(st.text(min_size=1, max_size=50), max_size=4), max_size=12))
def test_every_text_gets_its_own_vector(texts: list[list[str]]) -> None:
    embedder = HashEmbedder()
    works = [
        Work.of(Job(str(n), "memory.store", (), "", "t", math.inf, 1, ()), some, embedder, alive)
        for n, some in enumerate(texts)
    ]
    outcomes = {job.id: outcome for _, (job, outcome) in run(works, embedder, alive)}
    assert len(outcomes) == len(texts)
    for number, some in enumerate(texts):
        answer = outcomes[str(number)]
        assert isinstance(answer, Answer)
        assert Embedding.from_frames(answer.frames).data == embedder.embed(some).tobytes()


def test_a_job_whose_time_is_up_costs_nothing() -> None:
    embedder = Recorder()
    outcomes = {job.id: outcome for _, (job, outcome) in run([work("late", deadline=0), work("fine")], embedder, alive)}
    assert isinstance(outcomes["late"], DeadlineExceededError)
    assert isinstance(outcomes["fine"], Answer)
    assert embedder.batches == [["fine"]]


def test_the_worker_says_that_it_is_alive_before_each_batch() -> None:
    said: list[int] = []
    embedder = Recorder()
    list(run([work("word " * 256 * 10)], embedder, lambda: said.append(len(embedder.batches))))
    assert said == list(range(len(embedder.batches)))
    assert len(said) > 2
