from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.workers.index.clusters import brute_force, clustered
from workers.index import inverted_file
from workers.index.inverted_file import BREADTHS, InvertedFile

VECTORS = clustered(6_000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lists") / "lists.faiss"
    inverted_file.build(VECTORS, path)
    return path


@pytest.mark.slow
def test_an_inverted_file_knows_the_vectors_that_it_was_made_of(path: Path) -> None:
    found = InvertedFile(path)
    assert found.vectors == len(VECTORS)
    for slot in range(0, len(VECTORS), 600):
        assert slot in found.nearest(VECTORS[slot], 10, 8)


@pytest.mark.slow
def test_a_breadth_suffices_if_nearly_nothing_is_missed(path: Path) -> None:
    breadth = inverted_file.sufficient(path, VECTORS, 200)
    assert breadth in BREADTHS[:-1]
    found, hits = InvertedFile(path), 0
    queries = clustered(40, seed=8)
    for query in queries:
        slots = found.nearest(query, 200, breadth)
        best = slots[np.argsort(-(VECTORS[slots] @ query))[:10]]
        hits += len(set(best.tolist()) & set(brute_force(VECTORS, query, 10)))
    assert hits >= 0.98 * 10 * len(queries)


@pytest.mark.slow
def test_a_breadth_is_not_blamed_for_what_the_candidates_do_not_hold(path: Path) -> None:
    assert inverted_file.sufficient(path, VECTORS, 1) < BREADTHS[-1]  # one candidate never holds ten hits


@pytest.mark.slow
@pytest.mark.parametrize(("count", "dimensions"), [(3, 4), (40, 37), (2_000, 257)])
def test_few_vectors_and_odd_numbers_of_dimensions_are_served(tmp_path: Path, count: int, dimensions: int) -> None:
    vectors = clustered(count, dimensions)
    inverted_file.build(vectors, tmp_path / "lists.faiss")
    found = InvertedFile(tmp_path / "lists.faiss")
    for slot in range(0, count, 1 + count // 20):
        slots = found.nearest(vectors[slot], min(count, 40), BREADTHS[-1])
        assert slot in slots
        assert sorted(set(slots.tolist())) == slots.tolist()
