"""PostgreSQL's side of `workers.storage.connection`.

A transaction of the writer's is a pipeline: what only changes rows is sent and not waited for, so that its errors come
later, with the next rows that are read, or with the commit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from memmux.errors import DatabaseUnreachableError
from workers.runtime.jobs import Alive, silent
from workers.storage.connection import NONE, Query, Values
from workers.storage.postgres import engine, numbers, queries
from workers.storage.postgres.engine import Raw
from workers.storage.postgres.numbers import Numbers

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
        self._pipeline = ExitStack()
        self._pipe: psycopg.Pipeline | None = None  # of a writer's transaction
        self._numbers = Numbers()
        self._due = self._saved = False  # whether a savepoint is to be set before the next change, and whether one is
        self._cursors = 0
        self._warnings: list[str] = []
        self.failed = False  # whether PostgreSQL refused something in the last transaction, so that nothing of it stays

    @property
    def raw(self) -> Raw:
        """The connection itself."""
        if not engine.is_usable(self._raw):
            self.drop()
            self._raw = self._made()
            self._raw.add_notice_handler(self._noticed)
        assert self._raw is not None
        self._raw.alive, self._raw.deadline = self._alive, self._deadline
        return self._raw

    def drop(self) -> None:
        """Leave the connection; another is made when it is needed."""
        with suppress(psycopg.Error):
            self._leave()
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
        if self._pipe is not None:
            yield from self.fetch(query, values)
            return
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
        """Change rows; how many is known only of what returns rows, and 0 of all else, which is not waited for."""
        sql = queries.text(query)
        if numbers.table(sql):
            self.insert(query, values)
            return 1
        self._mark()
        cursor = self._run(sql, values)
        return len(cursor.fetchall()) if "RETURNING" in sql else 0

    def insert(self, query: Query, values: Values = NONE, /) -> int:
        """Insert one row, and return its number, without waiting for it."""
        sql = queries.text(query)
        self._mark()
        number = self._numbers.take(numbers.table(sql))
        self._run(sql, {**values, numbers.PARAMETER: number})
        return number

    # What a reader does.

    def look(self, query: Query, values: Values = NONE, /) -> tuple[Any, ...]:
        """Begin a transaction that sees one moment, and return the only row of its first query."""
        return self._anew(lambda: self._look(query, values))

    # What a writer does.

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Begin a transaction, and commit it with the block, or leave nothing of it."""
        try:
            self.begin()
            yield
            self.commit()
        finally:
            self.failed = self._is_failed()
            self.end()

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return not engine.is_usable(self._raw)

    def _is_failed(self) -> bool:
        """Return whether PostgreSQL refused something in the transaction, of which so nothing stays."""
        with suppress(psycopg.Error):
            self._leave()
        return not self.lost and self.raw.info.transaction_status == TransactionStatus.INERROR

    def begin(self) -> None:
        """Begin a transaction, once no other writer is in one."""
        self._anew(self._begin)

    def _look(self, query: Query, values: Values) -> tuple[Any, ...]:
        with self.raw.pipeline():
            self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NONE)
            return self.fetch(query, values)[0]

    def _begin(self) -> None:
        self._pipe = self._pipeline.enter_context(self.raw.pipeline())
        self._run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", NONE)
        row = self._run(numbers.READ, NONE).fetchone()
        assert row is not None
        self._numbers.begin(row)

    def savepoint(self, *, now: bool = False) -> None:
        """Begin what may be undone alone; now: and not only with the first change."""
        self._numbers.keep()
        self._due, self._saved = True, False
        if now:
            self._mark()

    def release(self) -> None:
        """Let what was done since the savepoint be, and name it no more."""
        self._due = False
        if self._saved:
            self._run("RELEASE job", NONE)

    def undo(self, *, settled: bool = True) -> None:
        """Undo what was done since the savepoint; settled: whether PostgreSQL has refused none of it."""
        if not settled:
            with suppress(psycopg.Error):
                self.settle()
        self._numbers.restore()
        self._due = False
        if self._saved:
            self._run("ROLLBACK TO job", NONE)
            self._run("RELEASE job", NONE)

    def settle(self) -> None:
        """Wait for all that was sent; raises the first error, after which the savepoint can be undone."""
        assert self._pipe is not None
        self._pipe.sync()

    def commit(self) -> None:
        """Commit, and return once it is durable; a warning says that it may not be.

        It is never given up: what a replica has not confirmed may be there all the same.
        """
        if self._numbers.changed:
            self._run(numbers.WRITE, self._numbers.newest)
        self.use(self._alive)
        self._warnings.clear()
        done = self._run("COMMIT", NONE)
        self._leave()
        if self._warnings or done.statusmessage != "COMMIT":
            raise DatabaseUnreachableError(
                "PostgreSQL did not confirm the commit; send the request again with its key, which finds out whether "
                f"it was applied (PostgreSQL: {'; '.join(self._warnings) or done.statusmessage})"
            )

    def end(self) -> None:
        """End a transaction that was not committed, if there is one."""
        raw = self._raw
        try:
            with suppress(psycopg.Error):
                self._leave()
            if raw is not None and engine.is_usable(raw) and raw.info.transaction_status != TransactionStatus.IDLE:
                raw.deadline = math.inf
                raw.execute("ROLLBACK")
        except psycopg.Error:
            self.drop()

    @property
    def numbers(self) -> Mapping[str, int]:
        """The newest number of each table, as the transaction has it."""
        return self._numbers.newest

    def _anew(self, begun: Callable[[], ResultT]) -> ResultT:
        """Begin a transaction; on another connection, if this one turns out to be gone since the last."""
        try:
            return begun()
        except psycopg.OperationalError:
            if not self.lost:
                raise
            self.drop()
            return begun()

    def _leave(self) -> None:
        """Leave the pipeline; raises the first error of what was sent."""
        self._pipe = None
        self._pipeline.close()

    def _mark(self) -> None:
        """Set the savepoint before the first change that may be undone."""
        if self._due:
            self._due, self._saved = False, True
            self._run("SAVEPOINT job", NONE)

    def _run(self, sql: str, values: Values, *, prepare: bool | None = None) -> psycopg.Cursor[tuple[Any, ...]]:
        bound = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        raw = self.raw if self._pipe is None else self._raw
        assert raw is not None
        return raw.execute(sql.encode(), bound or None, prepare=prepare, binary=True)

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(str(notice.message_primary))
