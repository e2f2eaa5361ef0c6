"""The repair: builds every view anew from the rows, and drops what the rows contradict."""

from __future__ import annotations

import apsw

from memmux.wire.answers import Rebuilt
from workers.runtime.jobs import Alive, Job
from workers.storage.records import invariants
from workers.storage.sqlite import engine, fulltext, queries, vector_checks
from workers.storage.sqlite.connection import SqliteConnection
from workers.storage.sqlite.vec0 import table
from workers.words import version

OPERATION = "admin.rebuild"

_SQL = queries.load("check")
_LOG = queries.load("writer")["insert_change"]
_MAKE = queries.load("vec0")["make_table"]


def rebuild(connection: apsw.Connection, job: Job, at: float, alive: Alive) -> Rebuilt:
    """Rebuild the views inside the transaction that `connection` is in.

    Memories whose vectors are dropped get an entry in the change log, from which readers learn of it.
    """
    connection.execute("REINDEX")
    kept = SqliteConnection(connection)
    dropped = invariants.mend(kept, alive)
    texts = fulltext.fill(connection, version.languages_of(fulltext.written(connection)), alive)
    _fill_tables(connection, alive)
    vectors = invariants.count(kept)
    for row, memory in invariants.ids(kept, sorted(dropped)):
        change = {"at": at, "operation": OPERATION, "memory": memory, "row": row, "before": None}
        connection.execute(_LOG, {**change, "client": job.client, "request": job.id})
    return Rebuilt(texts=texts, vectors=vectors, dropped=len(dropped))


def _fill_tables(connection: apsw.Connection, alive: Alive) -> None:
    """Make the vec0 table of every model anew."""
    for name in vector_checks.searchables(connection):
        connection.execute(_SQL["drop"].format(table=name))
    for model, _, dimensions in engine.fetch(connection, _SQL["models"]):
        alive()
        connection.execute(_MAKE.format(table=table(model), dimensions=dimensions))
        connection.execute(_SQL["fill"].format(table=table(model)), {"model": model})
