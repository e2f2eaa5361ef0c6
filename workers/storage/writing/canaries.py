"""Canaries: the router's own memories, which are stored to be found and removed again, and leave nothing behind.

Each leaves three lines in the change log. Whoever follows the log is never an hour behind it, so after that the lines
go; how many did is counted, and the check knows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import orjson

from memmux.errors import ArgumentInvalidError
from memmux.wire.canary import NAMESPACE, OPERATIONS
from workers.storage.db import engine, queries
from workers.storage.writing import deletion
from workers.storage.writing.memory_table import MemoryTable

__all__ = ["NAMESPACE", "forget", "reserved", "sent"]

KEPT_S = 3600.0  # that their lines stay in the log
_PIECE = 20_000  # lines that are looked at in one turn, some milliseconds
_AHEAD_S = 2 * 86_400.0
_LEFT = 100  # canaries that were never removed, in one turn
_SQL = queries.load("writer")


def sent(operation: str) -> bool:
    """Return whether an operation is the canary's."""
    return operation.startswith(OPERATIONS)


def reserved() -> ArgumentInvalidError:
    """Return the error of who wants to store among the canaries."""
    return ArgumentInvalidError(f"the namespace {NAMESPACE!r} is the cluster's own; use another one")


def forget(memory_table: MemoryTable, before: float, kept: Sequence[int]) -> int:
    """Remove the lines of canaries from the part of the log that is older, a piece at a time; return how many.

    before: seconds since 1970. kept: changes whose lines stay. Canaries that were left there are removed first.
    """
    seen = engine.value(memory_table.connection, _SQL["canaries_seen"])
    if not _walk(memory_table, seen, before, 1):
        return 0
    memory_table.connection.execute("BEGIN IMMEDIATE")
    try:
        _remove_left(memory_table, before)
        walked = _walk(memory_table, seen, before, _PIECE)
        rows = sorted({row for _, _, row, operation in walked if operation == "canary.store"})
        gone = _forget(memory_table, rows, kept) if rows else 0
        memory_table.execute("put_canaries_seen", seen=walked[-1][0])
        memory_table.connection.execute("COMMIT")
    finally:
        if memory_table.connection.in_transaction:
            memory_table.connection.execute("ROLLBACK")
    return gone


def _walk(memory_table: MemoryTable, seen: int, before: float, limit: int) -> list[tuple[Any, ...]]:
    """Return the lines after `seen` up to the first that is younger; one that is days ahead had a wrong clock."""
    lines = engine.fetch(memory_table.connection, _SQL["canaries_walk"], {"seen": seen, "limit": limit})
    return list(takewhile(lambda line: line[1] < before or line[1] > before + _AHEAD_S, lines))


def _forget(memory_table: MemoryTable, rows: Sequence[int], kept: Sequence[int]) -> int:
    memory_table.execute("canaries_forget", rows=orjson.dumps(rows).decode(), kept=orjson.dumps(kept).decode())
    gone = memory_table.connection.changes()
    memory_table.execute("count_forgotten", gone=gone)
    return gone


def _remove_left(memory_table: MemoryTable, before: float) -> None:
    """Remove canaries that were stored, and whose removal failed."""
    values = {"before": before, "limit": _LEFT}
    left = [row for (row,) in engine.fetch(memory_table.connection, _SQL["canaries_left"], values)]
    for row in left:
        memory_table.execute("delete_memory", row=row, at=memory_table.at())
    deletion.remove(memory_table, left, deletion.UPKEEP, "", operation="canary.remove")
