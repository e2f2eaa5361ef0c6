"""Adoption at the first start: a database is made from one of mcp-memory-service, whole or not at all.

All of it happens in the folder `<database>.adopting`: a private copy of theirs is read, and a database built, which
takes its place by a rename. Whoever is killed before that leaves only this folder, and the next start begins anew.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import orjson

from memmux import errors
from memmux.config.paths import Places
from memmux.config.settings import EmbedderChoice, Settings, begun
from memmux.errors import (
    AdoptionFailedError,
    DatabaseCorruptError,
    DatabaseForeignError,
    MemmuxError,
    NotFoundError,
)
from memmux.files import durable, private
from memmux.logs import log
from memmux.mms import ids
from memmux.mms import source as sources
from memmux.mms.source import Source
from memmux.mms.to_memory import Line
from memmux.wire.answers import Loaded, Problem
from memmux.wire.ids import uuid7
from memmux.wire.requests import Load
from workers.runtime.jobs import Alive, Job
from workers.storage.sqlite import bulk, file_identity, filesystem
from workers.storage.sqlite.writer import SqliteWriter
from workers.storage.writing import load

CLIENT = "adoption"  # in the change log
_SIGN_S = 1.0  # between two signs of life for those who wait for the cluster
_WITHOUT = "set MEMMUX_ADOPT_FROM=none to start without it"


class Adoption:
    """The adoption that the settings ask for, if any is due: there is a file to adopt, and no database yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings)
        self._source: Source | None = None
        self._signed = -math.inf

    def progress(self) -> dict[str, object]:
        """Return how far it is, as `memmux.cluster.start.AdoptionProgress`; empty while there is none."""
        if self._settings.adopt_from is None or self._signed == -math.inf:
            return {}
        done, total = (self._source.done, self._source.total) if self._source is not None else (0, 0)
        return {"adopting": {"source": str(self._settings.adopt_from), "done": done, "total": total}}

    def run(self, alive: Alive) -> None:
        """Make the database if that is due; raise StorageError and its kinds, and then there is none."""
        database, theirs = self._settings.database, self._settings.adopt_from
        if self._places.adopting.exists():
            self._clear()
        if theirs is None or begun(database):
            return

        def signing() -> None:
            alive()
            self._sign()

        try:
            filesystem.refuse_network(database)
            private.make_folder(self._places.adopting)
            self._sign()
            self._build(theirs, signing)
        except (NotFoundError, DatabaseForeignError, DatabaseCorruptError, AdoptionFailedError) as error:
            raise AdoptionFailedError(f"{theirs} can't be adopted: {error.message}; {_WITHOUT}") from error
        except OSError as error:
            raise errors.of_system(error, f"{self._places.adopting} can't be written") from error
        finally:
            self._source = None
            self._clear()

    def _build(self, theirs: Path, alive: Alive) -> None:
        folder = self._places.adopting
        made = folder / "memories.db"
        with sources.of_database(theirs, _model(self._settings), folder=folder, alive=alive) as source:
            self._source = source
            languages = self._settings.languages
            with (
                bulk.filling(made, alive, languages),
                closing(SqliteWriter(made, languages=languages, alive=alive)) as writer,
            ):
                _fill(writer, source, alive)
            report = source.report()
        if made.with_name(f"{made.name}-wal").exists():
            raise AdoptionFailedError("a part of the adopted database is still in its log; start again")
        durable.write(self._places.adoption, orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2))
        file_identity.begin(
            self._settings.database
        )  # a log that is left of a database that is gone must not meet this one
        durable.rename(made, self._settings.database)
        fields = report.to_json()
        counts = {name: fields[name] for name in ("source", "found", "outcome", "odd", "left_out", "seconds")}
        log.get().info("database_adopted", report=str(self._places.adoption), **counts)

    def _sign(self) -> None:
        """Let those who wait for the cluster see that somebody is at work."""
        now = time.monotonic()
        if now - self._signed >= _SIGN_S:
            self._signed = now
            with suppress(OSError):
                os.utime(self._places.adopting)

    def _clear(self) -> None:
        """Remove what an adoption leaves that was not finished."""
        shutil.rmtree(self._places.adopting, ignore_errors=True)


def _fill(writer: SqliteWriter, source: Source, alive: Alive) -> None:
    """Load all memories of the source; one request a transaction, as larger ones take longer in all."""
    for batch in source.batches():
        alive()
        ((_, outcome),) = writer.apply([_job(batch)], alive)
        if isinstance(outcome, MemmuxError):
            raise outcome
        answer = orjson.loads(outcome.frames[0])
        source.note(batch, Loaded(**{**answer, "problems": tuple(Problem(**one) for one in answer["problems"])}))


def _job(batch: Sequence[Line]) -> Job:
    return Job(
        id=uuid7(),
        operation=load.OPERATION,
        frames=(Load(memories=tuple(batch), adopt=True).to_body(),),
        key="",
        client=CLIENT,
        deadline=math.inf,
        attempt=1,
        degraded=(),
    )


def _model(settings: Settings) -> str | None:
    """Return what the cluster's model is called, if that can be the one that made their vectors."""
    if settings.embedder is EmbedderChoice.HASH:
        return None
    if settings.model.startswith("/"):
        from workers.embedding import sources as models  # only for a folder, whose name says little

        try:
            return models.find(settings).name
        except MemmuxError:
            return None
    return ids.model(settings.model)
