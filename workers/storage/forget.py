"""Forget: deletes all memories that a filter lets through, each with its line in the change log."""

from __future__ import annotations

import orjson

from memmux import limits
from memmux.errors import LimitOutOfRangeError
from memmux.requests import Forget
from workers.jobs import Job
from workers.storage import engine, queries, rows
from workers.storage.filters import condition
from workers.storage.ledger import Ledger

_SQL = queries.load("search")
_PIECE = 100  # memories whose state is read at once


def forget(ledger: Ledger, job: Job, asked: Forget) -> dict[str, object]:
    """Delete the memories, softly, or only say which they are; return their ids, in the order of their storing.

    Raises LimitOutOfRangeError if they are more than a transaction may delete.
    """
    where = condition(asked.filter)
    meant = orjson.loads(engine.value(ledger.connection, _SQL["rows"].format(where=where.sql), where.values))
    if len(meant) > limits.FORGOTTEN:
        raise LimitOutOfRangeError(
            f"{len(meant)} memories are meant, at most {limits.FORGOTTEN} are deleted at once; give a time as well"
        )
    ids: list[str] = []
    at = ledger.at()
    meant.sort()
    for first in range(0, len(meant), _PIECE):
        piece = meant[first : first + _PIECE]
        for row, memory in zip(piece, rows.memories(ledger.connection, piece), strict=True):
            ids.append(memory.id)
            if not asked.dry_run:
                ledger.execute("delete_memory", row=row, at=at)
                ledger.vectors.remove(row)
                ledger.log(job, at, row, memory.id, orjson.dumps(memory))
    return {"ids": ids, "count": len(ids), "dry_run": asked.dry_run}
