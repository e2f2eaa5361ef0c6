"""Alike: for many vectors at once the memories nearest to each, and all that are as near as is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from workers.index.composite import LayeredIndex
from workers.index.exact import ExactIndex
from workers.index.interface import Index, Near, Rows, Scored, Vectors

_MORE = 4  # times as many are asked for where all that were found are near


def alike(index: Index, queries: Vectors, wanted: Near, allowed: Rows | None = None) -> Sequence[Scored]:
    """Return for each of the unit vectors `queries` the memories that are near; of those in `allowed`, if given.

    Vectors in one matrix are compared with all queries at once; others one by one.
    """
    if isinstance(index, ExactIndex):
        return index.within(queries, wanted, allowed)
    if isinstance(index, LayeredIndex):
        below = [_grown(index.below, query, wanted, allowed) for query in queries]
        above = index.above.within(queries, wanted, allowed)
        return [[*one, *other] for one, other in zip(below, above, strict=True)]
    return [_grown(index, query, wanted, allowed) for query in queries]


def _grown(index: Index, query: Vectors, wanted: Near, allowed: Rows | None) -> Scored:
    k = wanted.k
    while True:
        found = index.search(query, k, allowed)
        if len(found) < k or k >= wanted.most or found[-1][1] < wanted.least:
            return found
        k = min(_MORE * k, wanted.most)
