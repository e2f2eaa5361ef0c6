"""Migration: a database is made, or brought to the newest version, by the writer alone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
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
from workers.storage.sqlite import engine, fulltext, schema_objects
from workers.storage.sqlite.backups import backup
from workers.storage.sqlite.backups.folder import BackupFolder
from workers.storage.sqlite.schema import Migrations, migrations, refuse_newer
from workers.words import version

_WORDS = 4  # the version of the schema from which on full text is made of `words`
_TELL_S = 1.0  # between two lines in the log on how far full text is


def prepare(
    database: Path,
    scripts: Migrations | None = None,
    backup_folder: BackupFolder | None = None,
    alive: Alive = silent,
    languages: Sequence[str] = (),
) -> None:
    """Make `database`, or bring it to the newest version; a backup of an older one is put into `backup_folder` first.

    Full text is made anew where its words are not those of this memmux. languages: whose stems are added to them.
    Raises StorageError and its kinds; a file that is not ours, or newer, is left byte for byte as it was.
    """
    scripts = migrations() if scripts is None else scripts
    refuse_foreign(database)
    before = 0
    if _is_empty(database):
        _create(database)
    else:
        before = refuse_newer(database, scripts)
        _refuse_altered(database)
    steps = {step: script for step, script in sorted(scripts.items()) if step > before}
    if steps:
        if before:
            saved = backup.save(database, backup_folder or BackupFolder.of(Settings(database=database)), proceed=alive)
            log.get().info("database_saved", version=before, backup=saved.path)
        _migrate(database, steps, alive)
        log.get().info("database_migrated", before=before, after=max(steps))
    if max(scripts) >= _WORDS:
        _fill_texts(database, languages, alive)


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
            connection.pragma("secure_delete", 1)  # of a table that is dropped nothing stays for a purge to miss
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


def _fill_texts(database: Path, languages: Sequence[str], alive: Alive) -> None:
    """Make full text anew, in one transaction, unless it has the words that memories have now."""
    wanted = version.version(languages)
    with engine.errors(), closing(engine.open_reader(database)) as reader:
        if fulltext.written(reader) == wanted:
            return
        memories, former = fulltext.memories(reader), fulltext.written(reader)
    began = told = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_S:
            told = time.monotonic()
            log.get().info("words_indexing", done=done, memories=memories)

    with engine.errors(), closing(engine.connect(database)) as connection:
        connection.set_busy_timeout(engine.BUSY_MS)
        connection.pragma("secure_delete", 1)
        connection.execute("BEGIN IMMEDIATE")
        count = fulltext.fill(connection, languages, alive, tell)
        connection.execute("COMMIT")
    if count:
        seconds = round(time.monotonic() - began, 3)
        log.get().info("words_indexed", memories=count, before=former, now=wanted, seconds=seconds)


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
