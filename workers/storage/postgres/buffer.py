"""The buffer: new rows that wait to be sent together, one statement a table, until what they change is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from workers.storage.connection import Query, Values
from workers.storage.postgres import queries

# In the order in which they are sent: a row comes after those that it refers to.
_KINDS = {
    Query("writer", "insert_memory"): {"memories", "meta"},
    Query("writer", "insert_tag"): {"tags"},
    Query("writer", "insert_memory_tag"): {"memory_tags"},
    Query("vectors", "insert"): {"vectors", "models"},
    Query("writer", "insert_change"): {"changes"},
    Query("writer", "insert_answer"): {"idempotency"},
}
"""The queries whose rows wait, and the tables that these change, by triggers too."""

_TABLES = frozenset().union(*_KINDS.values())
_NAME = re.compile(r"\w+")
Columns = dict[str, list[object]]


@cache
def _of(sql: str) -> frozenset[str]:
    """Return the tables that a statement may be about."""
    return _TABLES.intersection(_NAME.findall(sql))


class Buffer:
    """Rows of a transaction, in their order."""

    def __init__(self) -> None:
        self._rows: dict[Query, list[Values]] = {query: [] for query in _KINDS}
        self._marks = dict.fromkeys(_KINDS, 0)

    @staticmethod
    def takes(query: Query) -> bool:
        """Return whether rows of a query wait here."""
        return query in _KINDS

    def add(self, query: Query, values: Values) -> None:
        """Let a row wait."""
        self._rows[query].append(values)

    def concerns(self, sql: str) -> bool:
        """Return whether a statement may be about rows that wait."""
        return any(rows and not _KINDS[query].isdisjoint(_of(sql)) for query, rows in self._rows.items())

    def mark(self) -> None:
        """Remember what waits now."""
        self._marks = {query: len(rows) for query, rows in self._rows.items()}

    @property
    def is_beyond(self) -> bool:
        """Whether more waits than at the mark."""
        return any(len(rows) > self._marks[query] for query, rows in self._rows.items())

    def forget(self) -> None:
        """Drop what has come since the mark."""
        for query, rows in self._rows.items():
            del rows[self._marks[query] :]

    def clear(self) -> None:
        """Drop everything."""
        for rows in self._rows.values():
            rows.clear()
        self.mark()

    def taken(self, *, marked: bool = False) -> Iterator[tuple[str, Columns]]:
        """Yield statements, and let what they insert wait no more; marked: only what waited at the mark."""
        for query, rows in self._rows.items():
            count = self._marks[query] if marked else len(rows)
            if count:
                now, rows[:count] = rows[:count], []
                yield queries.text(Query("together", query.name)), {name: [row[name] for row in now] for name in now[0]}
            self._marks[query] -= min(count, self._marks[query])
