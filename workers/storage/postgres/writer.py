"""The writer: what waits is applied in one transaction on the primary, and acknowledged once that has confirmed it.

Several may write to one primary, each of another machine: each transaction locks the counter row first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import orjson
import psycopg

from memmux.errors import (
    CancelledError,
    DatabaseCorruptError,
    DatabaseUnreachableError,
    MemmuxError,
    RequestError,
)
from memmux.logs import log
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent
from workers.storage import queries
from workers.storage.postgres import ahead, engine, nul, repair, schema, words
from workers.storage.postgres import queries as texts
from workers.storage.postgres.engine import Raw, Role
from workers.storage.postgres.errors import UNPREPARED, errors, first_line, mapped
from workers.storage.postgres.upkeep import DELETED_S, Upkeep, nothing
from workers.storage.postgres.writer_connection import WriterConnection
from workers.storage.records import fulltext
from workers.storage.records.vectors import Model
from workers.storage.writing import deletion, facts
from workers.storage.writing.changes import Changes
from workers.storage.writing.memory_table import MemoryTable
from workers.storage.writing.model_switch import ModelSwitch
from workers.storage.writing.once import once
from workers.words import version

_CHECKS = queries.load("checks")
_SERVER = queries.load("server")
_SQL = queries.load("writer")
SILENT_S = 15  # then a writer that is in a transaction and says nothing is taken to be gone, with its locks
ASYNCHRONOUS, UNAVAILABLE = "replication_asynchronous", "primary_unavailable"


class PostgresWriter:
    """Writes to the primary of `url`, whose tables it makes or migrates first; see `interface.Writer`.

    home: what this machine's files of it are named after, such as its segments. now: seconds since 1970. clock:
    monotonic seconds. retention_s: how long deleted memories are kept; 0 for ever. languages: whose stems are added to
    the words of memories. alive: called often while it is opened.
    Raises StorageError and its kinds.
    """

    def __init__(
        self,
        url: str,
        home: Path,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        retention_s: float = DELETED_S,
        languages: Sequence[str] = (),
        alive: Alive = silent,
    ) -> None:
        self._url = url
        self._now = now
        self._damage: DatabaseCorruptError | None = None  # what was found; from then on nothing is written
        self._asynchronous = self._unavailable = False
        self._connection = WriterConnection(self._made)
        self._memory_table = MemoryTable(self._connection, _Rows(), now, nul.refuse, lambda: self._connection.others)
        self._changes = Changes(self._memory_table, lambda _seq, _at: (), nothing)
        self._model_switch = ModelSwitch(clock)
        self._upkeep = Upkeep(self._connection, self._memory_table, home, now, clock, retention_s=retention_s)
        self._connection.use(alive)
        try:
            with errors():
                self._fill_words(languages, alive)
                self._facts = self._counted()
            self._upkeep.forget_segments()
        except BaseException:
            self._connection.drop()
            raise
        self._connection.use(silent)

    def apply(self, jobs: Sequence[Job], alive: Alive) -> list[Outcome]:
        """Apply `jobs` in one transaction with a savepoint for each, commit once, and return all outcomes."""
        if self._damage is not None:
            return [(job, self._damage) for job in jobs]
        self._connection.use(alive)
        before = self._facts
        try:
            with errors():
                outcomes = self._together(jobs)
            self._upkeep.relieve(cast("int", self._facts["memories"]))
        except MemmuxError as error:
            # Nothing of it is known to be durable, so nothing of it is acknowledged.
            self._note(error)
            log.get().error("transaction_failed", code=error.code, error=error.message, requests=len(jobs))
            return [(job, error) for job in jobs]
        finally:
            self._connection.use(silent)
        if any(job.operation == deletion.OPERATION for job in jobs) or any(
            self._facts[name] != before[name] for name in ("model", "unneeded")
        ):
            self._upkeep.forget_segments()
        return outcomes

    def rebuild(self, job: Job, alive: Alive) -> Answer | MemmuxError:
        """Build every view anew from the rows, in one transaction; if that heals a damage, writes go on."""
        self._connection.use(alive)
        try:
            with errors():
                repair.number(self._connection)
                with self._connection.writing():
                    rebuilt = repair.rebuild(self._memory_table, job, alive)
                    self._facts = self._counted()
        except MemmuxError as error:
            return error
        finally:
            self._connection.use(silent)
        self._damage = None
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
        with errors():
            at: float | None = self._connection.value(_SQL["first_change"])
        return at

    def facts(self) -> dict[str, object]:
        """Return the counters of the last commit, and what is wrong with the servers; runs no SQL."""
        wrong = {ASYNCHRONOUS: self._asynchronous, UNAVAILABLE: self._unavailable}
        degraded = [code for code, is_so in wrong.items() if is_so]
        return {**self._facts, "wal_bytes": 0, "degraded": degraded, "reconnects": self._connection.reconnects}

    def idle(self, alive: Alive = silent) -> None:
        """Do what upkeep is due, and look what others have written, and whether the primary is there."""
        self._connection.use(alive)
        try:
            self._upkeep.turn()
            with errors():
                self._asynchronous = bool(self._connection.value(_SERVER["is_alone"]))
                self._facts = self._counted()
        except MemmuxError as error:
            self._lose(error)
        finally:
            self._connection.use(silent)

    def close(self) -> None:
        """Leave the database."""
        self._connection.drop()

    def _made(self) -> Raw:
        """Return a connection to the primary, as far as there is one; another server may be it by now."""
        try:
            raw = engine.connect(self._url, Role.WRITE)
            try:
                with errors():
                    schema.prepare(raw)
                    # A plan of when a table was empty is kept while it fills; a writer finds its rows by indexes.
                    raw.execute("SET enable_seqscan = off")
                    raw.execute(f"SET idle_in_transaction_session_timeout = '{SILENT_S}s'".encode())
                    (self._asynchronous,) = raw.execute(texts.text(_SERVER["is_alone"]).encode()).fetchall()[0]
            except BaseException:
                raw.close()
                raise
        except MemmuxError as error:
            self._lose(error)
            raise
        self._unavailable = False
        return raw

    def _together(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Apply jobs in one transaction; if PostgreSQL refuses what one of them does, that one alone fails."""
        try:
            return self._attempt(jobs)
        except psycopg.Error as error:
            if not self._connection.failed or error.sqlstate in UNPREPARED:
                raise
            log.get().warning("transaction_repeated", error=first_line(error), requests=len(jobs))
        return self._attempt(jobs, apart=True)

    def _attempt(self, jobs: Sequence[Job], *, apart: bool = False) -> list[Outcome]:
        """Apply jobs in one transaction; apart: wait after each for whether PostgreSQL took it."""
        looked = ahead.of(jobs)
        with self._connection.writing(looked.keys, looked.contents, self._memory_table.runs.last(looked.homes)):
            before = self._connection.numbers["changes"]
            outcomes = [(job, CancelledError() if job.cancelled() else self._one(job, apart=apart)) for job in jobs]
            # Another writer may have made the index anew, with the stems of other languages.
            languages = version.languages_of(fulltext.written(self._connection))
            if self._connection.fresh is None:
                words.follow(self._connection, before, languages)
            else:
                words.add(self._connection, self._connection.fresh, languages)
            counted = self._counted()
        self._facts = counted
        return outcomes

    def _one(self, job: Job, *, apart: bool) -> Answer | MemmuxError:
        """Apply one job in its savepoint; its failure undoes it alone."""
        self._connection.savepoint(now=apart)
        try:
            nul.refuse_job(job)
            answer = once(self._connection, job, self._changes.apply, self._now)
            if apart:
                self._connection.settle()
        except MemmuxError as error:
            self._connection.undo()
            return error
        except psycopg.Error as error:
            ours = mapped(error)
            here = isinstance(ours, RequestError) and error.sqlstate is None  # and not by the server
            if ours is None or not (apart or here) or self._connection.lost:
                raise
            self._connection.undo(settled=here)
            self._note(ours)
            return ours
        self._connection.release()
        return Answer((answer,))

    def _fill_words(self, languages: Sequence[str], alive: Alive) -> None:
        """Make full text anew, unless it has the words that memories have now; first the counter row, if it is gone."""
        if not self._connection.value(_CHECKS["counter_rows"]):
            repair.number(self._connection)
        wanted = version.version(languages)
        if fulltext.written(self._connection) == wanted:
            return
        with self._connection.writing():
            former = fulltext.written(self._connection)
            if former == wanted:
                return
            began = time.monotonic()
            count = words.fill(self._connection, languages, alive)
        if count:
            seconds = round(time.monotonic() - began, 3)
            log.get().info("words_indexed", memories=count, before=former, now=wanted, seconds=seconds)

    def _note(self, error: MemmuxError) -> None:
        """Write nothing more once the database has turned out to be damaged: each write could spread it."""
        self._lose(error)
        if isinstance(error, DatabaseCorruptError) and self._damage is None:
            log.get().error("database_found_damaged", error=error.message)
            self._damage = error

    def _lose(self, error: MemmuxError) -> None:
        """Leave a server that is no primary any more."""
        if isinstance(error, DatabaseUnreachableError):
            self._unavailable = True
            self._connection.drop()

    def _counted(self) -> dict[str, object]:
        return facts.counted(self._connection, self._model_switch)


class _Rows:
    """What is kept beside `vectors` to search them: nothing, as they are rows like any other; see `Searchable`."""

    def made(self, model: Model) -> None:
        """Do nothing."""

    def added(self, model: Model, vector_id: int, data: bytes, namespace: str) -> None:
        """Do nothing."""

    def removed(self, model_id: int, vector_id: int) -> None:
        """Do nothing."""

    def dropped(self, model: Model) -> None:
        """Do nothing."""
