"""The repair: builds everything that is made of the rows anew from them, and drops the vectors that can't be right."""

from __future__ import annotations

from memmux.wire.answers import Rebuilt
from workers.runtime.jobs import Alive, Job
from workers.storage import queries
from workers.storage.postgres import words
from workers.storage.postgres.writer_connection import WriterConnection
from workers.storage.records import fulltext, invariants
from workers.storage.writing.memory_table import MemoryTable
from workers.words import version

OPERATION = "admin.rebuild"

_SQL = queries.load("checks")


def number(connection: WriterConnection) -> None:
    """See to the row from which transactions number what is new; before one begins, as it locks that row."""
    for query in ("make_counters", "unite_counters", "raise_counters"):
        connection.execute(_SQL[query])


def rebuild(memory_table: MemoryTable, job: Job, alive: Alive) -> Rebuilt:
    """Rebuild inside a transaction.

    Memories whose vectors are dropped get an entry in the change log, from which readers learn of it.
    """
    connection = memory_table.connection
    dropped = invariants.mend(connection, alive)
    connection.execute(_SQL["forget_later_answers"])
    for row, memory_id in invariants.ids(connection, sorted(dropped)):
        memory_table.log(job, memory_table.at(), row, memory_id, before=None, operation=OPERATION)
    texts = words.fill(connection, version.languages_of(fulltext.written(connection)), alive)
    return Rebuilt(texts=texts, vectors=invariants.count(connection), dropped=len(dropped))
