"""The read worker: answers questions from a connection that can't write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from memmux.config.settings import Settings
from memmux.errors import DatabaseCorruptError, DatabaseReplacedError, MemmuxError, StorageFullError
from memmux.logs import log
from memmux.wire.operations import Stage
from workers.embedding.queries import QueryEmbedder
from workers.embedding.query_vectors import QueryVectors
from workers.questions import Questions
from workers.runtime import heap
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent
from workers.storage.interface import Reader
from workers.storage.sqlite.reader import SqliteReader


class ReadWorker:
    """Hands questions to the storage engine, one after the other."""

    stage = Stage.READ
    credit = 4  # the next question is there when one is answered, and queries that wait together are embedded so
    retiring = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.queries = QueryEmbedder(settings)
        self._vectors = QueryVectors(self.queries, lambda: self._reader.model)
        self._open: Reader | None = None
        self._questions = Questions(lambda: self._reader, self._vectors)

    @property
    def _reader(self) -> Reader:
        assert self._open is not None, "open() comes first"
        return self._open

    def open(self, alive: Alive = silent) -> None:
        """Open the database and load its vectors; raise StorageError and its kinds."""
        self._open = _reader(self._settings)
        self._vectors.follow()
        self.queries.load()
        try:
            self._open.idle(alive)
        except DatabaseCorruptError as error:  # what can still be read is served
            log.get().error("catch_up_failed", code=error.code, error=error.message)
        self._open.trim()
        heap.give_back()

    def _open_anew(self) -> None:
        """See what is written from now on, if the disk is full no more."""
        if self._reader.still:
            with suppress(StorageFullError):
                reader = _reader(self._settings)
                self._reader.close()
                self._open = reader

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]:
        """Answer each of `jobs`, or say why not."""
        self._open_anew()
        self._vectors.begin(jobs)
        for job in sorted(jobs, key=self._vectors.are_made):  # what need not wait for the model goes first
            try:
                outcome: Answer | MemmuxError = self._questions.answer(job, _watching(job, alive))
            except MemmuxError as error:
                outcome = _without_causes(error)
            yield job, outcome
        self.queries.look_again()  # who is always busy is never idle

    def facts(self) -> dict[str, object]:
        """Return seq, the change of the last answer, indexed, how many vectors are in the segments in use, and more.

        Beside that: what `Reader.facts` says, and of the model that embeds queries.
        """
        known = {"seq": self._reader.seq, "indexed": self._reader.indexed}
        return {**known, **self._reader.facts(), **self.queries.facts()}

    def idle(self, alive: Alive = silent) -> None:
        """Catch up with the change log; what fails will fail, or not, when somebody asks."""
        self._open_anew()
        self._vectors.follow()
        self.queries.look_again()
        try:
            self._reader.idle(alive)
        except DatabaseReplacedError:
            raise
        except MemmuxError as error:
            log.get().warning("catch_up_failed", code=error.code, error=error.message)

    def close(self) -> None:
        """Leave the database."""
        self.queries.close()
        self._reader.close()


def _reader(settings: Settings) -> Reader:
    """Return the reader of whichever engine keeps the database."""
    if settings.server is None:
        return SqliteReader(settings.database, cues=settings.cues)
    from workers.storage.postgres.reader import PostgresReader  # only where the driver is there

    read_url = settings.read_server or ""
    return PostgresReader(settings.server, settings.database, read_url=read_url, cues=settings.cues)


def _without_causes(error: MemmuxError) -> MemmuxError:
    """Return the error without what it came of: the frames of a traceback keep cursors open, and so old snapshots."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _watching(job: Job, alive: Alive) -> Alive:
    """Return an `alive` that raises once nobody waits for `job` any more: what reads may be left at any point."""

    def look() -> None:
        alive()
        job.check()

    return look
