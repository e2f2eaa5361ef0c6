"""Neighbours, against the same in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workers.index import neighbours
from workers.index.bm25 import Scored, Term
from workers.index.neighbours import Neighbours

ROWS = 40


def linked(threads: Sequence[Sequence[int]], size: int = ROWS + 1) -> Neighbours:
    before, after, numbers = (np.zeros(size, np.int32) for _ in range(3))
    for number, thread in enumerate(threads, 1):
        for one, other in pairwise(thread):
            after[one], before[other] = other, one
        numbers[list(thread)] = number
    return Neighbours(before, after, numbers)


@st.composite
def in_threads(draw: st.DrawFn) -> list[list[int]]:
    """Return some rows, in any order, in threads."""
    rows = draw(st.permutations(range(1, ROWS + 1)))[: draw(st.integers(1, ROWS))]
    cuts = sorted(draw(st.sets(st.integers(1, len(rows)), max_size=8)) | {len(rows)})
    return [list(rows[first:last]) for first, last in zip([0, *cuts], cuts, strict=False)]


def at(thread: Sequence[int], row: int, distance: int) -> list[int]:
    """Return what stands at a distance from a memory in its thread."""
    place = thread.index(row)
    return [thread[there] for there in (place - distance, place + distance) if 0 <= there < len(thread)]


terms = st.lists(
    st.tuples(st.dictionaries(st.integers(1, ROWS), st.floats(0.01, 1.0), min_size=1), st.floats(0.1, 5.0)), max_size=4
)


@given(threads=in_threads(), words=terms, weight=st.sampled_from([1.0, 0.5, 0.0]))
def test_words_of_neighbours_count_by_their_maximum(
    threads: list[list[int]], words: list[tuple[dict[int, float], float]], weight: float
) -> None:
    found = Scored(
        np.empty(0, np.int64),
        np.empty(0),
        0,
        terms=[Term(np.array(sorted(has)), np.array([has[row] for row in sorted(has)]), idf) for has, idf in words],
    )
    added = neighbours.spread(found, linked(threads), weight)
    for thread in threads:
        for row in thread:
            wanted = 0.0
            for has, idf in words:
                near = [weight * 0.5 * has.get(other, 0.0) for other in at(thread, row, 1)]
                far = [weight * 0.25 * has.get(other, 0.0) for other in at(thread, row, 2)]
                own = has.get(row, 0.0)
                wanted += idf * (max(own, *near, *far, 0.0) - own)
            assert added[row] == pytest.approx(wanted)
    assert not added[[row for row in range(ROWS + 1) if not any(row in thread for thread in threads)]].any()


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@given(threads=in_threads(), scores=st.dictionaries(st.integers(1, ROWS), st.floats(0, 1), min_size=1), draw=st.data())
def test_scores_of_neighbours_and_of_the_thread_are_added(
    threads: list[list[int]], scores: dict[int, float], draw: st.DataObject
) -> None:
    scores = {row: score for row, score in scores.items() if any(row in thread for thread in threads)}
    assume(scores)
    rows = np.array(sorted(scores), np.int64)
    best = draw.draw(st.sets(st.sampled_from(rows.tolist())))
    own = np.array([scores[row] for row in rows.tolist()])
    found = neighbours.gains(rows, own, linked(threads), np.isin(rows, list(best)))
    of = {row: thread for thread in threads for row in thread}
    means = {
        distance: {row: _mean([scores.get(other, 0.0) for other in at(of[row], row, distance)]) for row in scores}
        for distance in (1, 2)
    }
    usual = {
        distance: _mean([mean for row, mean in known.items() if mean is not None and row in best]) or 0.0
        for distance, known in means.items()
    }
    for place, row in enumerate(rows.tolist()):
        near, far = (usual[distance] if (mean := means[distance][row]) is None else mean for distance in (1, 2))
        assert found.neighbours[place] == pytest.approx(0.4 * near + 0.15 * far)
        assert found.thread[place] == pytest.approx(
            0.2 * max(scores[other] for other in of[row] if other in best or other == row)
        )


def test_a_memory_that_stands_alone_neither_gains_nor_loses() -> None:
    rows, scores = np.arange(1, 7), np.array([0.9, 0.2, 0.4, 0.9, 0.1, 0.3])
    found = neighbours.gains(rows, scores, linked([[1, 2, 3], [4], [5, 6]]), np.ones(6, np.bool_))
    assert found.neighbours[3] == pytest.approx(0.4 * np.mean([0.2, 0.65, 0.2, 0.3, 0.1]) + 0.15 * np.mean([0.4, 0.9]))
    assert found.thread[3] == pytest.approx(0.2 * 0.9)


def test_without_weight_nothing_is_added() -> None:
    found = neighbours.gains(np.array([1, 2]), np.array([0.5, 1.0]), linked([[1, 2]]), np.ones(2, np.bool_), 0.0)
    assert not found.neighbours.any()
    assert not found.thread.any()


def test_no_memories_have_no_neighbours() -> None:
    nothing = np.empty(0, np.int64)
    assert not neighbours.gains(nothing, np.empty(0), linked([]), np.ones(0, np.bool_)).neighbours.size
    assert not linked([]).around(nothing).size


@given(threads=in_threads(), rows=st.sets(st.integers(1, ROWS)))
def test_around_are_those_at_a_distance_of_two(threads: list[list[int]], rows: set[int]) -> None:
    rows = {row for row in rows if any(row in thread for thread in threads)}
    wanted = set(rows)
    for thread in threads:
        for row in rows & set(thread):
            wanted.update(at(thread, row, 1), at(thread, row, 2))
    assert linked(threads).around(np.array(sorted(rows), np.int64)).tolist() == sorted(wanted)
