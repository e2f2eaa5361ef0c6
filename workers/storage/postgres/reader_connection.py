"""The connection of a reader: what each snapshot asks first comes with the look that begins it, in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import Any

from workers.storage.connection import NONE, Query, Values
from workers.storage.postgres.at_once import AtOnce
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Raw

STANDS = Query("server", "stands")
FIRST = (
    STANDS,
    Query("namespaces", "is_there"),
    Query("search", "rare"),
    Query("fulltext", "version"),
    Query("fulltext", "filled"),
    Query("vectors", "model"),
    Query("vectors", "memories"),
    Query("vectors", "current"),
    Query("vectors", "source"),
)
_FEW = 16  # memories of which all rows are read at once: some MiB at most


class ReaderConnection(PostgresConnection):
    """Runs queries in transactions that see one moment; see `PostgresConnection`."""

    def __init__(self, made: Callable[[], Raw]) -> None:
        super().__init__(made)
        self._first = AtOnce(*FIRST)

    # As `workers.storage.connection` has it.

    def fetch(self, query: Query, values: Values = NONE, /) -> list[tuple[Any, ...]]:
        """Return all rows."""
        found = self._first.get(query, values)
        if found is None:
            found = super().fetch(query, values)
            self._first.expect(query, values)
        return found

    def value(self, query: Query, values: Values = NONE, /) -> Any:
        """Return the only value of the only row, or None if there is no row."""
        found = self.fetch(query, values)
        return found[0][0] if found else None

    def each(self, query: Query, values: Values = NONE, /) -> Iterator[tuple[Any, ...]]:
        """Yield rows as they come, those of few memories at once; other queries may run meanwhile."""
        rows = values.get("rows")
        if isinstance(rows, Sized) and len(rows) <= _FEW:
            return iter(self.fetch(query, values))
        return super().each(query, values)

    def end(self) -> None:
        """End a transaction, if there is one."""
        self._first.forget()
        super().end()

    def _look(self, query: Query, values: Values) -> tuple[Any, ...]:
        self._first.expect(query, values)
        with self.raw.pipeline():
            self._one_moment()
            self._first.answered(self._run(self._first.sql, self._first.values))
        return self.fetch(query, values)[0]
