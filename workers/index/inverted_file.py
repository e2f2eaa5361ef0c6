"""The inverted file: finds the nearest of very many vectors by comparing a part of them in short forms.

The vectors are divided into lists, each of those nearest to one of some centres (IVF: Jégou, Douze and Schmid,
doi:10.1109/TPAMI.2010.57). A vector is kept as the nearest of 16 values for each three of its dimensions, which the
processor compares from its registers (André, Kermarrec and Le Scouarnec, arXiv:1812.09162). faiss does both. What is
found are candidates, which are compared exactly afterwards. An inverted file is made once and never changed.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from workers.index.interface import Vectors
from workers.index.sketch import Slots

DIMENSIONS_PER_CODE = 3  # that are kept as one of 16 values
TRAINING_PER_LIST = 64  # vectors from which the centres are learnt
TRAINING_ROUNDS = 10
BREADTHS = (8, 16, 32, 64, 128, 256, 512)  # lists that a search compares: as many as suffice
TRIALS = 64  # queries with which it is tried what suffices,
TOGETHER = 4  # each amid so many stored vectors,
TRIAL_K = 10  # for so many hits,
TRIAL_RECALL = 0.99  # to find this part of what is found with the greatest breadth
_BLOCK = 10_000  # vectors added, or compared, at once
_LISTS_LEAST = 16

faiss.omp_set_num_threads(1)  # as every worker has one


class InvertedFile:
    """The inverted file in a file, read into memory; slot n is the n-th vector that it was made of."""

    def __init__(self, path: Path) -> None:
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_READ_ONLY)
        self.vectors: int = self._index.ntotal

    def nearest(self, query: Vectors, count: int, breadth: int) -> Slots:
        """Return at most `count` slots, ascending, whose vectors are likely the nearest to the unit vector `query`.

        breadth: how many lists are compared; the more, the surer and the slower.
        """
        chosen = faiss.SearchParametersIVF(nprobe=breadth)
        _, (slots,) = self._index.search(_padded(query[np.newaxis]), min(count, self.vectors), params=chosen)
        found: Slots = np.sort(slots[slots >= 0])
        return found


def build(vectors: Vectors, path: Path) -> None:
    """Write the inverted file of unit `vectors`, one line each, to `path`: about 40 s for a million."""
    lists = max(_LISTS_LEAST, round(len(vectors) ** 0.5))
    sample = np.random.default_rng(len(vectors)).permutation(len(vectors))[: TRAINING_PER_LIST * lists]
    training = _padded(vectors[np.resize(np.sort(sample), max(len(sample), lists))])
    dimensions = training.shape[1]
    centres = faiss.IndexFlatIP(dimensions)
    codes = dimensions // DIMENSIONS_PER_CODE
    index = faiss.IndexIVFPQFastScan(centres, dimensions, lists, codes, 4, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = False  # it finds no more with it, and takes longer
    index.cp.spherical, index.cp.niter = True, TRAINING_ROUNDS
    index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1  # or else it warns, of few vectors
    index.train(training)
    for start in range(0, len(vectors), _BLOCK):
        index.add(_padded(vectors[start : start + _BLOCK]))
    faiss.write_index(index, str(path))


def sufficient(path: Path, vectors: Vectors, count: int) -> int:
    """Return the least breadth with which the file of `vectors` finds nearly all that it does with the greatest.

    count: candidates that are asked for, and then compared exactly; what is not among them no breadth brings.

    Each query is the mean of four stored ones, about as hard as paragraphs that resemble nothing stored: 128 lists find
    0.995 of those among 100 000 and 0.983 among a million, and of such means 0.997 and 0.991. Means of two are easier:
    64 lists find 0.994 and 0.997 of them, and 0.978 and 0.955 of the paragraphs.
    """
    inverted = InvertedFile(path)
    chance = np.random.default_rng(len(vectors))
    queries = vectors[chance.integers(len(vectors), size=(TRIALS, TOGETHER))].sum(axis=1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = np.empty((TRIALS, len(vectors)), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        cosines[:, start : start + _BLOCK] = queries @ vectors[start : start + _BLOCK].T
    wanted = np.argpartition(-cosines, TRIAL_K, axis=1)[:, :TRIAL_K]

    def found(breadth: int) -> int:
        """Return how many of the nearest are found with a breadth."""
        hits = 0
        for query, line, nearest in zip(queries, cosines, wanted, strict=True):
            slots = inverted.nearest(query, count, breadth)
            hits += np.intersect1d(slots[np.argsort(-line[slots])[:TRIAL_K]], nearest).size
        return hits

    enough = TRIAL_RECALL * found(BREADTHS[-1])
    return next(breadth for breadth in BREADTHS if found(breadth) >= enough)


def _padded(vectors: Vectors) -> Vectors:
    """Return the vectors with zeros after them, up to a number of dimensions that is divided into codes."""
    missing = -vectors.shape[1] % DIMENSIONS_PER_CODE
    return np.ascontiguousarray(np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors, np.float32)
