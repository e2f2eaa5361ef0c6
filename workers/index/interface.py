"""The interface of indexes, in memory or in a table: the nearest memories of a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from workers.index.centre import Centre  # which is one of vectors
    from workers.index.scores import Scores

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Scored = list[tuple[int, float]]
"""Memories by their row, each with its cosine in [-1, 1]; best first, newer first among equals."""


@dataclass(frozen=True, slots=True)
class Near:
    """Which memories are near to a vector: the `k` nearest, and all with a cosine of `least` or more, `most` at most.

    Where memories have several vectors, it may be those of the `k` nearest vectors.
    """

    k: int
    least: float
    most: int


class Index(Protocol):
    """The vectors of the memories of one namespace, of one model; a memory scores by its best window."""

    @property
    def centre(self) -> Centre | None:
        """The mean of the vectors; None where it is not known."""

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`, exactly; of those in `allowed`, if given."""

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending, that has a vector."""
