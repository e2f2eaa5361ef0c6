"""The evidence: what the database of a stopped cluster holds, and whether all of it fits together."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson

from workers.storage.sqlite import engine
from workers.storage.sqlite.checking.check import check


@dataclass(frozen=True, slots=True)
class Row:
    """One memory as it stands in the database, deleted ones included."""

    content: str
    metadata: Mapping[str, object]
    deleted: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log."""

    seq: int
    operation: str
    memory: str
    request: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a database holds.

    rows: by id. keys: the idempotency keys that have an answer. broken: what does not fit together, a sentence each.
    """

    rows: Mapping[str, Row]
    changes: tuple[Change, ...]
    keys: frozenset[str]
    broken: tuple[str, ...] = ()


def gather(database: Path) -> Evidence:
    """Return the evidence of a database that no cluster has open; it is only read."""
    with closing(engine.open_reader(database)) as connection:
        found = engine.fetch(connection, "SELECT id, content, metadata, deleted_at IS NOT NULL FROM memories")
        changes = engine.fetch(connection, "SELECT seq, operation, memory, request FROM changes ORDER BY seq")
        keys = engine.fetch(connection, "SELECT key FROM idempotency")
    return Evidence(
        rows={row[0]: Row(row[1], orjson.loads(row[2]), bool(row[3])) for row in found},
        changes=tuple(Change(*change) for change in changes),
        keys=frozenset(key for (key,) in keys),
        broken=tuple(f"{finding.code}: {finding.what}" for finding in check(database, deep=True)),
    )
