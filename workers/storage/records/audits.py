"""Audits: ranges of rows whose vectors were brought along and are not verified yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers.storage import queries
from workers.storage.connection import Connection

_SQL = queries.load("audits")
MEMORIES = 128  # of one audit, at most


SAMPLE = 8  # of them that are compared


@dataclass(frozen=True, slots=True)
class Audit:
    """Memories in a range of rows that were loaded with vectors of a model."""

    id: int
    model: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Unverified:
    """A memory with vectors that were brought along; windows: how many they are."""

    row: int
    id: str
    bytes: int
    windows: int


def begin(connection: Connection, rows: Mapping[int, bool]) -> None:
    """Open audits for those of the memories `rows`, of one load, that have unverified vectors; of MEMORIES at most."""
    unverified = [row for row, has in rows.items() if has]
    if not unverified:
        return
    models = connection.fetch(_SQL["models"], {"rows": unverified})
    for first, last in _runs(sorted(rows)):
        if not any(first <= row <= last for row in unverified):
            continue
        for (model,) in models:
            connection.insert(_SQL["open"], {"model": model, "first": first, "last": last})


def count(connection: Connection) -> int:
    """Return how many audits are open."""
    found: int = connection.value(_SQL["count"])
    return found


def sample(connection: Connection, model: str) -> tuple[int, list[tuple[str, str]]] | None:
    """Return the id of an open audit of `model`, and id and content of the memories to compare: the longest first.

    None if there is no such audit; no memories, if none of its vectors are still the ones that were brought along.
    """
    for found in connection.fetch(_SQL["next"], {"name": model}):
        audit = Audit(*found)
        chosen = _chosen(unverified_of(connection, audit))
        rows = [one.row for one in chosen]
        values = {"rows": rows}
        contents = {row: (memory_id, text) for row, memory_id, text in connection.fetch(_SQL["contents"], values)}
        return audit.id, [contents[row] for row in rows]
    return None


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return ranges that hold exactly `rows`, which are ascending, each of at most MEMORIES."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1 and row - found[-1][0] < MEMORIES:
            found[-1] = found[-1][0], row
        else:
            found.append((row, row))
    return found


def unverified_of(connection: Connection, audit: Audit) -> list[Unverified]:
    """Return the memories of an audit whose vectors are still those that were brought along."""
    values = {"model": audit.model, "first": audit.first, "last": audit.last}
    return [Unverified(*found) for found in connection.fetch(_SQL["unverified"], values)]


def _chosen(unverified: Sequence[Unverified]) -> list[Unverified]:
    """Return the one with the longest content, and as many more as a sample has, evenly spaced."""
    if not unverified:
        return []
    longest = max(unverified, key=lambda one: (one.bytes, -one.row))
    others = [one for one in unverified if one is not longest]
    taken = min(SAMPLE - 1, len(others))
    return [longest, *(others[number * len(others) // taken] for number in range(taken))]
