"""The replacement of a database by a file that was restored: done as a whole, whatever interrupts it.

SQLite applies `<database>-wal` to whatever stands at `<database>`, so the old log must be gone before the new file has
its name; and the old file must not be read without its log. Between the two the new file stands, whole and on the disk,
at `<database>.restored`: from then on it is the database, and whoever has the lock next finishes the replacement.
The caller of each function holds the lock of the database. Whatever fails is an OSError.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from memmux.files import durable

LOGS = ("-wal", "-journal")  # what beside a database may hold parts of it
_OF_THE_OLD = (*LOGS, "-shm", ".lineage")  # what beside a database belongs to that one file
_KEPT = ".before-restore-"


def restored(database: Path) -> Path:
    """Return the path of the file that shall take the place of the database; it is there only meanwhile."""
    return _beside(database, ".restored")


def taken(database: Path) -> Path | None:
    """Return what is in the way of a new database: a file of its name, or one beside it that is of another database."""
    return next((path for suffix in ("", *LOGS, "-shm") if os.path.lexists(path := _beside(database, suffix))), None)


def unfinished(database: Path) -> Path:
    """Return the path of what shall be the restored file, and is not whole; a process that was killed leaves it."""
    return _beside(database, ".restoring")


@contextmanager
def preparing(database: Path) -> Iterator[Path]:
    """Give the path of an empty file to fill with what shall be the database.

    Once the block has ended, `finish` has to be called. Until then a failure, and the end of the process, change
    nothing.
    """
    new = restored(database)
    try:
        with durable.building(new, partial=unfinished(database)) as partial:
            yield partial
    except BaseException:
        with suppress(OSError):  # it may have its name and not be on the disk, and is not to be found by the next start
            new.unlink()
            durable.flush(new.parent)
        raise


def finish(database: Path) -> Path | None:
    """Put the restored file in the place of the database; return the path under which the old one is kept.

    It may have been begun by a process that ended in any step of it. None if there is no restored file, or was no old
    one. If it can't be done, as where something is mounted there, all is as it was, and no restored file is left.
    """
    new = restored(database)
    if not new.exists():
        return None
    kept, done = _place(database, new)
    try:
        if database.exists() and not done:
            _keep(database, kept)
        for suffix in _OF_THE_OLD:
            _beside(database, suffix).unlink(missing_ok=True)
        durable.flush(database.parent)
        durable.rename(new, database)
    except OSError:
        if new.exists():
            _undo(database, kept)
            raise
        # The name alone is not on the disk yet; if the power takes it back, the next start gives it again.
    return kept if kept.exists() else None


def _place(database: Path, new: Path) -> tuple[Path, bool]:
    """Return the path under which the database is to be kept, and whether it is there already, with its logs.

    Its name is by the time of the restored file, so that whoever goes on finds it.
    """
    moment = datetime.fromtimestamp(new.stat().st_mtime, UTC).strftime("%Y%m%dT%H%M%SZ")
    path, number = _beside(database, f"{_KEPT}{moment}"), 1
    while path.exists():
        if not database.exists() or _same(path, database):
            return path, True
        number += 1  # of another restore in that second; or somebody has put another file there meanwhile
        path = _beside(database, f"{_KEPT}{moment}-{number}")
    return path, False


def _same(kept: Path, database: Path) -> bool:
    """Return whether that is the database under a second name, or a copy of it."""
    one, other = kept.stat(), database.stat()
    return os.path.samestat(one, other) or (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _keep(database: Path, kept: Path) -> None:
    """Give the database and its logs, which hold its latest changes, another name; the database last."""
    for suffix in (*LOGS, ""):
        old, new = _beside(database, suffix), _beside(kept, suffix)
        new.unlink(missing_ok=True)
        if not suffix or (old.exists() and old.stat().st_size):
            _give_name(old, new)
    durable.flush(database.parent)


def _undo(database: Path, kept: Path) -> None:
    """Let the old database have its log again, and forget the restored file and what was kept, in this order."""
    for suffix in LOGS:
        log = _beside(kept, suffix)
        if kept.exists() and log.exists() and not _beside(database, suffix).exists():
            _give_name(log, _beside(database, suffix))
    durable.flush(database.parent)
    restored(database).unlink(missing_ok=True)
    durable.flush(database.parent)
    for suffix in ("", *LOGS):
        _beside(kept, suffix).unlink(missing_ok=True)


def _give_name(old: Path, new: Path) -> None:
    """Let a file go by another name as well; or make a copy of that name, which is there when it is whole."""
    try:
        os.link(old, new)
    except OSError:  # a file system without links, or a file that is mounted
        with durable.building(new, partial=_beside(new, durable.PARTIAL)) as copy:
            shutil.copyfile(old, copy)
            shutil.copystat(old, copy)


def _beside(database: Path, suffix: str) -> Path:
    return database.with_name(f"{database.name}{suffix}")
