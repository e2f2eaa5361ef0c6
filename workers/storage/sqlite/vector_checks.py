"""Checks of vectors: how a model's vec0 table differs from the vectors that it is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import apsw

from workers.storage.sqlite import engine, queries
from workers.storage.sqlite.vec0 import table

_SQL = queries.load("check")


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of a view from the rows: the numbers of missing, surplus and wrong entries."""

    missing: int
    extra: int
    wrong: int

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.wrong)

    def __str__(self) -> str:
        counts = {"missing": self.missing, "too many": self.extra, "wrong": self.wrong}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def drift(connection: apsw.Connection, model: int) -> Drift:
    """Return how the vec0 table of `model` differs from its vectors."""
    kept = {
        row: _digest(embedding, namespace)
        for row, embedding, namespace in connection.execute(_SQL["vectors_of_model"], {"model": model})
    }
    extra = wrong = 0
    for row, embedding, namespace in connection.execute(_SQL["searchable"].format(table=table(model))):
        digest = kept.pop(row, None)
        if digest is None:
            extra += 1
        elif digest != _digest(embedding, namespace):
            wrong += 1
    return Drift(len(kept), extra, wrong)


def searchables(connection: apsw.Connection) -> set[str]:
    """Return the names of the vec0 tables that are there."""
    return {name for (name,) in engine.fetch(connection, _SQL["searchables"])}


def _digest(embedding: bytes, namespace: str | None) -> bytes:
    """Return a short stand-in for a vector and its namespace, so that a million of them fit into memory."""
    return hashlib.blake2b(embedding + (namespace or "").encode(), digest_size=16).digest()
