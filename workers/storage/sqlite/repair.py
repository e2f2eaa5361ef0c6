"""The repair: builds every view anew from the rows, and drops what the rows contradict."""

from __future__ import annotations

import apsw
import orjson

from memmux.wire.answers import Rebuilt
from workers.runtime.jobs import Alive, Job
from workers.storage.records.filters import normal
from workers.storage.sqlite import engine, fulltext, queries, vector_checks
from workers.storage.sqlite.vec0 import table
from workers.words import version

OPERATION = "admin.rebuild"

_ORPHANS = ("forget_uses", "forget_aliases", "forget_origins", "forget_links", "forget_counts", "forget_audits")

_SQL = queries.load("check")
_LOG = queries.load("writer")["insert_change"]
_MAKE = queries.load("vec0")["make_table"]


def rebuild(connection: apsw.Connection, job: Job, at: float, alive: Alive) -> Rebuilt:
    """Rebuild the views inside the transaction that `connection` is in.

    Memories whose vectors are dropped get an entry in the change log, from which readers learn of it.
    """
    connection.execute("REINDEX")
    for query in _ORPHANS:
        connection.execute(_SQL[query])
    _name_tags(connection)
    dropped = _drop_vectors(connection)
    texts = fulltext.fill(connection, version.languages_of(fulltext.written(connection)), alive)
    vectors = _fill_tables(connection, alive)
    for query in ("count_memories", "count_vectors"):
        connection.execute(_SQL[query])
    if engine.value(connection, _SQL["current_missing"]):
        connection.execute(_SQL["choose_current"])
    for row, memory in engine.fetch(connection, _SQL["ids"], {"rows": orjson.dumps(sorted(dropped)).decode()}):
        change = {"at": at, "operation": OPERATION, "memory": memory, "row": row, "before": None}
        connection.execute(_LOG, {**change, "client": job.client, "request": job.id})
    return Rebuilt(texts=texts, vectors=vectors, dropped=len(dropped))


def _name_tags(connection: apsw.Connection) -> None:
    """Let tags go by the names that their spellings have."""
    insert = queries.load("writer")["insert_tag"]
    for memory, tag, position, spelling, name in engine.fetch(connection, _SQL["uses"]):
        if (right := normal(spelling)) != name:
            connection.execute(_SQL["forget_use"], {"memory": memory, "tag": tag})
            connection.execute(insert, {"name": right})
            use = {"memory": memory, "position": position, "spelling": spelling, "name": right}
            connection.execute(_SQL["use"], use)


def _drop_vectors(connection: apsw.Connection) -> set[int]:
    """Drop the vectors that can't be right; return the rows of their memories."""
    found = list(vector_checks.problems(connection))
    for problem in found:
        connection.execute(_SQL["forget_vectors"], {"memory": problem.row, "model": problem.model})
    return {problem.row for problem in found}


def _fill_tables(connection: apsw.Connection, alive: Alive) -> int:
    """Make the vec0 table of every model anew; return how many vectors are in them."""
    for name in vector_checks.searchables(connection):
        connection.execute(_SQL["drop"].format(table=name))
    for model, _, dimensions in engine.fetch(connection, _SQL["models"]):
        alive()
        connection.execute(_MAKE.format(table=table(model), dimensions=dimensions))
        connection.execute(_SQL["fill"].format(table=table(model)), {"model": model})
    return int(engine.value(connection, _SQL["vectors_counted"]))
