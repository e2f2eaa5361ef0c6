"""The private copy of a database that others may be writing to, as of one moment; theirs stays untouched.

The file is copied as bytes, not through a connection: a connection to a database in WAL mode makes files beside it,
takes locks, and, if it is the last to leave, has a say in what becomes of the log. What is copied is consistent because
of what the formats promise (https://www.sqlite.org/fileformat2.html), and each promise is checked after the copy:

- With a write-ahead log: pages of the main file change only by checkpoints, whose frames stay in the log until it is
  begun anew with other salts. So the main file first and the log after it, with the same salts before and after, give
  all that was committed when the log was read. A frame that is half written fails its checksum and is no commit.
- With a rollback journal: what the main file loses is in the journal before. Both, unchanged while they are copied,
  give the last commit, also where a crash left them.
- With neither: the main file, unchanged while it is copied, with neither of them at the end.

"Unchanged" is which file it is, its size, when it was written, and how it begins: a main file with the counter that
each commit in rollback mode moves, a journal with a number that is random. Of two journals, one after the other, all
else may be the same: a file gets the number of one that is gone, and its time is as coarse as the system's clock tick.

SQLite itself brings the copy in order when it is opened. Where somebody writes so much that no moment is quiet enough,
a connection reads a snapshot under SQLite's own lock for readers; by then all its files are there.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from memmux.errors import (
    AdoptionFailedError,
    DatabaseForeignError,
    MemmuxError,
    NotFoundError,
    StorageFullError,
    StoragePermissionError,
)

Alive = Callable[[], None]
"""Called often in long work."""

MAGIC = b"SQLite format 3\x00"
PATIENCE_S = 3.0  # for a moment in which nothing changes, before the writer is stopped
PAUSE_S = 0.01  # between two attempts
LOCK_S = 30.0  # to get the lock for readers
LOOK_S = 0.1  # for which SQLite looks for that lock by itself, between two signs of life
_CHUNK = 1 << 20
_LOG_HEADER = 32  # bytes; the salts are in it
_SALTS = slice(16, 24)
_FORMAT = slice(18, 20)  # of the main file: 1 with a rollback journal, 2 with a write-ahead log
_BEGINNING = 28  # bytes: of the main file up to the counter of commits, of a journal with its random number
_STEP_PAGES = 256


@dataclass(frozen=True, slots=True)
class _State:
    """The state of a file, by which a change is noticed: identity, size, time of its last write, and how it begins."""

    device: int
    inode: int
    size: int
    written_ns: int
    beginning: bytes

    @classmethod
    def of(cls, path: Path) -> _State | None:
        try:
            with path.open("rb") as file:
                beginning = file.read(_BEGINNING)
                found = os.fstat(file.fileno())
        except FileNotFoundError:
            return None
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, beginning)


class _Changed(Exception):  # noqa: N818  # no failure, but a reason to try again
    """The files changed while they were copied, in a way that makes the copy worthless."""


def _silent() -> None:
    """Say nothing."""


@contextmanager
def taken(source: Path, folder: Path | None = None, prefix: str = "memmux-", alive: Alive = _silent) -> Iterator[Path]:
    """Give the path of a copy of the SQLite database `source`; it is gone after the block.

    folder: in which the private folder of the copy is made, whose name begins with `prefix`; by default the system's
    for temporary files. Raises NotFoundError, StoragePermissionError, StorageFullError, DatabaseForeignError for a file
    that is no SQLite database, and AdoptionFailedError for one that does not hold still.
    """
    source = source.resolve()  # a log stands beside the file, not beside a link to it
    try:
        private = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    except OSError as error:
        raise _refused(source, error) from error
    try:
        copy = private / "copy.db"
        try:
            _take(source, copy, alive)
        except OSError as error:
            raise _refused(source, error) from error
        yield copy
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _take(source: Path, copy: Path, alive: Alive) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        alive()
        try:
            return _copy(source, copy, alive)
        except _Changed:
            _remove(copy)
        if time.monotonic() >= until:
            break
        time.sleep(PAUSE_S)
    try:
        _copy_locked(source, copy, alive)
    except (sqlite3.Error, _Changed) as error:
        raise AdoptionFailedError(
            f"{source} was written to all the time, so no copy could be made ({error}); try again when it is quiet"
        ) from None


def _copy(source: Path, copy: Path, alive: Alive) -> None:
    """Copy the database as bytes; raise _Changed if that gave nothing consistent."""
    journal, log = (_beside(source, suffix) for suffix in ("-journal", "-wal"))
    main = _State.of(source)
    journal_before, salts = _held(_State.of(journal)), _salts(log)
    _write(source, copy, alive)
    if salts is not None:
        # The log may grow meanwhile, and checkpoints may go on, as long as it is not begun anew.
        _write(log, _beside(copy, "-wal"), alive)
        if _salts(log) != salts or _salts(_beside(copy, "-wal")) != salts:
            raise _Changed
        return
    if journal_before is not None:
        _write(journal, _beside(copy, "-journal"), alive)
    if (_State.of(source), _held(_State.of(journal)), _salts(log)) != (main, journal_before, None):
        raise _Changed


def _copy_locked(source: Path, copy: Path, alive: Alive) -> None:
    """Copy the database while SQLite's lock for readers keeps the snapshot."""
    with source.open("rb") as file:
        logged = file.read(_FORMAT.stop)[_FORMAT] != b"\x01\x01"
    if logged and not all(_beside(source, suffix).exists() for suffix in ("-wal", "-shm")):
        raise _Changed  # a connection would make them; but then nobody writes, and bytes are enough
    uri = f"file:{quote(os.fsencode(source))}?mode=ro"
    _private(copy).close()
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=LOOK_S, isolation_level=None)) as reader,
        closing(sqlite3.connect(copy)) as target,
    ):
        reader.execute("BEGIN")
        _lock(reader, alive)
        reader.backup(target, pages=_STEP_PAGES, progress=lambda *_: alive())


def _lock(reader: sqlite3.Connection, alive: Alive) -> None:
    """Take the lock for readers, which a writer that never rests gives away for moments alone: it may take long.

    SQLite could wait for as long by itself, but would say nothing meanwhile.
    """
    until = time.monotonic() + LOCK_S
    while True:
        alive()
        try:
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
        else:
            return


def _held(state: _State | None) -> _State | None:
    """Return the state of a journal that holds anything; an empty one is none."""
    return state if state is not None and state.size else None


def _salts(log: Path) -> bytes | None:
    """Return the salts of a write-ahead log; None if there is none, or one that holds nothing."""
    try:
        with log.open("rb") as file:
            header = file.read(_LOG_HEADER)
    except FileNotFoundError:
        return None
    return header[_SALTS] if len(header) == _LOG_HEADER else None


def _write(source: Path, copy: Path, alive: Alive) -> None:
    try:
        with source.open("rb") as file, _private(copy) as target:
            while chunk := file.read(_CHUNK):
                target.write(chunk)
                alive()
    except FileNotFoundError:
        if source.name.endswith(("-wal", "-journal")):  # it may be there again by now
            raise _Changed from None
        raise
    if not copy.name.endswith(("-wal", "-journal")):
        with copy.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise DatabaseForeignError(f"{source} is not an SQLite database; it was not changed")


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb")


def _remove(copy: Path) -> None:
    for suffix in ("", "-wal", "-journal"):
        with suppress(FileNotFoundError):
            _beside(copy, suffix).unlink()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _refused(source: Path, error: OSError) -> MemmuxError:
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"there is no file {source}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"there is no room for a copy of {source}; free some space, or set TMPDIR to a folder")
    return StoragePermissionError(f"{source} can't be copied ({error.strerror}); give yourself permission to read it")
