"""The restore, as a task: `python -P -m workers restore FILE|--newest FLAGS…` puts a backup in the database's place.

No cluster may run, and none can start meanwhile: the restore holds the lock that routers hold. The old file is kept,
with its log, under another name. What is interrupted leaves the old database or is finished by the next start.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from memmux.config import database_header
from memmux.config.paths import Places, open_lock
from memmux.config.settings import Settings
from memmux.errors import (
    BackupFailedError,
    DatabaseCorruptError,
    DatabaseInUseError,
    DatabaseNewerError,
    NotFoundError,
    StorageError,
)
from memmux.files import replacement
from memmux.logs import log
from workers.storage.sqlite import schema
from workers.storage.sqlite.backups import backup, restoring
from workers.storage.sqlite.backups.backup import Contents
from workers.storage.sqlite.backups.folder import BackupFolder

NEWEST = "--newest"


def run(settings: Settings, arguments: Sequence[str]) -> dict[str, object]:
    """Restore the backup that the arguments name; return what was done.

    Raises DatabaseInUseError while a cluster runs, and StorageError and its kinds; then nothing was changed.
    """
    began = time.monotonic()
    places = Places(settings)
    passed: list[str] = []
    # Before the lock: where there is nothing to restore, none is left behind.
    if list(arguments) == [NEWEST]:
        source, contents = _newest(BackupFolder.of(settings), passed)
    else:
        source = Path(arguments[0])
        contents = _checked(source, places.database)
    with _locked(places):
        restoring.finish(places.database)  # what another restore began
        kept = restoring.put(source, places.database)
    log.get().info("database_restored", backup=str(source), kept=str(kept) if kept else None, seq=contents.seq)
    return {
        "database": str(places.database),
        "restored": str(source),
        "kept": str(kept) if kept else None,
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
    for kept in backup_folder.kept(time.time()):
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
    for suffix in replacement.LOGS:
        wal = source.with_name(source.name + suffix)
        if wal.exists() and wal.stat().st_size:
            raise BackupFailedError(f"{source} is not a finished copy: a part of it is in {wal.name}")
    database_header.refuse_foreign(source)
    contents = backup.verify(source)
    newest = max(schema.migrations())
    if contents.version > newest:
        raise DatabaseNewerError(f"{source} has schema {contents.version}, this memmux knows {newest}; upgrade it")
    return contents
