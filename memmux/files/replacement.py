"""The replacement of a database by a file that was restored: done as a whole, whatever interrupts it.

SQLite applies `<database>-wal` to whatever stands at `<database>`, so the old log must be gone before the new file has
its name; and the old file must not be read without its log. Between the two the new file stands, whole and on the disk,
at `<database>.restored`: from then on it is the database, and whoever has the lock next finishes the replacement.
The caller of each function holds the lock of the database. Whatever fails is an OSError.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from memmux.files import durable

LOGS = ("-wal", "-journal")  # what beside a database may hold parts of it
_OF_THE_OLD = (*LOGS, "-shm", ".lineage")  # what beside a database belongs to that one file
_KEPT = ".before-restore-"


def restored(database: Path) -> Path:
    """Return the path of the file that shall take the place of the database; it is there only meanwhile."""
    return _beside(database, ".restored")


@contextmanager
def preparing(database: Path) -> Iterator[Path]:
    """Give the path of an empty file to fill with what shall be the database, which is kept when the block ends.

    Then `finish` has to be called. Until then a failure, and the end of the process, leave all as it was.
    """
    with durable.building(restored(database), partial=_beside(database, ".restoring")) as partial:
        yield partial
        durable.flush(partial)  # before anything else is made, as there may be no room for all of it
        _keep(database)


def finish(database: Path) -> Path | None:
    """Put the restored file in the place of the database; return the path under which the old one is kept.

    It may have been begun by a process that ended in any step of it. None if there is no restored file, or was no old
    one.
    """
    new = restored(database)
    if not new.exists():
        return None
    # Somebody may have put another file there meanwhile.
    kept = next(_kept(database), None) or _keep(database)
    for suffix in _OF_THE_OLD:
        _beside(database, suffix).unlink(missing_ok=True)
    durable.flush(database.parent)
    durable.rename(new, database)
    return kept


def _keep(database: Path) -> Path | None:
    """Give the database and its logs, which hold its latest changes, a second name; return it, if there is one."""
    if not database.exists():
        return None
    for left in list(_kept(database)):  # by a process that ended here: its log may be an older one
        for suffix in (*LOGS, ""):
            _beside(left, suffix).unlink(missing_ok=True)
    path = _free(database)
    for suffix in ("", *LOGS):
        old, new = _beside(database, suffix), _beside(path, suffix)
        if not suffix or (old.exists() and old.stat().st_size):
            try:
                os.link(old, new)
            except OSError:  # a file system without links
                shutil.copy2(old, new)
                durable.flush(new)
    durable.flush(database.parent)
    return path


def _kept(database: Path) -> Iterator[Path]:
    """Yield the second names of the very file that is the database now."""
    for path in database.parent.glob(f"{glob.escape(database.name)}{_KEPT}*"):
        if not path.name.endswith(LOGS) and database.exists() and path.samefile(database):
            yield path


def _free(database: Path) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = _beside(database, f"{_KEPT}{moment}")
    number = 1
    while any(_beside(path, suffix).exists() for suffix in ("", *LOGS)):
        number += 1
        path = _beside(database, f"{_KEPT}{moment}-{number}")
    return path


def _beside(database: Path, suffix: str) -> Path:
    return database.with_name(f"{database.name}{suffix}")
