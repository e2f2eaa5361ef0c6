"""Full text against the rows: every place of every word, compared with an index made afresh from the memories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import apsw

from workers.storage.sqlite import engine, fulltext, queries
from workers.words import version

_SQL = queries.load("check")
Entry = tuple[Any, ...]
"""What an index says of a memory: a word, the memory's row, and its place; or nothing, the row, and its size."""


def differing(connection: apsw.Connection) -> set[int]:
    """Return the rows of the memories whose words are not in `texts` as they should be.

    connection: one that may make temporary tables, inside a transaction. The index made afresh is in memory for as long
    as it is small, and in a temporary file beyond.
    """
    with closing(apsw.Connection("")) as fresh:
        fresh.pragma("synchronous", 0)
        fresh.execute(engine.value(connection, _SQL["texts_schema"]))
        fulltext.teach(fresh, version.languages_of(fulltext.written(connection)))
        fresh.execute("BEGIN")
        fulltext.add(fresh, fulltext.contents(connection))
        fresh.execute("COMMIT")
        found: set[int] = set()
        for query in ("instances", "sizes"):
            found.update(row for _, row, _ in unequal(_entries(connection, query), _entries(fresh, query)))
    return found


def _entries(connection: apsw.Connection, query: str) -> Iterator[Entry]:
    if query == "instances":
        connection.execute(_SQL["make_instances"])
    yield from connection.execute(_SQL[query])
    if query == "instances":
        connection.execute(_SQL["drop_instances"])


def unequal(left: Iterator[Entry], right: Iterator[Entry]) -> Iterator[Entry]:
    """Yield what is in only one of two ascending sequences; both are walked once, side by side."""
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if one == other:
            one, other = next(left, None), next(right, None)
        elif other is None or (one is not None and one < other):
            assert one is not None
            yield one
            one = next(left, None)
        else:
            yield other
            other = next(right, None)
