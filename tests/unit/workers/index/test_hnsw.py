from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.workers.index.clusters import brute_force, clustered
from workers.index import hnsw
from workers.index.hnsw import BREADTHS, HnswGraph

VECTORS = clustered(6_000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "graph.faiss"
    hnsw.build(VECTORS, path)
    return path


def test_a_graph_knows_the_vectors_that_it_was_made_of(path: Path) -> None:
    found = HnswGraph(path)
    assert found.vectors == len(VECTORS)
    for slot in range(0, len(VECTORS), 600):
        assert slot in found.nearest(VECTORS[slot], 10, 128)


def test_a_breadth_suffices_if_nearly_nothing_is_missed(path: Path) -> None:
    breadth = hnsw.sufficient(path, VECTORS, 80)
    assert breadth in BREADTHS
    found, hits = HnswGraph(path), 0
    queries = clustered(40, seed=8)
    for query in queries:
        slots = found.nearest(query, 80, breadth)
        best = slots[np.argsort(-(VECTORS[slots] @ query))[:10]]
        hits += len(set(best.tolist()) & set(brute_force(VECTORS, query, 10)))
    assert hits >= 0.98 * 10 * len(queries)


def test_where_none_suffices_the_greatest_is_taken(path: Path) -> None:
    assert hnsw.sufficient(path, VECTORS, 1) == BREADTHS[-1]  # one candidate never holds ten hits
