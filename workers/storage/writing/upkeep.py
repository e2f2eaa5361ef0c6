"""Upkeep: what the writer does while nothing waits: checkpoints, and forgetting what nobody can ask for any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw

from memmux.errors import MemmuxError
from memmux.logs import log
from workers.index import segment as segments
from workers.storage.db import engine, queries
from workers.storage.writing import deletion
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

_SEARCH = queries.load("search")
_SQL = queries.load("writer")


class Upkeep:
    """Keeps the files small. `now` gives seconds since 1970, `clock` monotonic ones.

    retention_s: how long deleted memories are kept; 0 for ever.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        database: Path,
        now: Callable[[], float],
        clock: Callable[[], float],
        *,
        retention_s: float = DELETED_S,
    ) -> None:
        self._connection = connection
        self._memory_table = MemoryTable(connection, now)
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
        try:
            with engine.errors():
                if self._clock() - self._pruned >= PRUNE_EVERY_S:
                    self._pruned = self._clock()
                    self._forget("prune_answers", self._today() - ANSWERS_S)
                if self._clock() - self._purged >= PURGE_EVERY_S:
                    self._purged = self._clock()
                    gone = self._purge()
                    if gone == deletion.EXPIRED:
                        self._purged -= PURGE_EVERY_S  # there may be more, for the next turn
                    self._forget("purge_tags", 0)
                    engine.optimize(self._connection)
                if gone:
                    self._erasing = True
                    self.forget_segments()
                if self.dirty or self._erasing:
                    self._checkpoint(truncate=self._erasing or self.wal_bytes > TRUNCATE_BYTES)
        except MemmuxError as error:
            log.get().warning("upkeep_failed", code=error.code, error=error.message)
        return bool(gone)

    def relieve(self) -> None:
        """Empty a log that grew far while there was no idle moment; tried each second where a reader is in the way."""
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
        """Remove the segments with vectors of what was purged since, or of a model that is gone.

        Those that have one open go on with it.
        """
        for path, manifest in list(segments.kept(self._database)):
            with engine.errors():
                gone = not engine.value(self._connection, _SEARCH["has_model"], {"model": manifest.model})
                rows = engine.fetch(self._connection, _SEARCH["purges_since"], {"seq": manifest.seq})
            if gone or segments.holds(path, [row for (row,) in rows]):
                segments.remove(path)
                self.forgotten += 1
                log.get().info("segment_forgotten", namespace=manifest.namespace, vectors=manifest.vectors)

    def finish(self) -> None:
        """Empty the log; where that fails it stays, and nothing of it is lost."""
        try:
            with engine.errors():
                self._checkpoint(truncate=True)
        except MemmuxError as error:
            log.get().warning("upkeep_failed", code=error.code, error=error.message)

    def _today(self) -> float:
        """Return the time, but for a clock that was set forward since the start, by which nothing gets older."""
        return min(self._now(), self._began + self._clock() - self._started)

    def _purge(self) -> int:
        """Purge some of what was deleted long enough ago; return how many."""
        if not self._retention_s:
            return 0
        if gone := deletion.expired(self._memory_table, self._today() - self._retention_s):
            self.dirty = True
            log.get().info("memories_purged", memories=gone)
        return gone

    def _checkpoint(self, *, truncate: bool) -> None:
        """Copy the log into the database, and empty it if asked; a reader in the way puts that off."""
        self.dirty = not engine.checkpoint(self._connection, truncate=truncate, patience_ms=_PATIENCE_MS)
        self._erasing = self._erasing and self.wal_bytes > 0

    def _forget(self, name: str, before: float) -> None:
        values = {"before": before, "limit": _PIECE}
        wanted = {key: value for key, value in values.items() if f":{key}" in _SQL[name]}
        self._connection.execute(_SQL[name], wanted)
        if gone := self._connection.changes():
            self.dirty = True
            log.get().info("rows_forgotten", statement=name, rows=gone)
