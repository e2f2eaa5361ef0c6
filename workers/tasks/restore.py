"""The restore, as a task: `python -P -m workers restore FILE|--newest FLAGS…` puts a backup in the database's place.

No cluster may run, and none can start meanwhile: the restore holds the lock that routers hold. The old file is kept,
with its log, under another name. At no moment is there a new file beside an old log, which SQLite would apply to it.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from memmux.config import database_header
from memmux.config.paths import Places, open_lock
from memmux.config.settings import Settings
from memmux.errors import (
    BackupFailedError,
    DatabaseCorruptError,
    DatabaseInUseError,
    DatabaseNewerError,
    MemmuxError,
    NotFoundError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
)
from memmux.files import durable
from memmux.logs import log
from workers.storage.backups import backup
from workers.storage.backups.backup import Contents
from workers.storage.backups.folder import BackupFolder
from workers.storage.db import file_identity, schema

NEWEST = "--newest"
_LOGS = ("-wal", "-journal")  # what beside a database may hold parts of it


def run(settings: Settings, arguments: Sequence[str]) -> dict[str, object]:
    """Restore the backup that the arguments name; return what was done.

    Raises DatabaseInUseError while a cluster runs, and StorageError and its kinds; then nothing was changed.
    """
    began = time.monotonic()
    places = Places(settings)
    with _locked(places):
        passed: list[str] = []
        if list(arguments) == [NEWEST]:
            source, contents = _newest(BackupFolder.of(settings), passed)
        else:
            source = Path(arguments[0])
            contents = _checked(source, places.database)
        kept = _put(source, places.database)
    log.get().info("database_restored", backup=str(source), kept=kept, seq=contents.seq)
    return {
        "database": str(places.database),
        "restored": str(source),
        "kept": kept,
        "passed_over": passed,
        "memories": contents.memories,
        "seq": contents.seq,
        "seconds": round(time.monotonic() - began, 3),
    }


@contextmanager
def _locked(places: Places) -> Iterator[None]:
    """Hold the database's lock; raise DatabaseInUseError if a cluster has it."""
    with open_lock(places.lock) as lock:
        if not lock.take():
            raise DatabaseInUseError(f"a cluster serves {places.database}; stop it with `memmux stop`, then restore")
        yield


def _newest(backup_folder: BackupFolder, passed: list[str]) -> tuple[Path, Contents]:
    """Return the newest good backup; those that are not good are added to `passed`."""
    for kept in backup_folder.kept():
        try:
            return kept.path, _checked(kept.path, None)
        except StorageError as error:
            log.get().warning("backup_passed_over", backup=str(kept.path), code=error.code, error=error.message)
            passed.append(str(kept.path))
    if passed:
        raise DatabaseCorruptError(
            f"none of the {len(passed)} backups in {backup_folder.folder} is good; restore another file"
        )
    raise NotFoundError(f"there is no backup in {backup_folder.folder}; name the file to restore")


def _checked(source: Path, database: Path | None) -> Contents:
    """Return what the backup holds; raise if it is not a whole database of ours."""
    if not source.is_file():
        raise NotFoundError(f"there is no file {source}; `memmux restore --newest` looks for the newest backup")
    if database is not None and database.exists() and source.samefile(database):
        raise BackupFailedError(f"{source} is the database itself; name a backup of it")
    for suffix in _LOGS:
        wal = source.with_name(source.name + suffix)
        if wal.exists() and wal.stat().st_size:
            raise BackupFailedError(f"{source} is not a finished copy: a part of it is in {wal.name}")
    database_header.refuse_foreign(source)
    contents = backup.verify(source)
    newest = max(schema.migrations())
    if contents.version > newest:
        raise DatabaseNewerError(f"{source} has schema {contents.version}, this memmux knows {newest}; upgrade it")
    return contents


def _put(source: Path, database: Path) -> str | None:
    """Put a copy of `source` in the place of `database`; return what the old file is called now."""
    partial = database.with_name(f"{database.name}.restoring")
    try:
        with durable.building(database, partial=partial):
            with partial.open("r+b") as copy, source.open("rb") as whole:
                shutil.copyfileobj(whole, copy, 1 << 20)
            durable.flush(partial)  # before anything is removed, as there may be no room for all of it
            if (found := backup.verify(partial)) != (wanted := backup.verify(source)):
                raise BackupFailedError(f"the copy of {source} holds {found} and not {wanted}; nothing was changed")
            kept = _keep(database)
            # The logs first: a new file beside an old log would be read as if the log were its own.
            for suffix in (*_LOGS, "-shm"):
                database.with_name(database.name + suffix).unlink(missing_ok=True)
            file_identity.end(database)
            durable.flush(database.parent)
    except OSError as error:
        cls: type[MemmuxError] = StorageFullError if error.errno == errno.ENOSPC else StoragePermissionError
        raise cls(f"{database} could not be replaced: {error.strerror}") from error
    return kept


def _keep(database: Path) -> str | None:
    """Give the old file and its logs, which hold its latest changes, a second name; return it, None if there is none.

    Whatever interrupts the restore from here on, all of the old database is under that name.
    """
    if not database.exists():
        return None
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = database.with_name(f"{database.name}.before-restore-{moment}")
    number = 1
    while kept.exists():
        number += 1
        kept = database.with_name(f"{database.name}.before-restore-{moment}-{number}")
    for suffix in ("", *_LOGS):
        old, new = (path.with_name(path.name + suffix) for path in (database, kept))
        if old.exists() and (not suffix or old.stat().st_size):
            try:
                os.link(old, new)
            except OSError:  # a file system without links
                shutil.copy2(old, new)
                durable.flush(new)
    durable.flush(database.parent)
    return str(kept)
