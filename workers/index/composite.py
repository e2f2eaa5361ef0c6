"""Composite indexes: several namespaces searched as one, and a segment with what has changed since it was made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from workers.index import centre
from workers.index.centre import Centre
from workers.index.exact import ExactIndex
from workers.index.interface import Index, Rows, Scored, Vectors
from workers.index.scores import Scores
from workers.index.segment import Segment


class JoinedIndex:
    """Indexes that have no memory in common."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self._indexes = indexes

    @property
    def centre(self) -> Centre | None:
        """The mean of the vectors."""
        return centre.joined([index.centre for index in self._indexes])

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`; of those in `allowed`, if given."""
        found = [hit for index in self._indexes for hit in index.search(query, k, allowed)]
        return sorted(found, key=lambda hit: (-hit[1], -hit[0]))[:k]

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending, that has a vector."""
        found = (index.similarities(query, rows) for index in self._indexes)
        return reduce(Scores.beside, found, Scores.of(()))


class LayeredIndex:
    """The vectors of one namespace: a memory that changed is hidden in `below`, and `above` has its vectors."""

    def __init__(self, below: Segment, above: ExactIndex) -> None:
        self.below = below
        self.above = above

    def __len__(self) -> int:
        """Return the number of vectors."""
        return len(self.below) + len(self.above)

    @property
    def centre(self) -> Centre:
        """The mean of the vectors."""
        return self.below.centre + self.above.centre

    def of(self, row: int) -> Vectors:
        """Return the vectors of the memory `row`, one line each, in no order; none if it has none."""
        return np.concatenate((self.below.of(row), self.above.of(row)))

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """Add unit `vectors`, one line each, of the memories `rows`, which have none."""
        self.above.add(rows, vectors)

    def tune(self) -> None:
        """Prepare for the number of vectors that there are."""
        self.above.tune()

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`; of those in `allowed`, if given."""
        found = [*self.below.search(query, k, allowed), *self.above.search(query, k, allowed)]
        return sorted(found, key=lambda hit: (-hit[1], -hit[0]))[:k]

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending, that has a vector."""
        return self.below.similarities(query, rows).beside(self.above.similarities(query, rows))
