"""Superseded memories: those that a newer version took the place of, and which is the newest one now."""

from __future__ import annotations

from collections.abc import Sequence

from memmux.wire import answers
from memmux.wire.answers import Replaced
from memmux.wire.requests import Superseded
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import rows
from workers.storage.records.filters import condition

_SQL = queries.load("tidying")


def superseded(connection: Connection, asked: Superseded) -> answers.Superseded:
    """Return a page of them, newest first; raise MessageTooLargeError if no message could hold it."""
    where = condition(asked.filter)
    total = connection.value(_SQL["count_superseded"].among(where.names), where.values)
    values = {**where.values, "limit": asked.limit, "offset": asked.offset}
    page = [row for (row,) in connection.fetch(_SQL["superseded"].among(where.names), values)]
    newest = _newest(connection, page)
    wanted = list(dict.fromkeys([*page, *(row for row, _ in newest.values())]))
    known = dict(zip(wanted, rows.memories(connection, wanted), strict=True))
    told = []
    for row in page:
        by, deleted = newest.get(row, (0, False))
        told.append(Replaced(memory=known[row], by=known.get(by), deleted=deleted))
    return answers.Superseded(memories=tuple(told), total=total)


def _newest(connection: Connection, page: Sequence[int]) -> dict[int, tuple[int, bool]]:
    """Return for each of some memories the newest version of it, and whether that is deleted.

    One is left out where there is none: it was purged, is in another namespace, or an import has versions in a circle.
    """
    found = connection.fetch(_SQL["successors"], {"rows": page})
    newer = {former: row for former, row, _, _ in found}
    newest = {row: (row, bool(deleted)) for _, row, deleted, last in found if last}
    for row in page:
        way = list[int]()
        at: int | None = row
        while at is not None and at not in newest:
            way.append(at)
            at = newer.pop(at, None)  # so that each is gone through once, also in a circle
        if at is not None:
            newest.update(dict.fromkeys(way, newest[at]))
    return newest
