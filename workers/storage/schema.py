"""The schema: whose file it is, which version it has, and how an older one is brought forward, by the writer alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import apsw

from memmux import logs
from memmux.errors import (
    DatabaseForeignError,
    DatabaseNewerError,
    StorageError,
    StoragePermissionError,
)
from memmux.settings import Settings
from workers.jobs import Alive, silent
from workers.storage import backup, engine
from workers.storage.queries import FOLDER
from workers.storage.shelf import Shelf

APPLICATION_ID = 0x6D6D7578  # "mmux"
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100  # of the file format, https://www.sqlite.org/fileformat2.html#the_database_header
_APPLICATION_ID_AT = 68  # offset in the header, 4 bytes, big-endian

Migrations = Mapping[int, str]


def migrations() -> Migrations:
    """Return the scripts `sql/NNNN_*.sql` by the version that each leads to."""
    return {int(path.name[:4]): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]*_*.sql"))}


def refuse_foreign(database: Path) -> None:
    """Raise DatabaseForeignError unless the file is missing, empty, or ours.

    The header is read as bytes: SQLite, given a foreign database, could already checkpoint or roll back in it.
    """
    try:
        with database.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoragePermissionError(f"{database} can't be read: {error.strerror}") from None
    ours = header.startswith(_MAGIC) and header[_APPLICATION_ID_AT:][:4] == APPLICATION_ID.to_bytes(4, "big")
    if header and not ours:
        raise DatabaseForeignError(
            f"{database} is not a memmux database; name another with MEMMUX_DATABASE. The file was not changed"
        )


def refuse_newer(database: Path, scripts: Migrations) -> int:
    """Return the version of an existing database of ours; raise DatabaseNewerError if a later memmux wrote it."""
    # A connection that could write would checkpoint the log when it closes. Only a transaction that a crash left
    # half-way needs one: it must be rolled back before anything can be read.
    interrupted = database.with_name(f"{database.name}-journal").exists()
    connection = engine.connect(database) if interrupted else engine.open_reader(database)
    try:
        with engine.errors():
            found = int(connection.pragma("user_version"))
    finally:
        connection.close()
    if found > max(scripts):
        raise DatabaseNewerError(
            f"{database} has schema {found}, this memmux knows {max(scripts)}; upgrade it. The file was not changed"
        )
    return found


def prepare(
    database: Path, scripts: Migrations | None = None, shelf: Shelf | None = None, alive: Alive = silent
) -> None:
    """Make `database`, or bring it to the newest version; a backup of an older one is put on the `shelf` first.

    Raises StorageError and its kinds; a file that is not ours, or newer, is left byte for byte as it was.
    """
    scripts = migrations() if scripts is None else scripts
    refuse_foreign(database)
    version = 0
    if _is_empty(database):
        _create(database)
    else:
        version = refuse_newer(database, scripts)
    steps = {step: script for step, script in sorted(scripts.items()) if step > version}
    if not steps:
        return
    if version:
        saved = backup.save(database, shelf or Shelf.of(Settings(database=database)), proceed=alive)
        logs.get().info("database_saved", version=version, backup=saved.path)
    _migrate(database, steps, alive)
    logs.get().info("database_migrated", before=version, after=max(steps))


def _migrate(database: Path, steps: Migrations, alive: Alive) -> None:
    """Apply `steps` in one transaction, in whatever journal mode the file has.

    A new file is still in rollback mode, so its application id is in the file itself, never in a log beside it that
    a look at the header would miss.
    """

    def working() -> bool:
        alive()
        return False

    connection = engine.connect(database)
    try:
        with engine.errors():
            connection.set_busy_timeout(engine.BUSY_MS)
            connection.set_progress_handler(working, engine.PROGRESS_STEPS)
            engine.load_vectors(connection)
            connection.execute("BEGIN IMMEDIATE")
            for step, script in steps.items():
                connection.execute(script)
                connection.pragma("user_version", step)
            connection.pragma("application_id", APPLICATION_ID)
            connection.execute("COMMIT")
    except apsw.Error as error:
        raise StorageError(f"{database} could not be migrated and was left as it was: {error}") from error
    finally:
        connection.close()  # rolls back what was not committed


def _is_empty(database: Path) -> bool:
    try:
        return database.stat().st_size == 0
    except FileNotFoundError:
        return True


def _create(database: Path) -> None:
    """Make an empty file that only its owner can read; SQLite gives the files beside it the same mode."""
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(database, os.O_CREAT | os.O_RDWR, 0o600))
        backup.sync(database.parent)
    except OSError as error:
        raise StoragePermissionError(
            f"{database} can't be made: {error.strerror}; give yourself write permission, or name another place "
            "with MEMMUX_DATABASE"
        ) from None
