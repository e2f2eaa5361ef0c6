"""PostgreSQL's side of `workers.storage.connection`: what a reader needs, and a writer outside of its transactions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus

from workers.runtime.jobs import Alive, silent
from workers.storage.connection import NONE, Query, Values
from workers.storage.postgres import engine, queries
from workers.storage.postgres.engine import Raw

ResultT = TypeVar("ResultT")
_PIECE = 500  # rows of a cursor that come at once


class PostgresConnection:
    """Runs queries through a connection that is made when it is needed, and made anew when it was lost.

    made: makes one; raises StorageError and its kinds.
    """

    def __init__(self, made: Callable[[], Raw]) -> None:
        self._made = made
        self._raw: Raw | None = None
        self._alive: Alive = silent
        self._deadline = math.inf
        self._cursors = 0
        self._refused = False  # whether the server refused a statement, which the driver may take for prepared
        self._missing = False  # whether there was one that was lost
        self.reconnects = 0
        """How often a connection was made in the place of one that was lost."""

    @property
    def raw(self) -> Raw:
        """The connection itself."""
        if self._refused and self._rests():
            self.leave()
        if not engine.is_usable(self._raw):
            if self._raw is not None:
                self.drop()
            self._raw = self._made()
            self._refused = False
            self.reconnects += self._missing
            self._missing = False
        assert self._raw is not None
        self._raw.alive, self._raw.deadline = self._alive, self._deadline
        return self._raw

    def drop(self) -> None:
        """Leave the connection; another is made when it is needed."""
        self._missing = self._missing or self._raw is not None
        self.leave()

    def leave(self) -> None:
        """Leave the connection, with which nothing is wrong."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def exchange(self, other: PostgresConnection) -> None:
        """Let each of two be connected as the other was."""
        self._raw, other._raw = other._raw, self._raw
        self._made, other._made = other._made, self._made

    def use(self, alive: Alive, deadline: float = math.inf) -> None:
        """Call `alive` while something runs, and give it up at the deadline, in monotonic seconds."""
        self._alive, self._deadline = alive, deadline
        if self._raw is not None:
            self._raw.alive, self._raw.deadline = alive, deadline

    # As `workers.storage.connection` has it.

    def fetch(self, query: Query, values: Values = NONE, /) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._run(queries.text(query), values).fetchall()

    def value(self, query: Query, values: Values = NONE, /) -> Any:
        """Return the only value of the only row, or None if there is no row."""
        row = self._run(queries.text(query), values).fetchone()
        return None if row is None else row[0]

    def each(self, query: Query, values: Values = NONE, /) -> Iterator[tuple[Any, ...]]:
        """Yield rows as they come; other queries may run meanwhile."""
        self._cursors += 1
        name = f"rows_{self._cursors}"
        with self.raw.pipeline():
            self._run(f"DECLARE {name} NO SCROLL CURSOR FOR {queries.text(query)}", values, prepare=False)
            piece = self._run(f"FETCH {_PIECE} FROM {name}", NONE, prepare=False).fetchall()
        while True:
            yield from piece
            if len(piece) < _PIECE:
                return  # it ends with the transaction
            piece = self._run(f"FETCH {_PIECE} FROM {name}", NONE, prepare=False).fetchall()

    def execute(self, query: Query, values: Values = NONE, /) -> int:
        """Change rows, and return how many were changed."""
        return self._run(queries.text(query), values).rowcount

    def insert(self, query: Query, values: Values = NONE, /) -> int:
        """Refuse: who inserts is in a transaction of `WriterConnection`, which has the numbers of rows."""
        raise NotImplementedError

    def look(self, query: Query, values: Values = NONE, /) -> tuple[Any, ...]:
        """Begin a transaction that sees one moment, and return the only row of its first query."""
        return self._anew(lambda: self._look(query, values))

    def end(self) -> None:
        """End a transaction, if there is one; nothing of it stays that was not committed."""
        raw = self._raw
        try:
            if raw is not None and (status := self._status()) not in (None, TransactionStatus.IDLE):
                if status == TransactionStatus.INERROR:
                    self.leave()  # what the driver takes for prepared was not, if it came after what was refused
                    return
                raw.deadline = math.inf
                raw.execute("ROLLBACK")
        except psycopg.Error:
            self.drop()

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return not engine.is_usable(self._raw)

    def _rests(self) -> bool:
        """Return whether there is a connection on which nothing is under way."""
        idle = self._raw is not None and self._status() == TransactionStatus.IDLE
        return idle and self._raw is not None and self._raw.pgconn.pipeline_status == PipelineStatus.OFF

    def _status(self) -> TransactionStatus | None:
        """Return whether a transaction is open; None where there is no connection."""
        raw = self._raw
        return raw.info.transaction_status if raw is not None and engine.is_usable(raw) else None

    def _look(self, query: Query, values: Values) -> tuple[Any, ...]:
        with self.raw.pipeline():
            self._one_moment()
            return self.fetch(query, values)[0]

    def _one_moment(self) -> None:
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NONE)

    def _anew(self, begun: Callable[[], ResultT]) -> ResultT:
        """Begin a transaction; on another connection, if this one turns out to be gone since the last."""
        try:
            return begun()
        except psycopg.OperationalError:
            if not self.lost:
                raise
            self.drop()
            return begun()

    def _run(self, sql: str, values: Values, *, prepare: bool | None = None) -> psycopg.Cursor[tuple[Any, ...]]:
        bound = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        raw = self.raw
        try:
            return raw.execute(sql.encode(), bound or None, prepare=prepare, binary=True)
        except psycopg.Error as error:
            self._refused = self._refused or error.sqlstate is not None
            raise
