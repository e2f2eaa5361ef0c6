"""The backup: a copy of the database as of one moment, made while others write, and checked before it counts.

The copy is made page by page through SQLite's backup API (https://www.sqlite.org/backup.html) from a connection of its
own that holds one snapshot, so that what is written meanwhile neither waits for it nor makes it begin anew.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from memmux.errors import FULL, BackupFailedError, DatabaseCorruptError, StorageFullError
from memmux.files import durable
from memmux.wire.answers import Backup
from workers.storage.sqlite import engine, queries, schema_objects
from workers.storage.sqlite.backups.folder import BackupFolder

Proceed = Callable[[], None]
"""Called often while something runs; raises the MemmuxError that shall end it."""

_SQL = queries.load("backup")
_STEP_PAGES = 256  # copied between two looks whether to go on: a few milliseconds
_RESERVE_BYTES = 16 << 20  # that a backup leaves free, for the database goes on growing


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a good backup.

    version: of its schema. memories: how many live ones. seq: the last change.
    """

    version: int
    memories: int
    seq: int


def _on() -> None:
    """Go on: nothing ends this."""


def save(
    database: Path, backup_folder: BackupFolder, *, now: Callable[[], float] = time.time, proceed: Proceed = _on
) -> Backup:
    """Put a backup of `database` into its folder and return it.

    now: seconds since 1970. Raises BackupFailedError, StorageFullError, DatabaseCorruptError, or what `proceed` raises;
    then there is no backup, and nothing is left of it.
    """
    began = time.monotonic()
    backup_folder.make()
    backup_folder.tidy()
    with closing(engine.open_reader(database)) as source:
        with engine.errors():
            source.execute("BEGIN")
            wanted = _contents(source)  # the first look is what pins the snapshot
        target = backup_folder.place(now(), wanted.seq)
        partial = target.with_name(target.name + durable.PARTIAL)
        with _failures(backup_folder.folder):
            _check_room(source, backup_folder.folder)
            with durable.building(target, partial=partial):
                _copy(source, partial, proceed)
                if (found := verify(partial, proceed)) != wanted:
                    raise BackupFailedError(f"the backup holds {found}, and the database {wanted}")
                size = partial.stat().st_size
    seconds = round(time.monotonic() - began, 3)
    return Backup(path=str(target), bytes=size, memories=found.memories, seq=found.seq, seconds=seconds)


def verify(path: Path, proceed: Proceed = _on) -> Contents:
    """Check every page of a backup and return what it holds; raise DatabaseCorruptError if it is damaged.

    Raises DatabaseAlteredError if it has triggers, views or tables that memmux did not make.
    The file is opened as one that nobody writes: nothing appears beside it.
    """

    def working() -> bool:
        proceed()
        return False

    with engine.errors(), closing(engine.open_still(path)) as copy:
        copy.set_progress_handler(working, engine.PROGRESS_STEPS)
        try:
            schema_objects.refuse_altered(copy, path)
        except apsw.SQLError as error:
            raise DatabaseCorruptError(f"{path} is not whole: {error}; restore another backup") from error
        verdict = str(copy.pragma("quick_check"))
        if verdict != "ok":
            raise DatabaseCorruptError(f"{path} is damaged: {verdict}; restore another backup")
        try:
            return _contents(copy)
        except apsw.SQLError as error:
            raise DatabaseCorruptError(f"{path} is not whole: {error}; restore another backup") from error


def _contents(connection: apsw.Connection) -> Contents:
    ((version, memories, seq),) = engine.fetch(connection, _SQL["contents"])
    return Contents(version, memories, seq)


def _check_room(source: apsw.Connection, folder: Path) -> None:
    """Raise StorageFullError unless the copy fits, and leaves the database room to grow."""
    needed, free = engine.value(source, _SQL["size"]) + _RESERVE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise StorageFullError(
            f"a backup in {folder} needs {needed >> 20} MiB and there are {free >> 20}; "
            "free some space, or name another folder"
        )


def _copy(source: apsw.Connection, partial: Path, proceed: Proceed) -> None:
    """Copy the snapshot of `source` into an empty file."""
    with closing(engine.connect(partial)) as copy:
        copy.pragma("synchronous", 0)  # the file is synced once, at the end
        with copy.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(_STEP_PAGES)
                proceed()
        # So that whoever opens the backup, with whatever program, makes no files beside it.
        copy.pragma("journal_mode", "delete")


@contextmanager
def _failures(folder: Path) -> Iterator[None]:
    """Raise what keeps a backup from being made as BackupFailedError, or as what it is: damage, or a full disk."""
    try:
        yield
    except (DatabaseCorruptError, apsw.CorruptError, apsw.NotADBError) as error:
        # The copy is made of the database's own pages.
        raise DatabaseCorruptError(
            f"the database is damaged, so no backup was kept ({error}); run `memmux check`"
        ) from error
    except (OSError, apsw.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        full = isinstance(error, apsw.FullError) or getattr(error, "errno", None) in FULL
        raise (StorageFullError if full else BackupFailedError)(
            f"no backup could be made in {folder} ({reason}); free some space, or name another folder"
        ) from error
