"""The write worker: the one process that changes the database."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from memmux.config.settings import Settings
from memmux.postgres import own_tools
from memmux.wire.operations import Stage
from workers.adoption import Adoption
from workers.indexer import Indexer
from workers.runtime.jobs import Alive, Job, Outcome, silent
from workers.storage.interface import Writer
from workers.storage.sqlite.backups import restoring
from workers.storage.sqlite.backups.folder import BackupFolder
from workers.storage.sqlite.backups.scheduler import BackupScheduler
from workers.storage.sqlite.writer import SqliteWriter

LOOK_S = 0.02  # between two looks whether a backup that somebody waits for is done


class WriteWorker:
    """Hands writes to the storage engine, as many at once as wait."""

    stage = Stage.WRITE
    credit = 64  # what one transaction may carry: its one wait for the disk is shared by all of them
    retiring = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: Writer | None = None
        self._backup_scheduler = BackupScheduler(settings)
        self._indexer = Indexer(settings)
        self._adoption = Adoption(settings)

    @property
    def _writer(self) -> Writer:
        assert self._open is not None, "open() comes first"
        return self._open

    def open(self, alive: Alive = silent) -> None:
        """Adopt, make or migrate the database and open it; raise StorageError and its kinds."""
        if self._settings.server is not None:
            from workers.storage.postgres.writer import PostgresWriter  # only where the driver is there

            self._open = PostgresWriter(
                self._settings.server,
                self._settings.database,
                retention_s=self._settings.retention_s,
                languages=self._settings.languages,
                alive=alive,
            )
            return
        restoring.finish(self._settings.database)
        self._adoption.run(alive)
        self._open = SqliteWriter(
            self._settings.database,
            backup_folder=BackupFolder.of(self._settings),
            retention_s=self._settings.retention_s,
            languages=self._settings.languages,
            alive=alive,
        )

    def progress(self) -> dict[str, object]:
        """Return how far an adoption is."""
        return self._adoption.progress()

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]:
        """Apply `jobs` in one transaction; everything that is yielded is durable. Backups are put off."""
        writes: list[Job] = []
        for job in jobs:
            match job.operation:
                case "admin.backup" if self._settings.server is not None:
                    yield job, own_tools.backup(self._settings.server)
                case "admin.backup":
                    self._backup_scheduler.ask(job)
                case "admin.rebuild":
                    yield job, self._writer.rebuild(job, alive)
                case _:
                    writes.append(job)
        if writes:
            yield from self._writer.apply(writes, alive)

    @property
    def due_s(self) -> float:
        """How soon to look whether a backup is done, if somebody waits for one."""
        return LOOK_S if self._backup_scheduler.waiting else math.inf

    def late(self, alive: Alive) -> Iterator[Outcome]:  # noqa: ARG002  # it only looks
        """Yield the backups that are done, and begin those that are due, and the building of segments."""
        if self._settings.server is None:
            yield from self._backup_scheduler.turn(self._writer.seq, self._writer.born)
        self._indexer.turn(self._writer.vectors, self._writer.seq, self._writer.forgotten)

    def facts(self) -> dict[str, object]:
        """Return what `Writer.facts` does, building and indexed, and, of a file, backups and backup_at."""
        backups = self._backup_scheduler.facts if self._settings.server is None else {}
        return {**self._writer.facts(), **self._indexer.facts, **backups}

    def idle(self, alive: Alive = silent) -> None:
        """Checkpoint, and forget what nobody can ask for any more."""
        self._writer.idle(alive)

    def close(self) -> None:
        """Leave the database with everything in its main file."""
        self._backup_scheduler.close()
        self._indexer.close()
        self._writer.close()
