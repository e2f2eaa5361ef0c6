"""Checks of vectors: which can't be right, and how a model's vec0 table differs from the vectors that it is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import apsw
import numpy as np

from workers.storage.sqlite import engine, fulltext, queries
from workers.storage.sqlite.vec0 import table

_SQL = queries.load("check")
_UNIT = 1e-3  # how far a vector's length may be from 1


@dataclass(frozen=True, slots=True)
class VectorProblem:
    """The vectors of one memory by one model, and what is wrong with them.

    code: left_over, orphan, size, length or windows.
    """

    row: int
    model: int
    code: str


def problems(connection: apsw.Connection) -> Iterator[VectorProblem]:
    """Yield what is wrong with vectors; each memory and model once."""
    characters = {row: len(content) for row, content in fulltext.contents(connection)}
    known = {row for (row,) in connection.execute(_SQL["rows"])}
    for (row, model), windows in groupby(connection.execute(_SQL["vectors"]), key=itemgetter(0, 1)):
        if code := _code(row in known, characters.get(row), list(windows)):
            yield VectorProblem(row, model, code)


def _code(known: bool, characters: int | None, windows: list[tuple[Any, ...]]) -> str:
    """Return what is wrong with the vectors of one memory by one model, or nothing."""
    dimensions = windows[0][-1]
    if not known or dimensions is None:
        return "orphan"
    if characters is None:
        return "left_over"  # of a memory that was deleted
    if any(len(embedding) != 4 * dimensions for *_, embedding, _ in windows):
        return "size"
    vectors = np.frombuffer(b"".join(embedding for *_, embedding, _ in windows), "<f4").reshape(-1, dimensions)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not (np.abs(lengths - 1) <= _UNIT).all():  # written so that NaN is wrong as well
        return "length"
    covered = 0
    for number, (_, _, window, start, end, _, _) in enumerate(windows):
        if window != number or start > covered or end < start:
            return "windows"
        covered = max(covered, end)
    return "" if windows[0][3] == 0 and covered == characters else "windows"


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
