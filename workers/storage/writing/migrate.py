"""Migration: a database is made, or brought to the newest version, by the writer alone."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import apsw

from memmux.config.database_header import APPLICATION_ID, refuse_foreign
from memmux.config.settings import Settings
from memmux.errors import (
    StorageError,
    StoragePermissionError,
)
from memmux.files import durable, private
from memmux.logs import log
from workers.runtime.jobs import Alive, silent
from workers.storage.backups import backup
from workers.storage.backups.folder import BackupFolder
from workers.storage.db import engine, schema_objects
from workers.storage.db.schema import Migrations, migrations, refuse_newer


def prepare(
    database: Path, scripts: Migrations | None = None, backup_folder: BackupFolder | None = None, alive: Alive = silent
) -> None:
    """Make `database`, or bring it to the newest version; a backup of an older one is put into `backup_folder` first.

    Raises StorageError and its kinds; a file that is not ours, or newer, is left byte for byte as it was.
    """
    scripts = migrations() if scripts is None else scripts
    refuse_foreign(database)
    version = 0
    if _is_empty(database):
        _create(database)
    else:
        version = refuse_newer(database, scripts)
        _refuse_altered(database)
    steps = {step: script for step, script in sorted(scripts.items()) if step > version}
    if not steps:
        return
    if version:
        saved = backup.save(database, backup_folder or BackupFolder.of(Settings(database=database)), proceed=alive)
        log.get().info("database_saved", version=version, backup=saved.path)
    _migrate(database, steps, alive)
    log.get().info("database_migrated", before=version, after=max(steps))


def _refuse_altered(database: Path) -> None:
    """Raise DatabaseAlteredError before a trigger of somebody else's can do anything."""
    with engine.errors(), closing(engine.open_reader(database)) as reader:
        schema_objects.refuse_altered(reader, database)


def _migrate(database: Path, steps: Migrations, alive: Alive) -> None:
    """Apply `steps` in one transaction, in whatever journal mode the file has; a row that one selects is run next.

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
            connection.pragma("foreign_keys", 1)
            connection.execute("BEGIN IMMEDIATE")
            for step, script in steps.items():
                for (statement,) in connection.execute(script).fetchall():
                    connection.execute(str(statement))
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
        private.make_folder(database.parent)
        os.close(os.open(database, os.O_CREAT | os.O_RDWR, private.FILE))
        durable.flush(database.parent)
    except OSError as error:
        raise StoragePermissionError(
            f"{database} can't be made: {error.strerror}; give yourself write permission, or name another place "
            "with MEMMUX_DATABASE"
        ) from None
