"""The copies of a database that were put where its user chose: backups and exports, which keep what is purged later.

`<database>.copies` has a line of JSON for each. It is there to remind, and nothing depends on it: what can't be read or
written is left out.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from memmux.files import durable, private

MOST = 1_000  # copies that are remembered, the newest


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy; at: when it was made, in seconds since 1970."""

    path: str
    at: float


def note(database: Path, path: Path, at: float | None = None) -> None:
    """Remember a copy that was made at `at`, now if that is not said; in the place of a former one of that path."""
    made = Copy(str(path.absolute()), time.time() if at is None else at)
    with suppress(OSError):  # what can't be read this once is not to be replaced by less
        os.close(private.open_file(_place(database), os.O_RDONLY))  # which closes it to others, or it would stay unread
        known = [copy for copy in _read(database) if copy.path != made.path]
        lines = [orjson.dumps(asdict(copy)) for copy in (*known, made)]
        durable.write(_place(database), b"\n".join((*lines[-MOST:], b"")), sync=False)


def noted(database: Path) -> Iterator[Copy]:
    """Yield the copies that are there now, oldest first."""
    with suppress(OSError):
        yield from (copy for copy in _read(database) if os.path.lexists(copy.path))


def _read(database: Path) -> list[Copy]:
    """Return what is remembered, also of disks that are not mounted now; raise OSError if it can't be read."""
    found = list[Copy]()
    for line in private.read(_place(database)).splitlines():
        with suppress(ValueError, TypeError, KeyError):
            fields = orjson.loads(line)
            found.append(Copy(str(fields["path"]), float(fields["at"])))
    return found


def beside(database: Path) -> Iterator[Path]:
    """Yield what stands beside the database and was one once, or its log: what a restore or an exchange has kept."""
    for pattern in (".before-restore-*", "-wal.orphaned-*"):
        yield from sorted(database.parent.glob(f"{glob.escape(database.name)}{pattern}"))


def _place(database: Path) -> Path:
    return database.with_name(f"{database.name}.copies")
