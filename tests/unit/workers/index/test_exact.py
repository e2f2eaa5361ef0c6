from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import examples
from workers.index import exact
from workers.index.exact import KEPT, ExactIndex
from workers.index.interface import Near, Vectors
from workers.index.partitions import Partitions

DIMENSIONS = 8
# A few different directions, so that equal vectors and ties are common.
POOL = np.random.default_rng(7).standard_normal((40, DIMENSIONS)).astype(np.float32)
POOL /= np.linalg.norm(POOL, axis=1, keepdims=True)


def add(index: ExactIndex, row: int, *vectors: int) -> None:
    index.add(np.full(len(vectors), row), POOL[list(vectors)])


def brute_force(held: dict[int, list[int]], query: Vectors, k: int) -> list[tuple[int, float]]:
    best = {row: max(float(POOL[number] @ query) for number in numbers) for row, numbers in held.items()}
    return sorted(best.items(), key=lambda item: (-item[1], -item[0]))[:k]


steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 30), st.lists(st.integers(0, 39), min_size=1, max_size=9)),
        st.tuples(st.integers(0, 30), st.none()),
    ),
    max_size=60,
)


@settings(derandomize=True, max_examples=examples(150))
@given(steps, st.integers(0, 39), st.integers(1, 40), st.none() | st.sets(st.integers(0, 35)))
def test_the_index_answers_as_brute_force_does(
    steps: list[tuple[int, list[int] | None]], asked: int, k: int, allowed: set[int] | None
) -> None:
    index, held = ExactIndex(DIMENSIONS), dict[int, list[int]]()
    for row, numbers in steps:
        index.remove(row)
        held.pop(row, None)
        if numbers is not None:
            add(index, row, *numbers)
            held[row] = numbers
    assert len(index) == sum(map(len, held.values()))
    wanted = {row: numbers for row, numbers in held.items() if allowed is None or row in allowed}
    limit = None if allowed is None else np.array(sorted(allowed), np.int64)
    found, expected = index.search(POOL[asked], k, limit), brute_force(wanted, POOL[asked], k)
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-6)
    exact = dict(brute_force(wanted, POOL[asked], len(wanted)))
    assert len({row for row, _ in found}) == len(found)
    assert dict(found) == pytest.approx({row: exact[row] for row, _ in found}, abs=1e-6)
    assert dict(index.similarities(POOL[asked], np.arange(36))) == pytest.approx(
        dict(brute_force(held, POOL[asked], len(held))), abs=1e-6
    )


def test_a_memory_of_many_good_windows_takes_one_place() -> None:
    index = ExactIndex(DIMENSIONS)
    add(index, 1, *([0] * 20))
    add(index, 2, 1)
    assert [row for row, _ in index.search(POOL[0], 2)] == [1, 2]


def test_equal_memories_come_newest_first() -> None:
    index = ExactIndex(DIMENSIONS)
    for row in (4, 9, 2):
        add(index, row, 0)
    assert [row for row, _ in index.search(POOL[0], 2)] == [9, 4]


def test_an_empty_index_finds_nothing() -> None:
    index = ExactIndex(DIMENSIONS)
    assert index.search(POOL[0], 5) == []
    assert index.search(POOL[0], 5, np.array([1])) == []
    assert dict(index.similarities(POOL[0], np.array([1, 2]))) == {}


def test_a_cosine_is_never_above_one() -> None:
    index = ExactIndex(DIMENSIONS)
    add(index, 1, 0)
    assert index.search(POOL[0] * np.float32(1.0001), 1) == [(1, 1.0)]


def test_what_a_broad_filter_lets_through_is_compared_and_not_kept() -> None:
    count, few = 5 * KEPT, 100
    vectors = np.random.default_rng(7).normal(size=(count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index, rows = ExactIndex(4), np.arange(count)
    index.add(rows, vectors)
    for allowed in (rows[:few], rows[: KEPT + 10], rows[-few:]):
        cosines = vectors[allowed] @ vectors[0]
        found = index.search(vectors[0], 3, allowed)
        assert [row for row, _ in found] == allowed[np.argsort(-cosines)[:3]].tolist()
        assert len(index._gathered) <= KEPT


def test_namespaces_are_indexes_of_their_own() -> None:
    partitions = Partitions(1, DIMENSIONS)
    partitions.add("a", [1, 2], POOL[:2])
    partitions.add("b", [3], POOL[:1])
    assert [row for row, _ in partitions.of("b").search(POOL[0], 5)] == [3]
    assert partitions.of("c").search(POOL[0], 5) == []
    assert len(partitions) == 3
    partitions.remove(3)
    partitions.remove(3)
    assert len(partitions) == 2
    assert partitions._indexes.keys() == {"a"}


@settings(derandomize=True, max_examples=examples(60))
@given(st.lists(st.integers(0, 39), max_size=30), st.integers(1, 8), st.none() | st.sets(st.integers(0, 35)))
def test_many_queries_at_once_find_the_nearest_and_all_that_are_near(
    numbers: list[int], k: int, allowed: set[int] | None
) -> None:
    index = ExactIndex(DIMENSIONS)
    for row, number in enumerate(numbers):
        add(index, row, number)
    wanted = {row: [number] for row, number in enumerate(numbers) if allowed is None or row in allowed}
    limit = None if allowed is None else np.array(sorted(allowed), np.int64)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(exact, "_COLUMNS", 7)
        found = index.within(POOL[:5], Near(k, 0.3, 20), limit)
    for query, hits in zip(POOL[:5], found, strict=True):
        every = brute_force(wanted, query, len(wanted))
        near = [hit for place, hit in enumerate(every) if place < k or hit[1] >= 0.3][:20]
        assert [score for _, score in hits] == pytest.approx([score for _, score in near], abs=1e-6)
