from __future__ import annotations

import numpy as np

from tests.unit.workers.index.clusters import index
from workers.index.composite import JoinedIndex
from workers.index.exact import ExactIndex

QUERY = np.array([1, 0], np.float32)


JOINED = JoinedIndex([index({1: (1, 0), 4: (0, 1)}), index({2: (0.6, 0.8), 3: (0.6, 0.8)}), ExactIndex(2)])


def test_the_best_of_all_come_first_and_of_equals_the_newer() -> None:
    assert [row for row, _ in JOINED.search(QUERY, 10)] == [1, 3, 2, 4]
    assert [row for row, _ in JOINED.search(QUERY, 2)] == [1, 3]


def test_only_allowed_ones_are_found() -> None:
    assert [row for row, _ in JOINED.search(QUERY, 10, np.array([2, 4, 9], np.int64))] == [2, 4]


def test_similarities_are_those_of_whichever_has_the_memory() -> None:
    assert dict(JOINED.similarities(QUERY, np.array([1, 2, 9]))) == {1: 1.0, 2: np.float32(0.6)}


def test_of_none_there_is_nothing() -> None:
    assert JoinedIndex([]).search(QUERY, 3) == []
    assert dict(JoinedIndex([]).similarities(QUERY, np.array([1]))) == {}
