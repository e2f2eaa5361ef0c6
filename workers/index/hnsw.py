"""The HNSW graph: finds the nearest of very many vectors by following neighbours instead of comparing them all.

HNSW (Malkov and Yashunin, arXiv:1603.09320) by faiss, over vectors of one byte a dimension. It proposes candidates,
which are compared exactly afterwards. A graph is made once, never changed, and mapped, so that the workers share it.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from workers.index.interface import Vectors
from workers.index.sketch import Slots

LINKS = 16  # of a vector to its neighbours, twice as many on the lowest level,
MANY, MANY_LINKS = 500_000, 32  # and from so many vectors on: of a million it finds 0.93 so, and 0.89 with 16
BREADTH = 80  # candidates that are looked at to place a vector
TRAINING = 50_000  # vectors from which the range of each dimension is learnt
BREADTHS = (128, 256, 512, 1_024, 2_048)  # candidates that a search looks at: as many as suffice
TRIALS = 64  # queries with which it is tried what suffices,
TRIAL_K = 10  # for so many hits,
TRIAL_RECALL = 0.99  # to find this part of them
_BLOCK = 10_000  # vectors placed, or compared, at once
_BREADTH_PER_CANDIDATE = 1.5  # at least, for each that is asked for

faiss.omp_set_num_threads(1)  # as every worker has one


class HnswGraph:
    """The graph in a file; slot n is the n-th vector that it was made of."""

    def __init__(self, path: Path) -> None:
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        self.vectors: int = self._index.ntotal

    def nearest(self, query: Vectors, count: int, breadth: int) -> Slots:
        """Return about `count` slots whose vectors are likely the nearest to the unit vector `query`.

        breadth: how many candidates are looked at; the more, the surer and the slower.
        """
        chosen = faiss.SearchParametersHNSW(efSearch=max(breadth, int(_BREADTH_PER_CANDIDATE * count)))
        _, (slots,) = self._index.search(query[np.newaxis], min(count, self.vectors), params=chosen)
        found: Slots = slots[slots >= 0]
        return found


def build(vectors: Vectors, path: Path) -> None:
    """Write the graph of unit `vectors`, one line each, to `path`: about a millisecond for each of a million."""
    links = LINKS if len(vectors) < MANY else MANY_LINKS
    index = faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BREADTH
    sample = np.random.default_rng(len(vectors)).permutation(len(vectors))[:TRAINING]
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    for start in range(0, len(vectors), _BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))
    faiss.write_index(index, str(path))


def sufficient(path: Path, vectors: Vectors, count: int) -> int:
    """Return the least breadth with which the graph of `vectors` finds what brute force does, or the greatest there is.

    count: candidates that are asked for, and then compared exactly. The queries lie half-way between two stored ones:
    about as hard as questions that resemble nothing stored, and harder than those that do.
    """
    graph = HnswGraph(path)
    chance = np.random.default_rng(len(vectors))
    one, other = (vectors[chance.integers(len(vectors), size=TRIALS)] for _ in range(2))
    queries = one + other
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = np.empty((TRIALS, len(vectors)), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        cosines[:, start : start + _BLOCK] = queries @ vectors[start : start + _BLOCK].T
    wanted = np.argpartition(-cosines, TRIAL_K, axis=1)[:, :TRIAL_K]
    for breadth in BREADTHS:
        found = 0
        for query, line, nearest in zip(queries, cosines, wanted, strict=True):
            slots = graph.nearest(query, count, breadth)
            best = slots[np.argsort(-line[slots])[:TRIAL_K]]
            found += np.intersect1d(best, nearest).size
        if found >= TRIAL_RECALL * wanted.size:
            break
    return breadth
