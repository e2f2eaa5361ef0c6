"""The write worker: the one process that changes the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memmux.operations import Stage
from memmux.settings import Settings
from workers.jobs import Alive, Job, Outcome
from workers.storage.interface import Writer
from workers.storage.writer import SqliteWriter


class WriteWorker:
    """Hands writes to the storage engine, as many at once as wait."""

    stage = Stage.WRITE
    credit = 64  # what one transaction may carry: its one wait for the disk is shared by all of them
    retiring = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: Writer | None = None

    @property
    def _writer(self) -> Writer:
        assert self._open is not None, "open() comes first"
        return self._open

    def open(self) -> None:
        """Make or migrate the database and open it; raise StorageError and its kinds."""
        self._open = SqliteWriter(self._settings.database)

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]:
        """Apply `jobs` in one transaction; everything that is yielded is durable."""
        yield from self._writer.apply(jobs, alive)

    def facts(self) -> dict[str, object]:
        """Return seq, memories, pending, model, dimensions and wal_bytes."""
        return self._writer.facts()

    def idle(self) -> None:
        """Checkpoint, and forget what nobody can ask for any more."""
        self._writer.idle()

    def close(self) -> None:
        """Leave the database with everything in its main file."""
        self._writer.close()
