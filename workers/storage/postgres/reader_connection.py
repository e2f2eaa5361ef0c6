"""The connection of a reader: what each snapshot asks first comes with the look that begins it, in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Any

from workers.storage.connection import NONE, Query, Values
from workers.storage.postgres.at_once import AtOnce
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Raw

STANDS = Query("server", "stands")
_FIRST = (
    STANDS,
    Query("namespaces", "is_there"),
    Query("search", "rare"),
    Query("fulltext", "version"),
    Query("fulltext", "filled"),
    Query("vectors", "model"),
    Query("vectors", "memories"),
)
_SERVED = (Query("vectors", "current"), Query("vectors", "source"))
_FEW = 16  # memories of which all rows are read at once: some MiB at most


class ReaderConnection(PostgresConnection):
    """Runs queries in transactions that see one moment; see `PostgresConnection`."""

    def __init__(self, made: Callable[[], Raw]) -> None:
        super().__init__(made)
        self._first, self._served = AtOnce(*_FIRST), AtOnce(*_SERVED)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Let the block know the model that is searched with, in a transaction or without one."""
        try:
            self._ask(self._served)
            yield
        finally:
            self._served.forget()

    # As `workers.storage.connection` has it.

    def fetch(self, query: Query, values: Values = NONE, /) -> list[tuple[Any, ...]]:
        """Return all rows."""
        for known in (self._first, self._served):
            if (found := known.get(query, values)) is not None:
                return found
        return super().fetch(query, values)

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
            self._ask(self._first)
        return self.fetch(query, values)[0]

    def _ask(self, questions: AtOnce) -> None:
        questions.answered(self._run(questions.sql, questions.values))
