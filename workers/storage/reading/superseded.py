"""Superseded memories: those that a newer version took the place of, and which that is."""

from __future__ import annotations

import apsw
import orjson

from memmux.wire import answers
from memmux.wire.answers import Replaced
from memmux.wire.requests import Superseded
from workers.storage.db import engine, queries, rows
from workers.storage.db.filters import condition

_SQL = queries.load("tidying")


def superseded(connection: apsw.Connection, asked: Superseded) -> answers.Superseded:
    """Return a page of them, newest first; raise MessageTooLargeError if no message could hold it."""
    where = condition(asked.filter)
    total = engine.value(connection, _SQL["count_superseded"].format(where=where.sql), where.values)
    values = {**where.values, "limit": asked.limit, "offset": asked.offset}
    page = [row for (row,) in engine.fetch(connection, _SQL["superseded"].format(where=where.sql), values)]
    found = engine.fetch(connection, _SQL["successors"], {"rows": orjson.dumps(page).decode()})
    newer = {former: (row, bool(deleted)) for former, row, deleted in found}
    wanted = list(dict.fromkeys([*page, *(row for row, _ in newer.values())]))
    known = dict(zip(wanted, rows.memories(connection, wanted), strict=True))
    told = []
    for row in page:
        by, deleted = newer.get(row, (0, False))
        told.append(Replaced(memory=known[row], by=known.get(by), deleted=deleted))
    return answers.Superseded(memories=tuple(told), total=total)
