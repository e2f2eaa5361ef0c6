"""The schema: whose file it is, which version it has, and how an older one is brought forward, by the writer alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import apsw

from memmux.errors import DatabaseNewerError
from workers.storage.sqlite import engine
from workers.storage.sqlite.queries import FOLDER

Migrations = Mapping[int, str]


def migrations() -> Migrations:
    """Return the scripts `sql/NNNN_*.sql` by the version that each leads to."""
    return {int(path.name[:4]): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]*_*.sql"))}


def refuse_newer(database: Path, scripts: Migrations) -> int:
    """Return the version of an existing database of ours; raise DatabaseNewerError if a later memmux wrote it."""
    # A connection that could write would checkpoint the log when it closes. Only a transaction that a crash left
    # half-way needs one: it must be rolled back before anything can be read.
    interrupted = database.with_name(f"{database.name}-journal").exists()
    connection = engine.connect(database) if interrupted else engine.open_reader(database)
    try:
        return refuse_newer_version(connection, database, scripts)
    finally:
        connection.close()


def refuse_newer_version(connection: apsw.Connection, database: Path, scripts: Migrations) -> int:
    """Return the version of a database that is open; raise DatabaseNewerError if a later memmux wrote it."""
    with engine.errors():
        found = int(connection.pragma("user_version"))
    if found > max(scripts):
        raise DatabaseNewerError(
            f"{database} has schema {found}, this memmux knows {max(scripts)}; upgrade it. The file was not changed"
        )
    return found
