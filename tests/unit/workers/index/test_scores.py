"""Scores, against the same in dictionaries."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.index.scores import Scores, merged, within

ROWS = st.integers(1, 30)
HELD = st.dictionaries(ROWS, st.sampled_from([0.25, 0.5, 0.75]))
ASKED = st.lists(ROWS)


@given(HELD, ASKED)
def test_scores_are_known_by_their_rows(held: dict[int, float], asked: list[int]) -> None:
    scores, rows = Scores.of(held.items()), np.array(asked, np.int64)
    assert dict(scores) == held
    assert scores.rows.tolist() == sorted(held)
    assert scores.at(rows, -1.0).tolist() == [held.get(row, -1.0) for row in asked]
    assert within(rows, scores.rows).tolist() == [row in held for row in asked]
    assert dict(scores.among(merged(rows))) == {row: held[row] for row in held if row in asked}


@given(HELD, HELD)
def test_those_of_other_memories_are_put_beside_them(some: dict[int, float], others: dict[int, float]) -> None:
    others = {row: score for row, score in others.items() if row not in some}
    both = Scores.of(some.items()).beside(Scores.of(others.items()))
    assert list(both) == sorted({**some, **others}.items())


@given(HELD, st.integers(1, 40))
def test_the_best_come_first_and_newer_ones_among_equals(held: dict[int, float], count: int) -> None:
    scores = Scores.of(held.items())
    best = sorted(held, key=lambda row: (-held[row], -row))[:count]
    assert scores.best_first(count).tolist() == best
    assert list(scores.best(count)) == sorted((row, held[row]) for row in best)
    assert (scores.most, scores.least) == (max(held.values(), default=0.0), min(held.values(), default=0.0))


@given(ASKED, ASKED)
def test_merged_rows_are_ascending_and_each_is_there_once(some: list[int], others: list[int]) -> None:
    assert merged(np.array(some, np.int64), np.array(others, np.int64)).tolist() == sorted({*some, *others})
