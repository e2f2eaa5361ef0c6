"""The buffer: new rows that wait to be sent together, one statement for all, until what they change is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from workers.storage.connection import Query, Values
from workers.storage.postgres import arrays, queries
from workers.storage.postgres.merged import Statement

_TAG = Query("writer", "insert_tag")
_WHOLE = (Query("postings", "add"), Query("postings", "add_texts"))
"""The queries whose rows come many at once already."""

_KINDS = {
    _TAG: {"tags"},
    Query("writer", "insert_memory"): {"memories", "meta"},
    Query("writer", "insert_memory_tag"): {"memory_tags"},
    Query("vectors", "insert"): {"vectors", "models"},
    Query("writer", "insert_change"): {"changes"},
    Query("writer", "insert_answer"): {"idempotency"},
    **dict(zip(_WHOLE, ({"postings"}, {"texts"}), strict=True)),
}
"""The queries whose rows wait, and the tables that these change, by triggers too."""

_TABLES = frozenset().union(*_KINDS.values())
_NAME = re.compile(r"\w+")


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

    def is_full(self, query: Query) -> bool:
        """Return whether no more rows of a query may wait, as those that do are many."""
        return query in _WHOLE and bool(self._rows[query])

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

    def taken(self, *, marked: bool = False) -> Iterator[list[Statement]]:
        """Yield statements that can be one, whose rows wait no more then; marked: only those that waited at the mark.

        Tags come first, as tags of memories are looked up among them.
        """
        for some in ([_TAG], [query for query in _KINDS if query != _TAG]):
            if found := [
                self._statement(query, count) for query in some if (count := self._count(query, marked=marked))
            ]:
                yield found

    def _count(self, query: Query, *, marked: bool) -> int:
        return self._marks[query] if marked else len(self._rows[query])

    def _statement(self, query: Query, count: int) -> Statement:
        """Return the statement that inserts the first so many rows of a query, which then wait no more."""
        rows = self._rows[query]
        now, rows[:count] = rows[:count], []
        self._marks[query] -= min(count, self._marks[query])
        if query in _WHOLE:
            return queries.text(query), now[0]
        sql = queries.text(Query("together", query.name))
        return sql, arrays.columns(sql, {name: [row[name] for row in now] for name in now[0]})
