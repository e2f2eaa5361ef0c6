"""The centre of vectors: their mean, kept while vectors come and go.

What all memories of a namespace have in common says nothing about which of them answers a query: taken off the query,
what is left is what sets them apart. Sums are whole numbers, so they are the same for every reader, in whatever order
it has seen the vectors, and what was added and removed again leaves nothing.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from workers.index.interface import Vectors

FEW = 10  # vectors: so many make half a mean; of fewer there is little to be known
_UNIT = 1 << 24  # of a sum; a float32 below 1 has no finer parts that count
_PIECE = 4_096  # vectors that are summed at once

Sum = NDArray[np.int64]


class Centre:
    """The sum of `count` vectors, in parts of a unit."""

    def __init__(self, total: Sum, count: int = 0) -> None:
        self.total = total
        self.count = count

    @classmethod
    def none(cls, dimensions: int) -> Centre:
        """Return that of no vectors."""
        return cls(np.zeros(dimensions, np.int64))

    @classmethod
    def of(cls, vectors: Vectors) -> Centre:
        """Return that of these vectors, one a line."""
        found = cls.none(vectors.shape[1])
        for first in range(0, len(vectors), _PIECE):
            found.add(vectors[first : first + _PIECE])
        return found

    def add(self, vectors: Vectors) -> None:
        """Count vectors in, one a line."""
        self.total += _sum(vectors)
        self.count += len(vectors)

    def remove(self, vectors: Vectors) -> None:
        """Count vectors out that were counted in."""
        self.total -= _sum(vectors)
        self.count -= len(vectors)

    def __add__(self, other: Centre) -> Centre:
        return Centre(self.total + other.total, self.count + other.count)

    def apart(self, query: Vectors) -> tuple[Vectors, float]:
        """Return the unit vector of what sets a query apart, and the mean of the cosines of these vectors with it."""
        if not self.count:
            return query, 0.0
        mean = self.total / (_UNIT * self.count)
        direction = query - mean * (self.count / (self.count + FEW))
        length = float(np.linalg.norm(direction))
        if length < 1e-6:  # noqa: PLR2004  # the query is the centre: nothing sets it apart
            return query, float(mean @ query)
        direction /= length
        return direction.astype(np.float32), float(mean @ direction)


def joined(centres: list[Centre | None]) -> Centre | None:
    """Return the centre of all vectors; None if there are none, or not all are known."""
    known = [centre for centre in centres if centre is not None]
    return reduce(Centre.__add__, known) if known and len(known) == len(centres) else None


def _sum(vectors: Vectors) -> Sum:
    found: Sum = np.rint(vectors * np.float32(_UNIT)).astype(np.int32).sum(axis=0, dtype=np.int64)
    return found
