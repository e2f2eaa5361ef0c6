"""Many vectors compared at once: in one matrix, on top of a segment, and in any other index alike."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.workers.index.clusters import index
from workers.index.alike import alike
from workers.index.composite import JoinedIndex
from workers.index.interface import Index, Near

ROWS = {number: (float(np.cos(number / 10)), float(np.sin(number / 10))) for number in range(1, 30)}
QUERIES = np.array([(1, 0), (0, 1)], np.float32)


@pytest.mark.parametrize("compared", [index(ROWS), JoinedIndex([index(ROWS)])], ids=["matrix", "one by one"])
def test_the_nearest_and_all_that_are_near_are_found_up_to_the_most(compared: Index) -> None:
    first, second = alike(compared, QUERIES, Near(1, 0.9, 100))
    assert [row for row, cosine in first if cosine >= 0.9] == [1, 2, 3, 4]
    assert [row for row, cosine in second if cosine >= 0.9] == [16, 15, 17, 14, 18, 13, 19, 12, 20]
    assert len(alike(compared, QUERIES, Near(1, 0.9, 3))[1]) == 3
    assert alike(compared, QUERIES, Near(2, 2.0, 100))[0][0][0] == 1
    assert [row for row, _ in alike(compared, QUERIES, Near(1, 0.9, 100), np.array([3, 9]))[0]][:1] == [3]
