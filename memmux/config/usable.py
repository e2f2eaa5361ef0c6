"""Whether a database can be served where it is: said before anything is made beside it, and before it takes long."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from memmux.config import owner
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import DriverMissingError, SettingInvalidError, StoragePermissionError
from memmux.installation import adding

PATH_BYTES = 504  # of the longest path that SQLite opens
SUFFIX_BYTES = 40  # of the longest name that is made of the database's, `.before-restore-<time>-<number>-wal`
_OF_SQLITE = ("-wal", "-shm", "-journal")
_FILES = (*_OF_SQLITE, ".lineage", ".restored", ".restoring")  # beside those that `Places` names


def check(places: Places) -> None:
    """Raise what keeps the database from being served, with its remedy: SettingInvalidError, StoragePermissionError.

    A path that is no UTF-8, a name or path too long for what is made beside it, and a folder, pipe or device where a
    file belongs: a worker that opens a pipe would wait for ever. Also a cluster that is somebody else's, as
    `owner.check`. DriverMissingError where one on PostgreSQL can't be connected to.
    """
    _check_encoding(places.settings)
    if places.settings.server is not None and find_spec("psycopg") is None:
        raise DriverMissingError(driver_missing())
    _check_name(places.database)
    owner.check(places)
    beside = [places.database.with_name(f"{places.database.name}{suffix}") for suffix in _FILES]
    if _is_folder(places.database):
        raise StoragePermissionError(f"{places.database} is a folder; name a file in it with --database")
    if not _may_be_file(places.database):
        raise StoragePermissionError(f"{places.database} is not a regular file; name a file with MEMMUX_DATABASE")
    for path in (places.lock, places.spawn_lock, places.endpoint, places.copies, *beside):
        if not _may_be_file(path):
            raise StoragePermissionError(
                f"{path} is not a regular file, and one of that name is written there; move it away"
            )


def driver_missing() -> str:
    """Return what is said where the driver for PostgreSQL is missing."""
    return f"the database is on PostgreSQL, and the driver for it is missing; {adding('memmux[postgres]')}"


def _check_encoding(settings: Settings) -> None:
    for field in fields(settings):
        path = getattr(settings, field.name)
        if isinstance(path, Path):
            try:
                str(path).encode()
            except UnicodeEncodeError:
                shown = os.fsencode(path).decode(errors="backslashreplace")
                raise SettingInvalidError(
                    f"{field.name} is {shown}, which is not UTF-8 as it stands on the disk; rename the file or folder, "
                    "or name another one"
                ) from None


def _check_name(database: Path) -> None:
    if end := next((end for end in _OF_SQLITE if database.name.endswith(end)), ""):
        raise SettingInvalidError(
            f"the database's name ends in {end}, as that of a file that SQLite keeps beside another database; give it "
            "another name"
        )
    try:
        most = os.pathconf(database.parent, "PC_NAME_MAX") - SUFFIX_BYTES
    except (OSError, ValueError):  # the folder is yet to be made, or can't tell
        most = 255 - SUFFIX_BYTES
    if (size := len(os.fsencode(database.name))) > most:
        raise SettingInvalidError(
            f"the database's name has {size} bytes, and the most is {most}, as the names of the files beside it are "
            "longer; give it a shorter name"
        )
    most = PATH_BYTES - SUFFIX_BYTES
    if (size := len(os.fsencode(os.path.realpath(database)))) > most:
        raise SettingInvalidError(
            f"the database's path has {size} bytes, and the most is {most}: SQLite opens no longer one, and the names "
            "of the files beside it are longer; put it into a folder with a shorter path"
        )


def _is_folder(database: Path) -> bool:
    """Return whether it is a folder; raise StoragePermissionError if it can't be seen, as others find no way to it."""
    try:
        return database.is_dir()
    except OSError as error:
        raise StoragePermissionError(
            f"{database} can't be reached ({error.strerror}); give yourself permission to enter the folders above it, "
            "or name a database elsewhere with MEMMUX_DATABASE"
        ) from None


def _may_be_file(path: Path) -> bool:
    """Return whether it is a file, or is not there; also if it can't be seen, as whoever opens it says so."""
    with suppress(OSError):
        return stat.S_ISREG(path.stat().st_mode)
    return True
