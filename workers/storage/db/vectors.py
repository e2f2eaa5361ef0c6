"""Vectors: which models have made some, the truth in `vectors`, and the vec0 table that each model has beside it."""

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
    """Return the model that the database is, or is becoming, embedded with."""
    return next((Model(*found) for found in engine.fetch(connection, _SQL["current"])), None)


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
        """Make `chosen` the model that memories are pending for."""
        self._connection.execute(_SQL["set_current"], {"model": chosen.id})

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

    def drop_others(self, kept: Model) -> None:
        """Forget every model but `kept`, with its vectors."""
        for (model_id,) in engine.fetch(self._connection, _SQL["others"], {"model": kept.id}):
            self._connection.execute(_SQL["drop_table"].format(table=table(model_id)))
            self._connection.execute(_SQL["delete_model_vectors"], {"model": model_id})
            self._connection.execute(_SQL["delete_model"], {"model": model_id})
