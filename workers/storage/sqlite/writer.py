"""The writer: the only one there is. What waits is applied in one transaction and acknowledged after its commit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import cast

import orjson

from memmux.config.settings import Settings
from memmux.errors import CancelledError, DatabaseCorruptError, MemmuxError
from memmux.logs import log
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent
from workers.storage import queries
from workers.storage.sqlite import engine, file_identity, filesystem, fulltext, migrate, repair, upkeep
from workers.storage.sqlite.backups import copies
from workers.storage.sqlite.backups.folder import BackupFolder
from workers.storage.sqlite.connection import SqliteConnection
from workers.storage.sqlite.file_identity import Lineage
from workers.storage.sqlite.file_names import Hold
from workers.storage.sqlite.upkeep import DELETED_S, Upkeep
from workers.storage.sqlite.vec0 import Vec0Tables
from workers.storage.writing import deletion, facts
from workers.storage.writing.changes import Changes
from workers.storage.writing.memory_table import MemoryTable
from workers.storage.writing.model_switch import ModelSwitch
from workers.storage.writing.once import once

_SQL = queries.load("writer")
_BUSY_PAUSE_S = 0.01  # between two attempts to get the lock
BEAT_S = 0.1  # between two signs of life while rows are written


class SqliteWriter:
    """Writes to `database`, which it makes or migrates first; see `interface.Writer`.

    backup_folder: where a backup goes before a migration. now: seconds since 1970. clock: monotonic seconds.
    retention_s: how long deleted memories are kept; 0 for ever. languages: whose stems are added to the words of
    memories. alive: called often while it is opened.
    Raises StorageError and its kinds.
    """

    def __init__(
        self,
        database: Path,
        *,
        backup_folder: BackupFolder | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        retention_s: float = DELETED_S,
        languages: Sequence[str] = (),
        alive: Alive = silent,
    ) -> None:
        engine.refuse_unsafe()
        filesystem.refuse_network(database)
        with ExitStack() as undoing:
            self._hold = Hold(database, alive)
            undoing.callback(self._hold.close)
            file_identity.begin(database)
            migrate.prepare(database, backup_folder=backup_folder, alive=alive, languages=languages)
            self._hold.take()  # a new one can have no other name
            opened = Lineage.of(database)
            self._database = database
            self._raw = engine.open_writer(database)
            undoing.callback(self._raw.close)
            fulltext.teach(self._raw)
            self._raw.set_progress_handler(self._working, engine.PROGRESS_STEPS)
            self._now = now
            self._alive: Alive = silent
            self._beat_at = -math.inf  # when a row that was written last said that this worker is alive
            self._damage: DatabaseCorruptError | None = None  # what was found; from then on nothing is written
            folder = backup_folder or BackupFolder.of(Settings(database=database))
            self._connection = SqliteConnection(self._raw, self._written)
            memory_table = MemoryTable(self._connection, Vec0Tables(self._raw), now)
            forget = partial(upkeep.forget_traces, self._raw)
            self._changes = Changes(memory_table, partial(copies.holding, database, folder), forget)
            self._model_switch = ModelSwitch(clock)
            self._upkeep = Upkeep(self._connection, database, now, clock, retention_s=retention_s)
            with engine.errors():
                self._facts = self._counted()  # the first look is what makes the log
            opened.check(database)
            self._hold.note(self._raw)
            self._lineage = Lineage.of(database)
            self._lineage.note(database)
            self._upkeep.forget_segments()
            undoing.pop_all()

    def apply(self, jobs: Sequence[Job], alive: Alive) -> list[Outcome]:
        """Apply `jobs` in one transaction with a savepoint for each, commit once, and return all outcomes."""
        if self._damage is not None:
            return [(job, self._damage) for job in jobs]
        self._alive = alive
        try:
            self._lineage.check(self._database)
            with engine.errors(self._raw):
                self._begin()
                outcomes = [(job, CancelledError() if job.cancelled() else self._apart(job)) for job in jobs]
                counted = self._counted()  # inside, where it costs a third of what each look by itself does
                self._raw.execute("COMMIT")
            self._lineage.check(self._database)  # what went into a file that is gone is not acknowledged
        except MemmuxError as error:
            # Nothing of it is durable, so nothing of it is acknowledged.
            self._note(error)
            log.get().error("transaction_failed", code=error.code, error=error.message, requests=len(jobs))
            return [(job, error) for job in jobs]
        finally:
            self._alive = silent
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
        self._upkeep.dirty = True
        if any(job.operation == deletion.OPERATION for job in jobs):
            self._upkeep.erase()
        self._upkeep.relieve()
        before, self._facts = self._facts, counted
        if any(self._facts[name] != before[name] for name in ("model", "unneeded")):
            self._upkeep.forget_segments()  # those of a model that is gone
        return outcomes

    def rebuild(self, job: Job, alive: Alive) -> Answer | MemmuxError:
        """Build every view anew from the rows, in one transaction; if that heals a damage, writes go on."""
        self._alive = alive
        try:
            self._lineage.check(self._database)
            with engine.errors(self._raw):
                self._begin()
                rebuilt = repair.rebuild(self._raw, job, self._now(), alive)
                self._raw.execute("COMMIT")
        except MemmuxError as error:
            return error
        finally:
            self._alive = silent
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
        self._damage = None
        self._upkeep.dirty = True
        self._facts = self._counted()
        log.get().info("views_rebuilt", texts=rebuilt.texts, vectors=rebuilt.vectors, dropped=rebuilt.dropped)
        return Answer((orjson.dumps(rebuilt),))

    @property
    def seq(self) -> int:
        """The newest change."""
        return cast("int", self._facts["seq"])

    @property
    def forgotten(self) -> int:
        """How many segments were removed since it was opened, as they held what was purged."""
        return self._upkeep.forgotten

    @property
    def vectors(self) -> int:
        """How many vectors the current model has made."""
        return cast("int", self._facts["vectors"])

    def born(self) -> float | None:
        """Return when the first change was made, in seconds since 1970; None if there is none."""
        with engine.errors():
            at: float | None = self._connection.value(_SQL["first_change"])
        return at

    def facts(self) -> dict[str, object]:
        """Return the counters of the last commit; runs no SQL, for it may be called while some runs."""
        return {**self._facts, "wal_bytes": self._upkeep.wal_bytes}

    def idle(self, alive: Alive = silent) -> None:  # noqa: ARG002 - it waits for nobody
        """Do what upkeep is due; raise DatabaseReplacedError."""
        self._lineage.check(self._database)
        if self._upkeep.turn():
            self._facts = self._counted()

    def close(self) -> None:
        """Leave the database, with everything in its main file unless a reader is in the way."""
        self._upkeep.finish()  # into the file that was opened, wherever it is now
        if file_identity.identity(self._database) != self._lineage.database:
            self._lineage.leave(self._database)
        elif not self._upkeep.dirty:
            self._hold.end(self._raw)
        self._raw.close()
        self._hold.close()
        file_identity.end(self._database)

    def _begin(self) -> None:
        """Begin a transaction; another program's lock is waited for, and this worker is heard of meanwhile."""
        until = time.monotonic() + engine.BUSY_MS / 1000

        def patient(_: int) -> bool:
            self._alive()
            time.sleep(_BUSY_PAUSE_S)
            return time.monotonic() < until

        self._raw.set_busy_handler(patient)
        try:
            self._raw.execute("BEGIN IMMEDIATE")
        finally:
            self._raw.set_busy_timeout(engine.BUSY_MS)

    def _apart(self, job: Job) -> Answer | MemmuxError:
        """Apply one job in its savepoint; its failure undoes it alone."""
        self._raw.execute("SAVEPOINT job")
        try:
            with engine.errors(self._raw):
                answer = once(self._connection, job, self._changes.apply, self._now)
        except MemmuxError as error:
            # A full disk, for one, makes SQLite give up the whole transaction, and the jobs before this one with it.
            if not self._raw.in_transaction:
                raise
            self._raw.execute("ROLLBACK TO job")
            self._raw.execute("RELEASE job")
            self._note(error)
            return error
        self._raw.execute("RELEASE job")
        return Answer((answer,))

    def _note(self, error: MemmuxError) -> None:
        """Write nothing more once the file has turned out to be damaged: each write could spread it."""
        if isinstance(error, DatabaseCorruptError) and self._damage is None:
            log.get().error("database_found_damaged", error=error.message)
            self._damage = error

    def _counted(self) -> dict[str, object]:
        return facts.counted(self._connection, self._model_switch)

    def _written(self) -> None:
        """Say that this worker is alive now and then: no query of many takes long, but together they do."""
        if (now := time.monotonic()) - self._beat_at >= BEAT_S:
            self._beat_at = now
            self._alive()

    def _working(self) -> bool:
        """Say that this worker is alive; never interrupt, which would undo the jobs of others too."""
        self._alive()
        return False
