"""The engine: SQLite through APSW with sqlite-vec; how connections are opened, and what their errors mean."""

from __future__ import annotations

import errno
import gc
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
import sqlite_vec

from memmux.errors import (
    DatabaseCorruptError,
    DatabaseForeignError,
    DeadlineExceededError,
    EngineUnsafeError,
    MemmuxError,
    SchemaWrongError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
)

SAFE_VERSION = (3, 51, 3)  # the first SQLite without the WAL-reset bug
BUSY_MS = 5_000  # below the router's stall limit, so that the error arrives before the worker is taken for hung
PROGRESS_STEPS = 20_000  # virtual machine steps between two looks at the clock: about a millisecond
CHECKPOINT_PAGES = 4_000  # 16 MB of log; below that a commit never pays for a checkpoint
JOURNAL_BYTES = 64 << 20

_COMMON: Mapping[str, object] = {
    "temp_store": "memory",  # sorting must not depend on room in /tmp
    "trusted_schema": 0,  # a schema made by somebody else can't call functions with side effects
    "cell_size_check": 1,  # damaged pages are found when they are read, not after they spread
}
READER: Mapping[str, object] = {
    **_COMMON,
    "cache_size": -8_192,  # KiB: upper levels and hot words; the system caches the rest once for all readers
    "query_only": 1,  # a second bound, beside mode=ro
}
WRITER: Mapping[str, object] = {
    **_COMMON,
    "cache_size": -8_192,  # KiB: a writer touches few pages twice, and what it holds grows with the file
    "journal_mode": "wal",  # readers and the writer never wait for each other
    "synchronous": "full",  # an acknowledged write survives a power cut
    "fullfsync": 1,  # the same on macOS, where a plain fsync does not reach the disk
    "foreign_keys": 1,
    "secure_delete": 1,  # what is removed is overwritten, in merges of full text too; 4 % of the time of an insert
    "wal_autocheckpoint": CHECKPOINT_PAGES,
    "journal_size_limit": JOURNAL_BYTES,  # a log that grew behind a long reader shrinks again
}

_ERRORS: tuple[tuple[type[apsw.Error], type[MemmuxError]], ...] = (
    (apsw.BusyError, StorageBusyError),
    (apsw.LockedError, StorageBusyError),
    (apsw.FullError, StorageFullError),
    (apsw.ReadOnlyError, StoragePermissionError),
    (apsw.CantOpenError, StoragePermissionError),
    (apsw.PermissionsError, StoragePermissionError),
    (apsw.NotADBError, DatabaseForeignError),
    (apsw.CorruptError, DatabaseCorruptError),
    (apsw.IOError, StorageError),
    (apsw.InterruptError, DeadlineExceededError),
    (apsw.ConstraintError, SchemaWrongError),  # rows that contradict a constraint, or one that memmux did not make
)
"""What SQLite's errors mean to a user. Any other is a mistake of ours, and stays what it is."""


_BY_ERRNO: Mapping[int, type[MemmuxError]] = {
    errno.ENOSPC: StorageFullError,
    errno.EDQUOT: StorageFullError,
    errno.EROFS: StoragePermissionError,  # also what a disk becomes that the system no longer trusts
    errno.EACCES: StoragePermissionError,
    errno.EPERM: StoragePermissionError,
}
"""What the system's reasons for SQLite's "disk I/O error" and "unable to open" mean; any other is as above."""

_ROOM_BYTES = 128 << 10  # that a log and its index need to begin with


def mapped(error: apsw.Error, reason: int = 0) -> MemmuxError | None:
    """Return the error that a user should see for SQLite's `error`; None if it is a mistake in this program.

    reason: the system's errno, if it is known.
    """
    for theirs, kind in _ERRORS:
        if isinstance(error, theirs):
            ours = _BY_ERRNO.get(reason, kind) if theirs in (apsw.IOError, apsw.CantOpenError) else kind
            default = ours()
            return ours(default.message if ours is DeadlineExceededError else f"{default.message} (SQLite: {error})")
    return None


@contextmanager
def errors(connection: apsw.Connection | None = None) -> Iterator[None]:
    """Raise SQLite's errors inside the block as memmux's; those of `connection` with the system's reason."""
    try:
        yield
    except apsw.Error as error:
        if (ours := mapped(error, 0 if connection is None else connection.system_errno)) is not None:
            raise ours from error
        raise


def refuse_unsafe(version: str | None = None) -> None:
    """Raise EngineUnsafeError if SQLite, or the `version` given, has the WAL-reset bug."""
    version = version or apsw.sqlite_lib_version()
    if tuple(map(int, version.split("."))) < SAFE_VERSION:
        raise EngineUnsafeError(
            f"SQLite {version} has the WAL-reset bug, which can corrupt databases; "
            f"install apsw {'.'.join(map(str, SAFE_VERSION))} or later"
        )


def open_reader(database: Path) -> apsw.Connection:
    """Return a connection that can't write; raise StorageError and its kinds."""
    return _ready(_opened(database, "mode=ro"), READER, database)


def open_still(database: Path) -> apsw.Connection:
    """Return a connection to a file that nobody writes while it is open; it takes no locks and makes no files."""
    return _ready(_opened(database, "immutable=1"), READER, database)


def _opened(database: Path, how: str) -> apsw.Connection:
    with errors():
        uri = f"file:{quote(os.fsencode(database))}?{how}"
        return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def open_writer(database: Path) -> apsw.Connection:
    """Return the connection that writes, of a database that `schema` has made; raise StorageError and its kinds."""
    connection = _ready(connect(database), WRITER, database)
    if (mode := connection.pragma("journal_mode")) != "wal":
        connection.close()
        raise StorageError(f"the file system of {database} can't hold a write-ahead log (SQLite chose {mode!r})")
    return connection


def connect(database: Path) -> apsw.Connection:
    """Return a plain connection that may write, and makes an empty database where there is none."""
    with errors():
        return apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)


def fetch(connection: apsw.Connection, sql: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
    """Return all rows of a query; their types are the schema's business, whose tables are STRICT."""
    return connection.execute(sql, values or {}).fetchall()


def value(connection: apsw.Connection, sql: str, values: Mapping[str, object] | None = None) -> Any:
    """Return the only value of a query's only row, or None."""
    return connection.execute(sql, values or {}).get


def checkpoint(connection: apsw.Connection, *, truncate: bool, patience_ms: int) -> bool:
    """Copy the write-ahead log into the database, and empty it if asked; return whether all of it was copied.

    A reader in the way is waited for as long as `patience_ms`, and then puts that off.
    """
    mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_PASSIVE
    connection.set_busy_timeout(patience_ms)
    try:
        in_log, copied = connection.wal_checkpoint(mode=mode)
    except apsw.BusyError:
        return False
    finally:
        connection.set_busy_timeout(BUSY_MS)
    return copied >= in_log


def optimize(connection: apsw.Connection) -> None:
    """Let SQLite look anew at how many rows of each kind there are, by which it plans queries."""
    connection.pragma("optimize")


def end_read(connection: apsw.Connection) -> None:
    """Make sure that no read transaction is open, or the next one would be of the same moment.

    A read that was left in the middle keeps it open, beyond ROLLBACK, for as long as its cursor lives: in the frames of
    the error's traceback, for one, which may be in a cycle with the error.
    """
    if connection.txn_state("main") != apsw.SQLITE_TXN_NONE:
        gc.collect()
        if connection.txn_state("main") != apsw.SQLITE_TXN_NONE:
            raise RuntimeError("a former read is still open")  # no answer is better than an old one


def load_vectors(connection: apsw.Connection) -> None:
    """Load sqlite-vec into `connection`, and let nothing else be loaded after it."""
    connection.enable_load_extension(True)  # noqa: FBT003  # APSW names no arguments here
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)  # noqa: FBT003  # the same


def _ready(connection: apsw.Connection, pragmas: Mapping[str, object], database: Path) -> apsw.Connection:
    try:
        with _opening(database):
            connection.set_busy_timeout(BUSY_MS)
            load_vectors(connection)
            for name, setting in pragmas.items():
                connection.pragma(name, setting)
            value(connection, "SELECT 1 FROM sqlite_schema LIMIT 1")  # the first look is what makes files
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _opening(database: Path) -> Iterator[None]:
    """Raise SQLite's errors as memmux's; it does not tell why it has no log, so the room that is left does."""
    try:
        with errors():
            yield
    except (StorageError, StoragePermissionError) as error:
        if type(error) in (StorageError, StoragePermissionError) and _room(database) < _ROOM_BYTES:
            raise StorageFullError(
                f"the disk of {database} is full; free some space, and it is written again"
            ) from error
        raise


def _room(database: Path) -> float:
    """Return how many bytes are free where the database is; infinity if that can't be told."""
    try:
        found = os.statvfs(database.parent)
    except OSError:
        return math.inf
    return found.f_bavail * found.f_frsize
