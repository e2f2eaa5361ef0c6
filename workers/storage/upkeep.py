"""Upkeep: what the writer does while nothing waits: checkpoints, and forgetting what nobody can ask for any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw

from memmux import logs
from memmux.errors import MemmuxError
from workers.storage import engine, queries

ANSWERS_S = 24 * 3600  # how long an idempotency key is remembered
DELETED_S = 30 * 24 * 3600  # how long a deleted memory can be brought back
PRUNE_EVERY_S = 60.0
PURGE_EVERY_S = 3600.0
_PIECE = 1_000  # rows of one transaction of upkeep, a few milliseconds
TRUNCATE_BYTES = 4 << 20  # a log above this is emptied and not only copied
_PATIENCE_MS = 20  # how long a checkpoint waits for readers before it is put off

_SQL = queries.load("writer")


class Upkeep:
    """Keeps the files small. `now` gives seconds since 1970, `clock` monotonic ones."""

    def __init__(
        self, connection: apsw.Connection, database: Path, now: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._log = database.with_name(f"{database.name}-wal")
        self._now = now
        self._clock = clock
        self._pruned = self._purged = clock()
        self.dirty = True  # whether anything was committed since the last complete checkpoint

    @property
    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def turn(self) -> None:
        """Do what is due; what fails is logged and tried again."""
        try:
            with engine.errors():
                if self._clock() - self._pruned >= PRUNE_EVERY_S:
                    self._pruned = self._clock()
                    self._forget("prune_answers", self._now() - ANSWERS_S)
                if self._clock() - self._purged >= PURGE_EVERY_S:
                    self._purged = self._clock()
                    self._forget("purge_memories", self._now() - DELETED_S)
                    self._forget("purge_tags", 0)
                    self._connection.pragma("optimize")
                if self.dirty:
                    self._checkpoint(truncate=self.wal_bytes > TRUNCATE_BYTES)
        except MemmuxError as error:
            logs.get().warning("upkeep_failed", code=error.code, error=error.message)

    def finish(self) -> None:
        """Empty the log for the last time; where that fails it stays, and nothing of it is lost."""
        try:
            with engine.errors():
                self._checkpoint(truncate=True)
        except MemmuxError as error:
            logs.get().warning("upkeep_failed", code=error.code, error=error.message)

    def _checkpoint(self, *, truncate: bool) -> None:
        """Copy the log into the database, and empty it if asked; a reader in the way puts that off."""
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_PASSIVE
        self._connection.set_busy_timeout(_PATIENCE_MS)
        try:
            in_log, copied = self._connection.wal_checkpoint(mode=mode)
            self.dirty = copied < in_log
        except apsw.BusyError:
            self.dirty = True
        finally:
            self._connection.set_busy_timeout(engine.BUSY_MS)

    def _forget(self, name: str, before: float) -> None:
        values = {"before": before, "limit": _PIECE}
        wanted = {key: value for key, value in values.items() if f":{key}" in _SQL[name]}
        self._connection.execute(_SQL[name], wanted)
        if gone := self._connection.changes():
            self.dirty = True
            logs.get().info("rows_forgotten", query=name, rows=gone)
