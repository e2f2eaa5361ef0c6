"""Vectors: which models have made some, the truth in `vectors`, and the vec0 table that each model has beside it.

One model is current: searches by meaning go by its vectors. Another one may be coming: its vectors are being made, and
it becomes the current one in the commit in which it has as many memories as that. What is of neither is removed.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from memmux.errors import ModelMismatchError
from workers.storage.db import engine, queries
from workers.storage.db.embeddings import Embedded

_SQL = queries.load("vectors")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that has made vectors; memories, vectors: how many have some, and how many there are."""

    id: int
    name: str
    dimensions: int
    memories: int
    vectors: int

    @property
    def table(self) -> str:
        """The name of its vec0 table."""
        return table(self.id)

    def check(self, dimensions: int) -> None:
        """Raise ModelMismatchError unless vectors of so many dimensions can be of this model."""
        if dimensions != self.dimensions:
            raise ModelMismatchError(
                f"the vectors of {self.name} have {self.dimensions} dimensions here, this one has {dimensions}; "
                "send the text instead, or use the cluster's model"
            )


def table(model_id: int) -> str:
    """Return the name of a model's vec0 table."""
    return f"vec_{model_id:d}"


def model(connection: apsw.Connection, name: str) -> Model | None:
    """Return the model called `name`, if it has ever made vectors here."""
    return next((Model(*found) for found in engine.fetch(connection, _SQL["model"], {"name": name})), None)


def current(connection: apsw.Connection) -> Model | None:
    """Return the model whose vectors searches by meaning go by."""
    return next((Model(*found) for found in engine.fetch(connection, _SQL["current"])), None)


def coming(connection: apsw.Connection) -> Model | None:
    """Return the model that is to take the place of the current one, if its vectors are being made."""
    return next((Model(*found) for found in engine.fetch(connection, _SQL["coming"])), None)


def others(connection: apsw.Connection) -> list[Model]:
    """Return the models that are neither current nor coming; nobody needs their vectors."""
    return [Model(*found) for found in engine.fetch(connection, _SQL["others"])]


def source(connection: apsw.Connection, of: Model) -> str:
    """Return what the settings called the model, by which it is found again; empty if that was never noted."""
    return str(engine.value(connection, _SQL["source"], {"model": of.id}) or "")


def memories(connection: apsw.Connection) -> int:
    """Return how many live memories there are."""
    count: int = engine.value(connection, _SQL["memories"])
    return count


class VectorTables:
    """The writer's hand on the vectors; every method belongs inside a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def register(self, name: str, dimensions: int) -> Model:
        """Return the model called `name`, new or known; raise ModelMismatchError if its dimensions are others.

        The first model ever becomes the current one.
        """
        found = model(self._connection, name)
        if found is None:
            self._connection.execute(_SQL["register"], {"name": name, "dimensions": dimensions})
            found = model(self._connection, name)
            assert found is not None
            self._connection.execute(_SQL["make_table"].format(table=found.table, dimensions=dimensions))
            if current(self._connection) is None:
                self.make_current(found)
        found.check(dimensions)
        return found

    def make_current(self, chosen: Model) -> None:
        """Have searches go by the vectors of `chosen` from this commit on; none is coming any more."""
        self._put("model", chosen.id)
        self._connection.execute(_SQL["forget"], {"key": "next_model"})

    def choose(self, wanted: Model, beside: str) -> None:
        """Let `wanted` be the current model once it has as many memories as that, or at once, and coming before.

        beside: the name of another model that can still embed queries. If that is not the current one, nobody can ask
        for its vectors, and there is nothing to wait for.
        """
        serving = current(self._connection)
        if serving is None or serving.name != beside or wanted.memories >= serving.memories:
            self.make_current(wanted)
        else:
            self._put("next_model", wanted.id)

    def note_source(self, of: Model, source: str) -> None:
        """Note what the settings call a model."""
        self._put(f"source_of_model_{of.id}", source)

    def _put(self, key: str, value: str | int) -> None:
        self._connection.execute(_SQL["put"], {"key": key, "value": value})

    def add(self, row: int, namespace: str, text: Embedded) -> None:
        """Add the vectors of the memory `row`, which has none of that model."""
        made_by = self.register(text.model, text.dimensions)
        insert = _SQL["insert_searchable"].format(table=made_by.table)
        for number, ((start, end), vector) in enumerate(zip(text.windows, text.vectors, strict=True)):
            data = vector.astype("<f4", copy=False).tobytes()
            self._connection.execute(
                _SQL["insert"],
                {
                    "memory": row,
                    "model": made_by.id,
                    "window": number,
                    "start": start,
                    "end": end,
                    "embedding": data,
                },
            )
            found = {"id": self._connection.last_insert_rowid(), "embedding": data, "namespace": namespace}
            self._connection.execute(insert, found)

    def remove(self, row: int) -> None:
        """Remove the vectors of the memory `row`, of whatever model."""
        for vector_id, model_id in engine.fetch(self._connection, _SQL["of_memory"], {"memory": row}):
            self._connection.execute(_SQL["delete_searchable"].format(table=table(model_id)), {"id": vector_id})
        self._connection.execute(_SQL["delete"], {"memory": row})

    def has(self, row: int, made_by: Model | None) -> bool:
        """Return whether the memory `row` has vectors of `made_by`."""
        if made_by is None:
            return False
        return bool(engine.value(self._connection, _SQL["has"], {"memory": row, "model": made_by.id}))

    def drop_some(self, limit: int) -> int:
        """Remove vectors that nobody needs, at most so many, and then their model; return how many were removed."""
        for unneeded in others(self._connection):
            delete = _SQL["delete_searchable"].format(table=unneeded.table)
            ids = engine.fetch(self._connection, _SQL["some"], {"model": unneeded.id, "limit": limit})
            for (vector_id,) in ids:
                self._connection.execute(delete, {"id": vector_id})
                self._connection.execute(_SQL["delete_vector"], {"id": vector_id})
            if len(ids) < limit:
                self._connection.execute(_SQL["drop_table"].format(table=unneeded.table))
                self._connection.execute(_SQL["delete_model"], {"model": unneeded.id})
                self._connection.execute(_SQL["forget"], {"key": f"source_of_model_{unneeded.id}"})
            return len(ids)
        return 0
