"""Vectors: which models have made some, and the truth in `vectors`, beside which an engine may keep more to search.

One model is current: searches by meaning go by its vectors. Another one may be coming: its vectors are being made, and
it becomes the current one in the commit in which it has as many memories as that. What is of neither is removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from memmux.errors import ModelMismatchError
from workers.embedding.interface import Named
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records.embeddings import Embedded

_SQL = queries.load("vectors")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that has made vectors; memories, vectors: how many have some, and how many there are."""

    id: int
    name: str
    dimensions: int
    memories: int
    vectors: int

    def check(self, dimensions: int) -> None:
        """Raise ModelMismatchError unless vectors of so many dimensions can be of this model."""
        if dimensions != self.dimensions:
            raise ModelMismatchError(
                f"the vectors of {self.name} have {self.dimensions} dimensions here, this one has {dimensions}; "
                "send the text instead, or use the cluster's model"
            )


class Searchable(Protocol):
    """What an engine keeps beside `vectors` so that they can be compared where they are; it may be nothing."""

    def made(self, model: Model) -> None:
        """Get ready for the vectors of a new model."""

    def added(self, model: Model, vector_id: int, data: bytes, namespace: str) -> None:
        """Keep a vector of `model`; data: its float32. namespace: of its memory."""

    def removed(self, model_id: int, vector_id: int) -> None:
        """Let go of a vector."""

    def dropped(self, model: Model) -> None:
        """Let go of a model that has no vectors any more."""


def model(connection: Connection, name: str) -> Model | None:
    """Return the model called `name`, if it has ever made vectors here."""
    return next((Model(*found) for found in connection.fetch(_SQL["model"], {"name": name})), None)


def current(connection: Connection) -> Model | None:
    """Return the model whose vectors searches by meaning go by."""
    return next((Model(*found) for found in connection.fetch(_SQL["current"])), None)


def coming(connection: Connection) -> Model | None:
    """Return the model that is to take the place of the current one, if its vectors are being made."""
    return next((Model(*found) for found in connection.fetch(_SQL["coming"])), None)


def others(connection: Connection) -> list[Model]:
    """Return the models that are neither current nor coming; nobody needs their vectors."""
    return [Model(*found) for found in connection.fetch(_SQL["others"])]


def source(connection: Connection, of: Model) -> str:
    """Return what the settings called the model, by which it is found again; empty if that was never noted."""
    return str(connection.value(_SQL["source"], {"model": of.id}) or "")


def served(connection: Connection) -> Named | None:
    """Return the current model as who embeds queries knows it; None where nothing has a vector yet."""
    found = current(connection)
    return None if found is None else Named(found.name, source(connection, found))


def memories(connection: Connection) -> int:
    """Return how many live memories there are, as they are counted; 0 where nothing counts them any more."""
    count: int = connection.value(_SQL["memories"]) or 0
    return count


class VectorTables:
    """The writer's hand on the vectors; every method belongs inside a transaction."""

    def __init__(self, connection: Connection, searchable: Searchable) -> None:
        self._connection = connection
        self._searchable = searchable

    def register(self, name: str, dimensions: int) -> Model:
        """Return the model called `name`, new or known; raise ModelMismatchError if its dimensions are others.

        The first model ever becomes the current one.
        """
        found = model(self._connection, name)
        if found is None:
            self._connection.insert(_SQL["register"], {"name": name, "dimensions": dimensions})
            found = model(self._connection, name)
            assert found is not None
            self._searchable.made(found)
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
        for number, ((start, end), vector) in enumerate(zip(text.windows, text.vectors, strict=True)):
            data = vector.astype("<f4", copy=False).tobytes()
            vector_id = self._connection.insert(
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
            self._searchable.added(made_by, vector_id, data, namespace)

    def remove(self, row: int) -> None:
        """Remove the vectors of the memory `row`, of whatever model."""
        for vector_id, model_id in self._connection.fetch(_SQL["of_memory"], {"memory": row}):
            self._searchable.removed(model_id, vector_id)
        self._connection.execute(_SQL["delete"], {"memory": row})

    def has(self, row: int, made_by: Model | None) -> bool:
        """Return whether the memory `row` has vectors of `made_by`."""
        if made_by is None:
            return False
        return bool(self._connection.value(_SQL["has"], {"memory": row, "model": made_by.id}))

    def drop_some(self, limit: int) -> int:
        """Remove vectors that nobody needs, at most so many, and then their model; return how many were removed."""
        for unneeded in others(self._connection):
            ids = self._connection.fetch(_SQL["some"], {"model": unneeded.id, "limit": limit})
            for (vector_id,) in ids:
                self._searchable.removed(unneeded.id, vector_id)
                self._connection.execute(_SQL["delete_vector"], {"id": vector_id})
            if len(ids) < limit:
                self._searchable.dropped(unneeded)
                self._connection.execute(_SQL["delete_model"], {"model": unneeded.id})
                self._connection.execute(_SQL["forget"], {"key": f"source_of_model_{unneeded.id}"})
            return len(ids)
        return 0
