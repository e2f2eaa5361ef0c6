"""The graph: finds the nearest of very many vectors by following neighbours instead of comparing them all.

HNSW (Malkov and Yashunin, arXiv:1603.09320) by faiss, over vectors of one byte a dimension. It proposes candidates,
which are compared exactly afterwards. A graph is made once, never changed, and mapped, so that the workers share it.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from workers.index.interface import Vectors
from workers.index.sketch import Slots

LINKS = 16  # of a vector to its neighbours, twice as many on the lowest level
BREADTH = 80  # candidates that are looked at to place a vector
TRAINING = 50_000  # vectors from which the range of each dimension is learnt
_BLOCK = 10_000  # vectors placed at once
_LEAST_BREADTH = 128  # candidates that a search looks at, and
_BREADTH_PER_HIT = 1.5  # how many for each that is asked for

faiss.omp_set_num_threads(1)  # as every worker has one


class Graph:
    """The graph in a file; slot n is the n-th vector that it was made of."""

    def __init__(self, path: Path) -> None:
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        self.vectors: int = self._index.ntotal

    def nearest(self, query: Vectors, count: int) -> Slots:
        """Return about `count` slots whose vectors are likely the nearest to the unit vector `query`."""
        breadth = max(_LEAST_BREADTH, int(_BREADTH_PER_HIT * count))
        chosen = faiss.SearchParametersHNSW(efSearch=breadth)
        _, (slots,) = self._index.search(query[np.newaxis], min(count, self.vectors), params=chosen)
        found: Slots = slots[slots >= 0]
        return found


def build(vectors: Vectors, path: Path) -> None:
    """Write the graph of unit `vectors`, one line each, to `path`: about a millisecond for each of a million."""
    index = faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BREADTH
    sample = np.random.default_rng(len(vectors)).permutation(len(vectors))[:TRAINING]
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    for start in range(0, len(vectors), _BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))
    faiss.write_index(index, str(path))
