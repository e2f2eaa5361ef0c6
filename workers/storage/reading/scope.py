"""Scope: the memories that a search by meaning is among, and an index that knows more of them, or of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.index.interface import Index, Rows, Scored, Vectors

FEW = 256  # hidden memories, up to which as many more are asked for as there are


@dataclass(frozen=True, slots=True)
class Scope:
    """The memories of `index`, those in `allowed` only if that is given, without those in `hidden`."""

    index: Index
    allowed: Rows | None = None
    hidden: frozenset[int] = frozenset()

    @property
    def count(self) -> int:
        """How many vectors there are to be compared; 0 where that is not known."""
        centre = self.index.centre
        known = 0 if centre is None else centre.count
        return known if self.allowed is None else min(known, len(self.allowed))

    def nearest(self, query: Vectors, k: int) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`."""
        if not self.hidden:
            return self.index.search(query, k, self.allowed)
        found = self.index.search(query, k + len(self.hidden), self.allowed)
        return [hit for hit in found if hit[0] not in self.hidden][:k]

    def apart(self, query: Vectors) -> tuple[Vectors, float]:
        """Return what sets the unit vector `query` apart from all of the index, and the mean cosine with that."""
        centre = self.index.centre
        return (query, 0.0) if centre is None else centre.apart(query)

    def similarities(self, query: Vectors, rows: Sequence[int]) -> dict[int, float]:
        """Return the cosine of each of the memories `rows`, all of which are in the scope, that has a vector."""
        return self.index.similarities(query, rows)
