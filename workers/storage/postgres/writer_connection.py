"""The connection of a writer: transactions that lock the counter row, and wait for the server as seldom as may be.

A transaction is a pipeline: what only changes rows is sent and not waited for, so that its errors come later, with the
next rows that are read, or with the commit. New rows are sent together, and what is known is not asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from memmux.errors import DatabaseUnreachableError, StorageError
from workers.storage.connection import NONE, Query, Values
from workers.storage.postgres import arrays, numbers, queries
from workers.storage.postgres.buffer import Buffer
from workers.storage.postgres.connection import PostgresConnection
from workers.storage.postgres.engine import Raw
from workers.storage.postgres.known import Known, Stored
from workers.storage.postgres.merged import Statement, merged
from workers.storage.postgres.numbers import Numbers

_SEQ = Query("writer", "seq")
_AHEAD, _RUNS = Query("together", "ahead"), Query("together", "runs")
_Cursor = psycopg.Cursor[tuple[Any, ...]]


class WriterConnection(PostgresConnection):
    """Reads and changes rows; see `PostgresConnection`. Changes belong into the block of `writing`."""

    def __init__(self, made: Callable[[], Raw]) -> None:
        super().__init__(lambda: self._heard(made()))
        self._pipeline = ExitStack()
        self._pipe: psycopg.Pipeline | None = None  # while in a transaction
        self._numbers = Numbers()
        self._buffer = Buffer()
        self._known = Known()
        self._writes = -1  # of the counter row, after the last commit here
        self._changed = False  # whether the transaction has changed anything
        self._due = self._saved = False  # whether a savepoint is to be set before the next change, and whether one is
        self._warnings: list[str] = []
        self.failed = False
        """Whether the server refused something in the last transaction, so that nothing of it stays."""
        self.others = 0
        """How often another writer was found to have written since the last transaction here."""

    @contextmanager
    def writing(
        self,
        keys: Sequence[str] = (),
        contents: Sequence[tuple[str, str]] = (),
        stored: Sequence[Stored] = (),
    ) -> Iterator[None]:
        """Begin a transaction once no other writer is in one, and commit it with the block, or leave nothing of it.

        keys, contents: idempotency keys, and namespaces and hashes of contents, that will be looked for. stored: the
        memories whose runs will be.
        """
        try:
            self._anew(lambda: self._begin(keys, contents, stored))
            yield
            self._commit()
        except BaseException:
            self._known.clear()
            raise
        finally:
            self.failed = self._is_failed()
            self.end()

    @property
    def numbers(self) -> Mapping[str, int]:
        """The newest number of each table, as the transaction has it."""
        return self._numbers.newest

    @property
    def fresh(self) -> Sequence[tuple[int, str, str]] | None:
        """Row, hash and content of the memories that are new in the transaction; None if others changed, too."""
        return self._known.fresh

    def drop(self) -> None:
        """Leave the connection; another is made when it is needed."""
        with suppress(psycopg.Error):
            self._leave()
        self._known.clear()
        super().drop()

    # As `workers.storage.connection` has it.

    def fetch(self, query: Query, values: Values = NONE, /) -> list[tuple[Any, ...]]:
        """Return all rows."""
        if self._pipe is None:
            return super().fetch(query, values)
        if query == _SEQ:
            return [(self._numbers.newest["changes"],)]
        found = self._known.get(query, values)
        if found is None:
            sql = queries.text(query)
            if self._buffer.concerns(sql):
                self._send()
            found = self._read(self._run(sql, values))
            self._known.put(query, values, found)
        return found

    def value(self, query: Query, values: Values = NONE, /) -> Any:
        """Return the only value of the only row, or None if there is no row."""
        found = self.fetch(query, values)
        return found[0][0] if found else None

    def each(self, query: Query, values: Values = NONE, /) -> Iterator[tuple[Any, ...]]:
        """Yield rows; inside a transaction, all of them are read at once."""
        return super().each(query, values) if self._pipe is None else iter(self.fetch(query, values))

    def execute(self, query: Query, values: Values = NONE, /) -> int:
        """Change rows; how many is known only of what returns rows, and 0 of all else, which is not waited for."""
        sql = queries.text(query)
        self._note(query, values, 0)
        if self._buffer.takes(query):
            if self._buffer.is_full(query):
                self._send()
            self._buffer.add(query, self._aside(query, values))
            return 0
        self._mark()
        cursor = self._run(sql, values)
        return len(self._read(cursor)) if "RETURNING" in sql else 0

    def insert(self, query: Query, values: Values = NONE, /) -> int:
        """Insert one row, and return its number; one that the connection gives is not waited for."""
        sql = queries.text(query)
        if not (of := numbers.table(sql)):
            self._note(query, values, 0)
            self._mark()
            return int(self._read(self._run(sql, values))[0][0])
        number = self._numbers.take(of)
        self._note(query, values, number)
        numbered = {**values, numbers.PARAMETER: number}
        if self._buffer.takes(query):
            self._buffer.add(query, numbered)
        else:
            self._mark()
            self._run(sql, numbered)
        return number

    # Savepoints.

    def savepoint(self, *, now: bool = False) -> None:
        """Begin what may be undone alone; now: by the server, too, and not only with a change that is sent."""
        self._numbers.keep()
        self._due, self._saved = True, False
        self._buffer.mark()
        if now:
            self.raw.prepare_threshold = None  # what is refused and undone would be taken for prepared
            self._refused = True
            self._mark()

    def release(self) -> None:
        """Let what was done since the savepoint be, and name it no more."""
        if self._saved:
            self._run("RELEASE job", NONE)
        self._due = self._saved = False

    def undo(self, *, settled: bool = True) -> None:
        """Undo what was done since the savepoint; settled: whether the server has refused none of it."""
        if not settled:
            with suppress(psycopg.Error):
                self._settle()
        self._numbers.restore()
        self._buffer.forget()
        self._known.clear()
        if self._saved:
            self._run("ROLLBACK TO job", NONE)
            self._run("RELEASE job", NONE)
        self._due = self._saved = False

    def settle(self) -> None:
        """Send all that waits, and wait for it; raises the first error, after which the savepoint can be undone."""
        self._send()
        self._settle()

    def _settle(self) -> None:
        assert self._pipe is not None
        self._pipe.sync()

    def _read(self, cursor: _Cursor) -> list[tuple[Any, ...]]:
        """Return all rows of what was sent last.

        Only after a sync does the server count how long it hears nothing: without one, who is gone in a transaction
        would keep its locks.
        """
        if self._pipe is not None:
            self._settle()
        return cursor.fetchall()

    def _mark(self) -> None:
        """Send what waits, with the savepoint before what may be undone."""
        if self._due:
            self._send_rows(marked=True)
            self._run("SAVEPOINT job", NONE)
            self._due, self._saved = False, True
        self._send_rows()

    def _send(self) -> None:
        """Send what waits; the savepoint can wait, if none of it is to be undone with it."""
        if self._buffer.is_beyond:
            self._mark()
        else:
            self._send_rows()

    def _send_rows(self, *also: Statement, marked: bool = False) -> None:
        """Send rows that wait, and with the last of them what else changes rows."""
        statements = list(self._buffer.taken(marked=marked))
        if also:
            last = statements.pop() if statements else []
            statements.append([*last, *also])
        for some in statements:
            self._run(*merged(some))

    def _note(self, query: Query, values: Values, number: int) -> None:
        self._changed = True
        self._known.changed(query, values, number)

    def _aside(self, query: Query, values: Values) -> Values:
        """Return the values of a row that waits, with what its statement would look up now."""
        return {**values, "seq": self._numbers.newest["changes"]} if query.name == "insert_answer" else values

    # Transactions.

    def _begin(self, keys: Sequence[str], contents: Sequence[tuple[str, str]], stored: Sequence[Stored]) -> None:
        raw = self.raw
        self._warnings.clear()
        self._buffer.clear()
        self._changed = self._due = self._saved = False
        self._pipe = self._pipeline.enter_context(raw.pipeline())
        self._run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", NONE)
        locked = self._run(numbers.READ, NONE)
        places, hashes = [place for place, _ in contents], [digest for _, digest in contents]
        looked = self._together(_AHEAD, keys=keys, namespaces=places, hashes=hashes) if keys or contents else None
        self._settle()
        if (row := locked.fetchone()) is None:
            raise StorageError("the table counters has no row to number anything by; run `memmux check --repair`")
        *counted, writes = row
        self._numbers.begin(counted)
        if writes != self._writes:
            self._known.clear()
            self.others += 1
        self._writes = writes
        self._known.begin()
        if looked is not None:
            self._known.looked(keys, contents, looked.fetchall())
        if unknown := self._known.unknown_runs(stored):
            columns = zip(("rows", "clients", "namespaces"), zip(*unknown, strict=True), strict=True)
            self._known.runs(unknown, self._read(self._together(_RUNS, **dict(columns))))

    def _together(self, query: Query, **columns: Sequence[object]) -> _Cursor:
        """Run a query of together.sql."""
        sql = queries.text(query)
        return self._run(sql, arrays.columns(sql, columns))

    def _commit(self) -> None:
        """Commit, and return once it is durable; a warning says that it may not be.

        It is never given up: what a replica has not confirmed may be there all the same.
        """
        if self._changed:
            self._send_rows((numbers.WRITE, {**self._numbers.newest, "writes": self._writes + 1}))
        done = self._run("COMMIT", NONE)
        self._leave()
        if self._warnings or done.statusmessage != "COMMIT":
            raise DatabaseUnreachableError(
                "PostgreSQL did not confirm the commit; send the request again with its key, which finds out whether "
                f"it was applied (PostgreSQL: {'; '.join(self._warnings) or done.statusmessage})"
            )
        self._writes += self._changed

    def _is_failed(self) -> bool:
        """Return whether the server refused something in the transaction, of which so nothing stays."""
        with suppress(psycopg.Error):
            self._leave()
        return not self.lost and self.raw.info.transaction_status == TransactionStatus.INERROR

    def _leave(self) -> None:
        """Leave the pipeline; raises the first error of what was sent."""
        self._pipe = None
        self._pipeline.close()

    def _heard(self, raw: Raw) -> Raw:
        raw.add_notice_handler(self._noticed)
        return raw

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(str(notice.message_primary))
