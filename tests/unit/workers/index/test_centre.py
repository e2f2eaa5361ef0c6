from __future__ import annotations

import numpy as np
import pytest

from workers.index import centre
from workers.index.centre import FEW, Centre
from workers.index.exact import ExactIndex


def unit(count: int, dimensions: int = 8, seed: int = 1) -> np.ndarray:
    lines = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32) + 0.5
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    return lines


def test_what_was_added_and_removed_again_leaves_nothing() -> None:
    lines = unit(5_000)
    kept = Centre.none(8)
    for _ in range(3):
        kept.add(lines)
        for line in np.array_split(lines[::-1], 7):
            kept.remove(line)
    assert (kept.total.any(), kept.count) == (False, 0)


def test_the_mean_is_that_of_the_vectors_in_whatever_order_they_came() -> None:
    lines = unit(500)
    one, other = Centre.of(lines), Centre.of(lines[::-1][:100]) + Centre.of(lines[:400])
    assert (one.total == other.total).all()
    query = unit(1, seed=2)[0]
    apart, usual = one.apart(query)
    wanted = query - lines.mean(axis=0) * 500 / (500 + FEW)
    assert apart == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)
    assert usual == pytest.approx(float((lines @ apart).mean()), abs=1e-5)


def test_of_few_vectors_little_is_taken_off() -> None:
    lines = unit(2)
    apart, _ = Centre.of(lines).apart(lines[0])
    assert float(apart @ lines[0]) > 0.9


def test_where_nothing_is_left_the_query_is_as_it_was() -> None:
    assert Centre.none(2).apart(np.array([1, 0], np.float32))[1] == 0
    same = np.array([[1, 0]] * 3, np.float32)
    query, usual = Centre.of(same).apart(np.array([3 / 13, 0], np.float32))
    assert (query.tolist(), usual) == (pytest.approx([3 / 13, 0]), pytest.approx(3 / 13))


def test_an_index_keeps_its_centre() -> None:
    lines, index = unit(300), ExactIndex(8)
    index.add(np.arange(300) // 2, lines)
    for row in (3, 3, 149, 0, 77):
        index.remove(row)
    left = np.concatenate([index.of(row) for row in range(150)])
    assert (index.centre.total == Centre.of(left).total).all()
    assert index.centre.count == len(index) == 292


def test_the_centre_of_several_is_known_where_all_are() -> None:
    one, other = Centre.of(unit(3)), Centre.of(unit(4, seed=3))
    both = centre.joined([one, other])
    assert both is not None
    assert both.count == 7
    assert centre.joined([one, None]) is None
    assert centre.joined([]) is None
