"""The vec0 tables of sqlite-vec, one for each model: vectors compared on disk, when there are too many for memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import apsw
import numpy as np
import orjson

from workers.index.interface import Rows, Scored, Vectors
from workers.index.scores import Scores
from workers.storage.records.vectors import Model
from workers.storage.sqlite import engine, queries

_SQL = queries.load("vec0")
VEC0_K = 4096  # the most neighbours that vec0 gives at once


def table(model_id: int) -> str:
    """Return the name of a model's vec0 table."""
    return f"vec_{model_id:d}"


class Vec0Tables:
    """Keeps what is in the vec0 tables; see `vectors.Searchable`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def made(self, model: Model) -> None:
        """Make the table of a new model."""
        self._connection.execute(_SQL["make_table"].format(table=table(model.id), dimensions=model.dimensions))

    def added(self, model: Model, vector_id: int, data: bytes, namespace: str) -> None:
        """Put a vector into the table of `model`."""
        values = {"id": vector_id, "embedding": data, "namespace": namespace}
        self._connection.execute(_SQL["insert_searchable"].format(table=table(model.id)), values)

    def removed(self, model_id: int, vector_id: int) -> None:
        """Take a vector out of the table of a model."""
        self._connection.execute(_SQL["delete_searchable"].format(table=table(model_id)), {"id": vector_id})

    def dropped(self, model: Model) -> None:
        """Drop the table of a model."""
        self._connection.execute(_SQL["drop_table"].format(table=table(model.id)))


class TableIndex:
    """The vectors of one model and one namespace, or None for all, as the connection's transaction sees them."""

    def __init__(self, connection: apsw.Connection, model: Model, namespace: str | None) -> None:
        self._connection = connection
        self._model = model
        self._namespace = namespace

    centre = None  # to know it, all vectors would have to be read

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`, exactly; of those in `allowed`, if given."""
        if allowed is not None:
            return self._of_rows(query, allowed.tolist(), k)
        take = k
        # vec0 counts windows, and a memory may have many: ask for more until there are enough memories.
        while take <= VEC0_K:
            windows = self._windows(query, take)
            best: dict[int, float] = {}
            for row, cosine in sorted(windows, key=lambda window: (-window[1], -window[0])):
                best.setdefault(row, cosine)
            if len(best) >= k or len(windows) < take:
                return list(islice(best.items(), k))
            take *= 2
        values = {"query": _blob(query), "model": self._model.id, "namespace": self._namespace, "k": k}
        name = "nearest_of_all" if self._namespace is None else "nearest_of_namespace"
        return _scored(engine.fetch(self._connection, _SQL[name], values))

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending, that has a vector."""
        return Scores.of(self._of_rows(query, rows.tolist(), len(rows)))

    def _windows(self, query: Vectors, take: int) -> Scored:
        values = {"query": _blob(query), "k": take, "namespace": self._namespace}
        name = "nearest_everywhere" if self._namespace is None else "nearest"
        return _scored(engine.fetch(self._connection, _SQL[name].format(table=table(self._model.id)), values))

    def _of_rows(self, query: Vectors, rows: Sequence[int], k: int) -> Scored:
        wanted = orjson.dumps(rows).decode()
        values = {"query": _blob(query), "model": self._model.id, "rows": wanted, "k": k}
        return _scored(engine.fetch(self._connection, _SQL["nearest_of_rows"], values))


def _blob(query: Vectors) -> bytes:
    return np.ascontiguousarray(query, "<f4").tobytes()


def _scored(found: Iterable[tuple[int, float]]) -> Scored:
    """Return what SQL found, with rounding beyond [-1, 1] taken off."""
    return [(row, max(-1.0, min(1.0, cosine))) for row, cosine in found]
