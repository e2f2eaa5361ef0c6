"""The file's identity: which file the database's name means, and what becomes of a log whose database is gone.

A log does not say which database it belongs to: SQLite applies `<database>-wal` to whatever stands at `<database>`
(https://www.sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use). So the writer notes, in
`<database>.lineage`, which two files belong together, for a successor that finds one of them exchanged.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from memmux import processes
from memmux.errors import DatabaseReplacedError
from memmux.files import durable, private
from memmux.logs import log

Identity = tuple[int, int]
"""The device and inode of a file: what stays the same while somebody holds it open, whatever its name."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The database and the log that one writer opened, and the router that it worked for, by `processes.run_id`."""

    database: Identity | None
    log: Identity | None
    router: str

    @classmethod
    def of(cls, database: Path) -> Lineage:
        """Return what stands there now."""
        return cls(identity(database), identity(_beside(database, "-wal")), processes.run_id(os.getppid()))

    def check(self, database: Path) -> None:
        """Raise DatabaseReplacedError unless `database` is still the file that was opened; takes microseconds."""
        if identity(database) != self.database:
            raise DatabaseReplacedError

    def note(self, database: Path) -> None:
        """Write it down for later writers and for readers; a full disk is no reason not to serve."""
        note = _note(database)
        try:
            note.unlink(missing_ok=True)  # a wrong one is worse than none
            durable.write(note, orjson.dumps(asdict(self)))
        except OSError as error:
            log.get().warning("lineage_not_noted", path=str(note), error=error.strerror)

    def leave(self, database: Path) -> None:
        """Take the log out of the way of another file at `database`, if the log is still this one's."""
        if identity(_beside(database, "-wal")) == self.log:
            _set_aside(database)


def begin(database: Path) -> None:
    """Take a log out of the way that does not belong to `database`, before SQLite sees the two together.

    Raises DatabaseReplacedError if the file was exchanged while this very cluster serves it: then it has to end first.
    """
    known, now = _noted(database), Lineage.of(database)
    exchanged = known is not None and known.database != now.database
    if exchanged and known is not None and known.router == now.router:
        raise DatabaseReplacedError
    # A database has its schema before it has a log, so an empty one has none of its own.
    empty = now.database is None or not database.stat().st_size
    if empty or (exchanged and known is not None and known.log == now.log):
        _set_aside(database)


def refuse_exchanged(database: Path) -> None:
    """Raise DatabaseReplacedError if `database` is not the file that the writer has, or has the log of another one.

    The note of an earlier cluster may be all that there is, where the writer could not begin.
    """
    known, now = _noted(database), Lineage.of(database)
    if known is not None and known.database != now.database and (known.router == now.router or known.log == now.log):
        raise DatabaseReplacedError


def has_its_log(database: Path) -> bool:
    """Return whether the log beside `database` is the one that its last writer had."""
    known = _noted(database)
    here = identity(database), identity(_beside(database, "-wal"))
    return known is not None and None not in here and here == (known.database, known.log)


def end(database: Path) -> None:
    """Forget the note, since the writer has left and its log with it."""
    if identity(_beside(database, "-wal")) is None:
        _note(database).unlink(missing_ok=True)


def identity(path: Path) -> Identity | None:
    """Return which file `path` means; None if there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _set_aside(database: Path) -> None:
    """Rename the log, if it holds anything; what indexes it holds nothing by itself."""
    wal = _beside(database, "-wal")
    _beside(database, "-shm").unlink(missing_ok=True)
    if identity(wal) is None or not wal.stat().st_size:
        wal.unlink(missing_ok=True)
        return
    aside = wal.with_name(f"{wal.name}.orphaned-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    durable.rename(wal, aside)
    log.get().warning("log_set_aside", path=str(aside), why="it belongs to a database that is not there any more")


def _noted(database: Path) -> Lineage | None:
    """Return what the last writer noted; None if there is nothing that can be read, or others may have written it."""
    try:
        fields = orjson.loads(private.read(_note(database)))
        database_id, wal = (None if fields[name] is None else tuple(fields[name]) for name in ("database", "log"))
        return Lineage(database_id, wal, str(fields["router"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(database: Path) -> Path:
    return _beside(database, ".lineage")


def _beside(database: Path, suffix: str) -> Path:
    return database.with_name(f"{database.name}{suffix}")
