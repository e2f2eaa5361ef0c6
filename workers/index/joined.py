"""Joined: the indexes of several namespaces, searched as one."""

from __future__ import annotations

from collections.abc import Sequence

from workers.index.interface import Index, Rows, Scored, Vectors


class Joined:
    """Indexes that have no memory in common."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self._indexes = indexes

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`; of those in `allowed`, if given."""
        found = [hit for index in self._indexes for hit in index.search(query, k, allowed)]
        return sorted(found, key=lambda hit: (-hit[1], -hit[0]))[:k]

    def similarities(self, query: Vectors, rows: Sequence[int]) -> dict[int, float]:
        """Return the cosine of each of the memories `rows` that has a vector."""
        return {row: cosine for index in self._indexes for row, cosine in index.similarities(query, rows).items()}
