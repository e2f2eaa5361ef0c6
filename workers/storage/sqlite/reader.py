"""The reader: questions to SQLite, each in one short transaction of a connection that can't write."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw

from memmux.config import database_header
from memmux.errors import StorageFullError
from memmux.wire.cues import Cue
from workers.embedding.interface import Named
from workers.runtime.jobs import Alive
from workers.storage.reading.reader import MemoryReader
from workers.storage.reading.vector_follower import MOST_VECTORS
from workers.storage.sqlite import engine, file_identity, schema
from workers.storage.sqlite.connection import SqliteConnection
from workers.storage.sqlite.file_identity import Lineage
from workers.storage.sqlite.vec0 import TableIndex
from workers.storage.sqlite.words import SqliteWords


class SqliteReader(MemoryReader):
    """Reads `database`, which a writer has made; keeps at most `most_vectors` of its vectors in memory.

    now: seconds since 1970, by which memories get older. cues: those of questions that count in rankings. still:
    whether the disk is so full that no log can be made, by which it would see what is written; then nobody can write.
    """

    def __init__(
        self,
        database: Path,
        *,
        most_vectors: int = MOST_VECTORS,
        now: Callable[[], float] = time.time,
        cues: Collection[Cue] = tuple(Cue),
    ) -> None:
        self._database, self._lineage = database, Lineage.of(database)
        file_identity.refuse_exchanged(database)
        database_header.refuse_foreign(database)
        self._raw, self.still = _opened(database)
        schema.refuse_newer_version(self._raw, database, schema.migrations())
        self._deadline = math.inf
        super().__init__(
            SqliteConnection(self._raw),
            SqliteWords(self._raw),
            partial(TableIndex, self._raw),
            database,
            most_vectors=most_vectors,
            now=now,
            cues=cues,
        )
        self._raw.set_progress_handler(self._interrupted, engine.PROGRESS_STEPS)

    @contextmanager
    def snapshot(self, deadline: float, alive: Alive, *, min_seq: int = 0) -> Iterator[None]:
        """Begin a read transaction, and end it with the block; see `interface.Reader`."""
        del min_seq  # a file has every change
        self._lineage.check(self._database)
        engine.end_read(self._raw)
        self._deadline = deadline
        with engine.errors():
            try:
                self._raw.execute("BEGIN")
                self._begun(alive)
                yield
            finally:
                self._deadline = math.inf
                if self._raw.in_transaction:
                    self._raw.execute("ROLLBACK")

    @property
    def model(self) -> Named | None:
        """The model whose vectors are searched; see `interface.Reader`."""
        with engine.errors():
            return super().model

    def trim(self) -> None:
        """Let go of the pages that were read to load everything."""
        self._raw.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Leave the database."""
        self._raw.close()

    def _interrupted(self) -> bool:
        """Say that this worker is alive, and whether SQLite shall stop; SQLite asks about once a millisecond."""
        self._alive()
        return time.monotonic() >= self._deadline


def _opened(database: Path) -> tuple[apsw.Connection, bool]:
    """Return a connection, and whether it sees only what was there when it was opened.

    A log that holds nothing is not needed to read; one that does can't be left out.
    """
    try:
        return engine.open_reader(database), False
    except StorageFullError:
        log = database.with_name(f"{database.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        return engine.open_still(database), True
