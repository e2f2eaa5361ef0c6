"""The names of one file: hard links, or a file that is mounted elsewhere, which SQLite takes for several databases.

Its log and its locks in shared memory go by the name (https://www.sqlite.org/howtocorrupt.html#_multiple_links_to_a_file),
so two clusters under two names would overwrite each other, and a log that was left under one name is not seen under
another. So the writer locks the file itself, and notes in it under which name it writes, for as long as its log may
hold anything.
"""

from __future__ import annotations

import glob
import os
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import orjson

from memmux.errors import DatabaseElsewhereError, MemmuxError, StoragePermissionError
from memmux.files import lock
from memmux.logs import log
from workers.runtime.jobs import Alive, silent
from workers.storage.sqlite import engine, file_identity, queries

_SQL = queries.load("upkeep")
_PATIENCE_S = 5.0  # for a writer that is ending
_PAUSE_S = 0.02
_FIELDS = {"path": str, "device": int, "inode": int, "log": int}
_CHECKPOINT_MS = 20  # that a checkpoint waits for readers


@dataclass(frozen=True, slots=True)
class _Written:
    """The name under which a file was written.

    device, inode: of the file, which a copy does not share. log: the inode of its log.
    """

    path: str
    device: int
    inode: int
    log: int

    @classmethod
    def of(cls, database: Path) -> _Written:
        found, log = database.stat(), _log(database)
        return cls(str(database), found.st_dev, found.st_ino, log.stat().st_ino if log.exists() else 0)

    def left(self) -> Path | None:
        """Return the log that this writer has left, wherever it is now in its folder, if it holds anything.

        It may have been set aside there, by who found another database, or none, under that name.
        """
        log = _log(Path(self.path))
        try:
            found = sorted(log.parent.glob(f"{glob.escape(log.name)}*"))
            return next((path for path in found if path.stat().st_ino == self.log and path.stat().st_size), None)
        except OSError:
            return None


class Hold:
    """The hold of one writer on a file, under all its names; it goes with the process.

    Raises DatabaseElsewhereError if another writer has it, or its latest changes are in a log under another name.
    There is none on systems where flock(2) would stand in the way of SQLite's own locks.
    """

    def __init__(self, database: Path, alive: Alive = silent) -> None:
        self._database = database
        self._descriptor: int | None = None
        if database.exists():
            self.take(alive)
            try:
                _refuse_left(database)
            except BaseException:
                self.close()
                raise

    def take(self, alive: Alive = silent) -> None:
        """Take it, if it is not taken yet; the file is there by now."""
        if self._descriptor is not None or sys.platform != "linux":
            return
        try:
            descriptor = os.open(self._database, os.O_RDONLY)
        except OSError as error:
            raise StoragePermissionError(f"{self._database} can't be read: {error.strerror}") from None
        until = time.monotonic() + _PATIENCE_S
        while not lock.take(descriptor):
            if time.monotonic() >= until:
                os.close(descriptor)
                raise DatabaseElsewhereError(
                    f"the file {self._database} is served under another name, a hard link or a file that is mounted "
                    "elsewhere; use one name for it everywhere, and mount its folder instead of the file"
                )
            alive()
            time.sleep(_PAUSE_S)
        self._descriptor = descriptor

    def note(self, connection: apsw.Connection) -> None:
        """Write down the name, in the file itself: what is only in the log is not seen under another name.

        A full disk is no reason not to serve.
        """
        noted = orjson.dumps(_Written.of(self._database)).decode()
        try:
            with engine.errors(connection):
                connection.execute(_SQL["note_name"], {"name": noted})
                engine.checkpoint(connection, truncate=True, patience_ms=_CHECKPOINT_MS)
        except MemmuxError as error:
            log.get().warning("name_not_noted", code=error.code, error=error.message)

    def end(self, connection: apsw.Connection) -> None:
        """Forget the name, as nothing is left in the log; the connection is closed after it."""
        with suppress(MemmuxError), engine.errors(connection):  # else it stays, with its log or without
            connection.execute(_SQL["forget_name"])
            engine.checkpoint(connection, truncate=True, patience_ms=_CHECKPOINT_MS)

    def close(self) -> None:
        """Let go of the file; SQLite's connections to it are closed by now, for this ends their locks."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _refuse_left(database: Path) -> None:
    """Raise DatabaseElsewhereError if a writer that did not end has left a log under another name of the file."""
    if _size(_log(database)) or file_identity.has_its_log(database) or (written := _noted(database)) is None:
        return  # the log is here
    here, other = _Written.of(database), Path(written.path)
    same_file = (written.device, written.inode) == (here.device, here.inode)
    if written.path == here.path or not same_file:
        return
    left, seen = written.left(), os.path.exists(other.parent)  # noqa: PTH110 - says no where it may not look
    if left is None and seen:
        return
    # Where the other folder can't be seen, as in a container, its log can't either.
    if left is not None and not _is_same(other, database):
        remedy = f"it was renamed without it: move {left} to {_log(database)} while nobody serves either"
    else:
        remedy = f"run `memmux --database {other} restart` where that name is, then `stop`, and use one name for it"
    if not seen:  # a copy is another file, so it is served
        remedy += (
            "; if that folder is gone for good, copy the file with `cp`, run `memmux check --deep` on the copy and use "
            "that: what was only in the log is lost"
        )
    where = f"its latest changes are in {left or _log(other)}"
    raise DatabaseElsewhereError(f"the file {database} was served as {other} before, and {where}; {remedy}")


def _noted(database: Path) -> _Written | None:
    """Return what the file says by itself; None if that is nothing, or can't be read without its log."""
    with suppress(apsw.Error, OSError, ValueError, TypeError, KeyError):
        uri = f"{database.as_uri()}?immutable=1"
        with closing(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)) as connection:
            connection.pragma("trusted_schema", 0)
            fields = orjson.loads(engine.value(connection, _SQL["noted_name"]) or "null")
        return _Written(**{name: cast(fields[name]) for name, cast in _FIELDS.items()})
    return None


def _is_same(path: Path, database: Path) -> bool:
    try:
        return path.samefile(database)
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _log(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")
