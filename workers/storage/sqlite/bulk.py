"""Bulk: a new database is filled without its full-text index, which is built at the end.

A statement that may have to be undone makes the index write out what it has so far, so memory by memory it would take
longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from workers.runtime.jobs import Alive
from workers.storage.sqlite import engine, fulltext, migrate, queries

_SQL = queries.load("bulk")


@contextmanager
def filling(database: Path, alive: Alive, languages: Sequence[str] = ()) -> Iterator[None]:
    """Make a database that nobody else knows yet; what the block puts into it is indexed afterwards.

    languages: whose stems are added to the words of memories.
    Whatever interrupts this leaves a database that must not be used.
    """

    def working() -> bool:
        alive()
        return False

    migrate.prepare(database, languages=languages, alive=alive)
    with closing(engine.connect(database)) as connection, engine.errors(connection):
        triggers = engine.fetch(connection, _SQL["triggers"])
        for name, _ in triggers:
            connection.execute(_SQL["drop"].format(name=name))
    yield
    with closing(engine.connect(database)) as connection, engine.errors(connection):
        connection.set_progress_handler(working, engine.PROGRESS_STEPS)
        connection.execute("BEGIN IMMEDIATE")
        fulltext.fill(connection, languages, alive)
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
