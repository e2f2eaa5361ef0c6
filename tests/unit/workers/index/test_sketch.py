from __future__ import annotations

import numpy as np
import pytest

from tests.unit.workers.index.clusters import brute_force, clustered
from workers.index.exact import SKETCH_FROM, ExactIndex
from workers.index.interface import Vectors
from workers.index.sketch import AXES, Sketch

COUNT = 3 * SKETCH_FROM


def filled(vectors: Vectors) -> ExactIndex:
    index = ExactIndex(vectors.shape[1])
    index.add(np.arange(len(vectors), dtype=np.int64), vectors)
    index.tune()
    return index


def recall(index: ExactIndex, vectors: Vectors, queries: Vectors, k: int) -> float:
    found = [{row for row, _ in index.search(query, k)} for query in queries]
    wanted = [set(brute_force(vectors, query, k)) for query in queries]
    return sum(len(one & other) for one, other in zip(found, wanted, strict=True)) / (k * len(queries))


def test_a_sketch_knows_a_vector_that_it_holds() -> None:
    vectors = clustered(500)
    sketch = Sketch(vectors, 512)
    for slot in range(0, 500, 50):
        assert slot in sketch.nearest(vectors[slot], 500, 3)


def test_a_sketch_gives_as_many_as_are_asked_for_and_looks_no_further_than_it_is_told() -> None:
    vectors = clustered(500)
    sketch = Sketch(vectors, 512)
    found = sketch.nearest(vectors[0], 300, 100)
    assert len(set(found.tolist())) == 100
    assert found.max() < 300


@pytest.mark.slow
def test_many_vectors_are_searched_through_a_sketch_and_nearly_nothing_is_missed() -> None:
    vectors, queries = clustered(COUNT), clustered(50, seed=4)
    index = filled(vectors)
    assert index._near(queries[0], 10) is not None
    assert recall(index, vectors, queries, 10) >= 0.99


@pytest.mark.slow
def test_scores_are_exact_whatever_chose_the_candidates() -> None:
    vectors, query = clustered(COUNT), clustered(1, seed=5)[0]
    for row, score in filled(vectors).search(query, 10):
        assert abs(score - float(vectors[row] @ query)) < 1e-6


@pytest.mark.slow
def test_a_sketch_keeps_up_with_what_is_added_moved_and_removed() -> None:
    vectors = clustered(COUNT)
    index = filled(vectors[: COUNT // 2])
    index.add(np.arange(COUNT // 2, COUNT, dtype=np.int64), vectors[COUNT // 2 :])
    for row in range(0, COUNT, 3):
        index.remove(row)
    kept = [row for row in range(COUNT) if row % 3]
    for row in kept[::500]:
        assert index.search(vectors[row], 1)[0][0] == row
    assert all(row % 3 for row, _ in index.search(vectors[0], 10))


@pytest.mark.slow
def test_vectors_that_no_sketch_can_tell_apart_are_compared_exactly() -> None:
    # Noise in many dimensions: a few axes hold little of it.
    vectors = np.random.default_rng(1).standard_normal((COUNT, 400)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = filled(vectors)
    assert index._near(vectors[0], 10) is None
    for query in vectors[::600]:
        assert {row for row, _ in index.search(query, 10)} == set(brute_force(vectors, query, 10))


def test_vectors_of_few_dimensions_are_compared_exactly() -> None:
    vectors = clustered(COUNT, dimensions=AXES)
    assert filled(vectors)._near(vectors[0], 10) is None


def test_few_vectors_have_no_sketch() -> None:
    vectors = clustered(SKETCH_FROM - 1)
    assert filled(vectors)._near(vectors[0], 10) is None


@pytest.mark.slow
def test_memories_with_many_windows_fill_the_hits_all_the_same() -> None:
    vectors = clustered(COUNT)
    index = ExactIndex(vectors.shape[1])
    index.add(np.arange(COUNT, dtype=np.int64) // 1000, vectors)
    index.tune()
    assert len(index.search(vectors[0], 6)) == 6
