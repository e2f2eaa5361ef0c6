"""The evidence: what the database of a stopped cluster holds, and whether all of it fits together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from memmux.postgres.server import Server
from workers.storage.sqlite import engine
from workers.storage.sqlite.checking.check import check

_ROWS = "SELECT id, content, metadata, deleted_at IS NOT NULL FROM memories"
_CHANGES = "SELECT seq, operation, memory, request FROM changes ORDER BY seq"
_KEYS = "SELECT key FROM idempotency"


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
        found, changes, keys = (engine.fetch(connection, query) for query in (_ROWS, _CHANGES, _KEYS))
    broken = tuple(f"{finding.code}: {finding.what}" for finding in check(database, deep=True))
    return _evidence(found, changes, keys, broken)


def gather_server(server: Server) -> Evidence:
    """Return the evidence of the database on a primary that no cluster writes to."""
    import psycopg  # only where there is such a server

    from workers.storage.postgres.checking.check import check as check_server

    with psycopg.connect(server.url, autocommit=True) as connection:
        found, changes, keys = (connection.execute(query.encode()).fetchall() for query in (_ROWS, _CHANGES, _KEYS))
    broken = tuple(f"{finding.code}: {finding.what}" for finding in check_server(server.url, deep=True))
    return _evidence(found, changes, keys, broken)


def _evidence(
    found: Iterable[tuple[Any, ...]],
    changes: Iterable[tuple[Any, ...]],
    keys: Iterable[tuple[Any, ...]],
    broken: tuple[str, ...],
) -> Evidence:
    return Evidence(
        rows={row[0]: Row(row[1], orjson.loads(row[2]), bool(row[3])) for row in found},
        changes=tuple(Change(*change) for change in changes),
        keys=frozenset(key for (key,) in keys),
        broken=broken,
    )
