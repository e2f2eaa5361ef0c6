"""The repair: builds every view anew from the rows, and drops the vectors that can't be right."""

from __future__ import annotations

from memmux.wire.answers import Rebuilt
from workers.runtime.jobs import Alive, Job
from workers.storage import queries
from workers.storage.postgres import words
from workers.storage.records import fulltext
from workers.storage.writing.memory_table import MemoryTable
from workers.words import version

OPERATION = "admin.rebuild"

_SQL = queries.load("repair")


def rebuild(memory_table: MemoryTable, job: Job, alive: Alive) -> Rebuilt:
    """Rebuild the views inside a transaction.

    Memories whose vectors are dropped get an entry in the change log, from which readers learn of it.
    """
    connection = memory_table.connection
    dropped = connection.fetch(_SQL["wrong_vectors"])
    for row, memory_id in dropped:
        memory_table.vectors.remove(row)
        memory_table.log(job, memory_table.at(), row, memory_id, before=None, operation=OPERATION)
    texts = words.fill(connection, version.languages_of(fulltext.written(connection)), alive)
    for query in ("count_memories", "count_vectors"):
        connection.execute(_SQL[query])
    if connection.value(_SQL["current_missing"]):
        connection.execute(_SQL["choose_current"])
    return Rebuilt(texts=texts, vectors=int(connection.value(_SQL["vectors_counted"])), dropped=len(dropped))
