"""Upkeep: what the writer does while nothing waits: checkpoints, and forgetting what nobody can ask for any more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw

from memmux.errors import MemmuxError
from memmux.logs import log
from workers.storage import queries as named_queries
from workers.storage.sqlite import engine, fulltext, queries
from workers.storage.sqlite.connection import SqliteConnection
from workers.storage.sqlite.vec0 import Vec0Tables
from workers.storage.writing import deletion, segments
from workers.storage.writing.memory_table import MemoryTable

ANSWERS_S = 24 * 3600  # how long an idempotency key is remembered
DELETED_S = 30 * 24 * 3600  # how long a deleted memory can be brought back, unless told otherwise
PRUNE_EVERY_S = 60.0
PURGE_EVERY_S = 3600.0
PURGE_FIRST_S = 60.0  # after the start: most clusters end before they are an hour old
_PIECE = 1_000  # rows of one transaction of upkeep, a few milliseconds
RELIEVE_EVERY_S = 1.0
TRUNCATE_BYTES = 4 << 20  # a log above this is emptied and not only copied
_PATIENCE_MS = 20  # how long a checkpoint waits for readers before it is put off

_SQL = queries.load("upkeep")
_WRITER = named_queries.load("writer")


class Upkeep:
    """Keeps the files small. `now` gives seconds since 1970, `clock` monotonic ones.

    retention_s: how long deleted memories are kept; 0 for ever.
    """

    def __init__(
        self,
        connection: SqliteConnection,
        database: Path,
        now: Callable[[], float],
        clock: Callable[[], float],
        *,
        retention_s: float = DELETED_S,
    ) -> None:
        self._connection, self._raw = connection, connection.raw
        self._memory_table = MemoryTable(connection, Vec0Tables(self._raw), now)
        self._database = database
        self._retention_s = retention_s
        self._began, self._started = now(), clock()
        self._log = database.with_name(f"{database.name}-wal")
        self._now = now
        self._clock = clock
        self._pruned = self._relieved = clock()
        self._purged = clock() - PURGE_EVERY_S + PURGE_FIRST_S
        self.dirty = True  # whether anything was committed since the last complete checkpoint
        self._erasing = False  # whether the log still holds what was purged
        self.forgotten = 0  # segments that were removed since, as they held what was purged

    @property
    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def turn(self) -> bool:
        """Do what is due and return whether memories were purged; what fails is logged and tried again."""
        gone = 0
        with _tried():
            self._prune()
            if self._clock() - self._purged >= PURGE_EVERY_S:
                self._purged = self._clock()
                gone = self._purge()
                if gone == deletion.EXPIRED:
                    self._purged -= PURGE_EVERY_S  # there may be more, for the next turn
                self.forget_segments()  # also those that could not be removed before
                self._forget("purge_tags")
                engine.optimize(self._raw)
            if self.dirty or self._erasing:
                self._checkpoint(truncate=self._erasing or self.wal_bytes > TRUNCATE_BYTES)
        return bool(gone)

    def relieve(self) -> None:
        """Do between two writes what can't wait for an idle moment: forget answers, and empty a log that grew far.

        That is tried each second where a reader is in the way. What fails is logged: the writes are done all the same.
        """
        with _tried():
            self._prune()
        if self._clock() - self._relieved < RELIEVE_EVERY_S or self.wal_bytes <= engine.JOURNAL_BYTES:
            return
        self._relieved = self._clock()
        self.finish()

    def erase(self) -> None:
        """Remove what was purged from the segments and the log; where a reader is in the way, as soon as it is not."""
        self._erasing = True
        self.forget_segments()
        self.finish()

    def forget_segments(self) -> None:
        """Remove the segments that hold what is gone, see `segments.forget`; what fails is logged and tried again."""
        with _tried():
            for _ in segments.forget(self._connection, self._database):
                self.forgotten += 1

    def finish(self) -> None:
        """Empty the log; where that fails it stays, and nothing of it is lost."""
        with _tried():
            self._checkpoint(truncate=True)

    def _today(self) -> float:
        """Return the time, but for a clock that was set forward since the start, by which nothing gets older."""
        return min(self._now(), self._began + self._clock() - self._started)

    def _prune(self) -> None:
        """Forget answers that are older than any request that comes again, a piece of them, if it is time."""
        if self._clock() - self._pruned < PRUNE_EVERY_S:
            return
        self._pruned, before = self._clock(), self._today() - ANSWERS_S
        if not self._connection.value(_WRITER["has_old_answers"], {"before": before}):
            return
        if self._forget("prune_answers", before=before) == _PIECE:
            self._pruned -= PRUNE_EVERY_S  # there may be more, for the next turn

    def _purge(self) -> int:
        """Purge some of what was deleted long enough ago, in a transaction; return how many."""
        before = self._today() - (self._retention_s or math.inf)
        if not deletion.is_due(self._connection, before):
            return 0
        self._raw.execute("BEGIN IMMEDIATE")
        try:
            gone = deletion.purge_expired(self._memory_table, partial(forget_traces, self._raw), before)
            self._raw.execute("COMMIT")
        finally:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
        self.dirty = self._erasing = True
        if gone:
            log.get().info("memories_purged", memories=gone)
        return gone

    def _checkpoint(self, *, truncate: bool) -> None:
        """Copy the log into the database, and empty it if asked; a reader in the way puts that off."""
        self.dirty = not engine.checkpoint(self._raw, truncate=truncate, patience_ms=_PATIENCE_MS)
        self._erasing = self._erasing and self.wal_bytes > 0

    def _forget(self, name: str, **values: float) -> int:
        if gone := self._connection.execute(_WRITER[name], {**values, "limit": _PIECE}):
            self.dirty = True
            log.get().info("rows_forgotten", statement=name, rows=gone)
        return gone


@contextmanager
def _tried() -> Iterator[None]:
    """Log what fails in the block: it is tried again, and the writes before it are done all the same."""
    try:
        with engine.errors():
            yield
    except MemmuxError as error:
        log.get().warning("upkeep_failed", code=error.code, error=error.message)


def forget_traces(connection: apsw.Connection) -> None:
    """Remove what SQLite keeps of memories that are gone beside their rows: words, and samples of the statistics.

    Full text keeps the words of what was removed until their segments are merged: all of them are, which takes 20 ms
    for each 20 000 memories.
    """
    fulltext.merge(connection)
    if engine.value(connection, _SQL["has_samples"]):
        connection.execute(_SQL["drop_samples"])
