"""The index in tables: vectors are read and compared one after the other, for when there are too many for memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np

from workers.index.interface import Rows, Scored, Vectors
from workers.index.scores import Scores
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records.vectors import Model

_SQL = queries.load("tables")
_PIECE = 1_024  # vectors compared at once


class TableIndex:
    """The vectors of one model and one namespace, or None for all, as the connection's transaction sees them."""

    centre = None  # to know it, all vectors would have to be read

    def __init__(self, connection: Connection, model: Model, namespace: str | None) -> None:
        self._connection = connection
        self._model = model
        self._namespace = namespace

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`, exactly; of those in `allowed`, if given."""
        if allowed is not None:
            found = self._of(query, allowed)
        else:
            name = "of_all" if self._namespace is None else "of_namespace"
            found = self._best(query, self._connection.each(_SQL[name], self._values(namespace=self._namespace)))
        best = heapq.nlargest(k, ((cosine, row) for row, cosine in found.items()))
        return [(row, cosine) for cosine, row in best]

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending, that has a vector."""
        return Scores.of(self._of(query, rows).items())

    def _of(self, query: Vectors, rows: Rows) -> dict[int, float]:
        return self._best(query, self._connection.each(_SQL["of_rows"], self._values(rows=rows.tolist())))

    def _values(self, **values: object) -> dict[str, object]:
        return {"model": self._model.id, **values}

    def _best(self, query: Vectors, found: Iterable[tuple[Any, ...]]) -> dict[int, float]:
        """Return the cosine of the best window of each memory, with rounding beyond [-1, 1] taken off."""
        best: dict[int, float] = {}
        for piece in _pieces(iter(found)):
            data = b"".join(map(itemgetter(1), piece))
            vectors = np.frombuffer(data, "<f4").reshape(-1, self._model.dimensions)
            cosines = np.clip(vectors @ query.astype(np.float32), -1.0, 1.0).tolist()
            for (row, _), cosine in zip(piece, cosines, strict=True):
                if cosine > best.get(row, -2.0):
                    best[row] = cosine
        return best


def _pieces(found: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while piece := list(islice(found, _PIECE)):
        yield piece
