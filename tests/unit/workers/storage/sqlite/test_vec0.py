"""The in-memory index and the tables of sqlite-vec hold the same vectors and give the same answers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import numpy as np
import orjson
import pytest

from memmux.errors import DeadlineExceededError
from tests.unit.workers.desk import Desk, frames
from workers.index.interface import Index
from workers.storage.reading import vector_follower
from workers.storage.reading.vector_follower import VectorFollower
from workers.storage.records import vectors
from workers.storage.sqlite import vec0
from workers.storage.sqlite.vec0 import TableIndex

DIMENSIONS = 6
QUERY = np.array([1, 0, 0, 0, 0, 0], np.float32)


def direction(rng: random.Random) -> tuple[float, ...]:
    return tuple(rng.gauss(0, 1) for _ in range(DIMENSIONS))


def fill(desk: Desk, count: int, namespace: str = "default") -> list[str]:
    rng = random.Random(count)  # noqa: S311  # seeded directions, no secrets
    ids = []
    for number in range(count):
        windows = [direction(rng) for _ in range(rng.choice([1, 1, 1, 5]))]
        ids.append(desk.store(f"memory {namespace} {number}", *windows, namespace=namespace)["id"])
    return ids


@contextmanager
def both(desk: Desk, namespace: str = "default") -> Iterator[tuple[Index, Index]]:
    """The two indexes of one namespace, in one snapshot."""
    reader = desk.questions
    with reader.snapshot(math.inf, lambda: None):
        model = vectors.model(reader._connection, "tiny")
        assert model is not None
        held = reader._vector_follower.follow(model, reader.seq)
        assert held is not None
        assert len(held) == model.vectors
        yield held.of(namespace), TableIndex(reader._raw, model, namespace)


def same(left: list[tuple[int, float]], right: list[tuple[int, float]]) -> None:
    assert [row for row, _ in left] == [row for row, _ in right]
    assert [score for _, score in left] == pytest.approx([score for _, score in right], abs=1e-5)


@pytest.mark.parametrize("k", [1, 7, 30, 100])
def test_tables_and_index_agree(desk: Desk, k: int) -> None:
    fill(desk, 60)
    fill(desk, 20, "other")
    rows = [row for (row,) in desk.sql("SELECT row FROM memories ORDER BY row")]
    with both(desk) as (memory, tables):
        same(memory.search(QUERY, k), tables.search(QUERY, k))
        some = np.array(rows[::3], np.int64)
        same(memory.search(QUERY, k, some[some <= 60]), tables.search(QUERY, k, some[some <= 60]))
        cosines = [dict(index.similarities(QUERY, np.sort(rows[:30]))) for index in (memory, tables)]
        assert cosines[0] == pytest.approx(cosines[1], abs=1e-5)


def test_beyond_what_vec0_gives_at_once_tables_and_index_agree(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk, 40)
    fill(desk, 10, "other")
    monkeypatch.setattr(vec0, "VEC0_K", 16)
    with both(desk) as (memory, tables):
        same(memory.search(QUERY, 30), tables.search(QUERY, 30))
        same(memory.search(QUERY, 12), tables.search(QUERY, 12))


def test_tables_give_as_many_memories_as_asked_however_many_windows_one_has(desk: Desk) -> None:
    desk.store("long", *[(1, 0.001 * number, 0, 0, 0, 0) for number in range(50)])
    for number in range(5):
        desk.store(f"short {number}", (1, 1, number, 0, 0, 0))
    with both(desk) as (memory, tables):
        assert len(tables.search(QUERY, 5)) == 5
        same(memory.search(QUERY, 5), tables.search(QUERY, 5))


def test_the_index_catches_up_with_every_kind_of_change(desk: Desk) -> None:
    ids = fill(desk, 12)
    with both(desk):
        pass
    loaded = desk.questions._vector_follower._partitions
    desk.ask("memory.delete", {"id": ids[0]})
    desk.ask("memory.rewrite", {"id": ids[1], "content": "new"}, *frames([(1, 0, 0, 0, 0, 0)]))
    desk.ask("memory.rewrite", {"id": ids[2], "content": "pending"})
    desk.ask("memory.update", {"id": ids[3], "tags": ["a"]})
    fill(desk, 3, "other")
    with both(desk) as (memory, tables):
        assert desk.questions._vector_follower._partitions is loaded
        same(memory.search(QUERY, 50), tables.search(QUERY, 50))
    with both(desk, "other") as (memory, tables):
        same(memory.search(QUERY, 50), tables.search(QUERY, 50))


def test_far_behind_the_index_is_loaded_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk, 5)
    with both(desk):
        pass
    loaded = desk.questions._vector_follower._partitions
    monkeypatch.setattr(vector_follower, "FAR_BEHIND", 3)
    fill(desk, 9, "other")
    with both(desk, "other") as (memory, tables):
        assert desk.questions._vector_follower._partitions is not loaded
        same(memory.search(QUERY, 50), tables.search(QUERY, 50))


def test_too_many_vectors_are_left_to_the_tables(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db", most_vectors=30)
    fill(desk, 10)
    small = desk.search("memory", (1, 0, 0, 0, 0, 0), mode="semantic", limit=5)
    assert desk.questions._vector_follower._partitions is not None
    fill(desk, 20, "other")
    large = desk.search("memory", (1, 0, 0, 0, 0, 0), mode="semantic", limit=5)
    assert desk.questions._vector_follower._partitions is None
    assert [hit["memory"] for hit in small["hits"]] == [hit["memory"] for hit in large["hits"]]
    desk.close()


def test_loading_that_was_interrupted_is_done_again(desk: Desk) -> None:
    fill(desk, 5)
    reader = desk.questions
    with both(desk):
        pass
    fill(desk, 40, "other")
    reader._raw.set_progress_handler(reader._interrupted, 1)  # looks at the clock at every step
    with pytest.raises(DeadlineExceededError), reader.snapshot(0.0, lambda: None):
        raise AssertionError("the time was up before the first step")
    model = vectors.model(desk.engine._connection, "tiny")
    assert model is not None
    with reader.snapshot(math.inf, lambda: None):
        reader._deadline = 0.0
        with pytest.raises(apsw.InterruptError):
            reader._vector_follower.follow(model, reader.seq)
    with both(desk, "other") as (memory, tables):
        assert len(memory.search(QUERY, 100)) == 40
        same(memory.search(QUERY, 50), tables.search(QUERY, 50))


def test_a_model_that_was_dropped_and_came_back_is_loaded_anew(desk: Desk) -> None:
    first = desk.store("first", (1, 0))["id"]
    assert desk.contents("anything", (1, 0), mode="semantic") == ["first"]
    asked = {"model": "second", "dimensions": 2, "limit": 10}
    texts = orjson.dumps({"memories": [{"id": first, "content": "first"}]})
    desk.ask("vectors.backfill", asked, texts, *frames([(0, 1)], model="second"))
    desk.ask("vectors.backfill", {**asked, "model": "tiny"}, texts, *frames([(0, 1)]))
    (hit,) = desk.search("anything", (0, 1), mode="semantic")["hits"]
    assert hit["score"] == pytest.approx(1)


def test_vectors_of_two_models_are_never_compared(desk: Desk) -> None:
    desk.store("old", (1, 0))
    desk.ask("memory.store", {"content": "new"}, *frames([(1, 0)], model="second"))
    for model, content in (("tiny", "old"), ("second", "new"), ("tiny", "old")):
        found = desk.ask("memory.search", {"query": "x", "mode": "semantic"}, *frames([(1, 0)], model=model))
        assert [hit["memory"]["content"] for hit in found["hits"]] == [content]


def test_a_candidate_by_words_has_its_meaning_counted_however_far_it_is(desk: Desk) -> None:
    near = {"memories": [{"content": f"memory {number}"} for number in range(250)]}
    desk.ask("memory.store_batch", near, *frames(*[[(1, 0.001 * (number - 124.5))] for number in range(250)]))
    desk.store("word one", (0, 1))
    desk.store("word two", (-1, 0))
    # Both are behind the 200 nearest: only their own cosines tell that the first is the nearer.
    found = desk.contents("word", (1, 0), limit=20)
    assert found.index("word one") < found.index("word two")


def test_a_vector_follower_is_at_the_transactions_change(desk: Desk) -> None:
    fill(desk, 3)
    with desk.questions.snapshot(math.inf, lambda: None):
        model = vectors.model(desk.questions._connection, "tiny")
        assert model is not None
        followed = VectorFollower(desk.questions._connection, desk.settings.database).follow(model, desk.questions.seq)
        assert followed is not None
        assert followed.seq == desk.questions.seq == 3
