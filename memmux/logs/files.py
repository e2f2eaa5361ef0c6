"""Log files: one for each running process, rotated by size, and never more of them than fit the bound of their folder.

    NAME.jsonl                       what the process NAME writes now, and holds a lock on
    NAME.2.jsonl                     the same of a second process of that name that runs beside it, and so on
    NAME.20261125T180405123456.jsonl one that is full; nothing is written to it any more

A process that starts goes on with the first file of its name that nobody holds. So a file has one writer at a time,
which alone renames it, and a reader that has it open sees every line of it, whatever it is called by then.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from memmux.config.paths import make_private
from memmux.errors import MemmuxError, StoragePermissionError
from memmux.files import lock, private

SUFFIX = ".jsonl"
SHARES = 32  # a file may take this part of the folder's bound, or less where many processes run
LEAST_BYTES = 4096  # of a file, however many there are
LOOK_S = 1.0  # between two looks at whether somebody has removed the file
TRIES = 3  # to take a lock that another process writes under
TRY_S = 0.001  # between two of them
PATIENCE_S = 2.0  # with a process that only looks whether anybody writes, and may be paused while it does
_ROTATED = re.compile(r"\.\d{8}T\d{12}\.jsonl")


def is_rotated(name: str) -> bool:
    """Return whether a file of that name is full, so that nothing will be added to it."""
    return _ROTATED.search(name) is not None


class LogFile:
    """The file that one process writes its lines to, each whole, by one system call; any thread may.

    name: of the process. total_bytes: of all files in the folder together. A full disk loses lines, never the process;
    a folder or a file that somebody removed is made again. Raises StoragePermissionError if there can be no file.
    """

    def __init__(self, folder: Path, name: str, total_bytes: int) -> None:
        self._folder = folder
        self._name = name
        self._total_bytes = total_bytes
        self._lock = threading.Lock()
        self._descriptor = -1
        self._path = folder
        self._size = self._most = 0
        self._look_at = 0.0
        self._held: list[bytes] | None = None  # lines that are written together
        self._cut = False  # whether the last line has no end: the disk was full, or its writer was killed
        try:
            self._open()
        except OSError as error:
            raise StoragePermissionError(
                f"no log can be written in {folder} ({error.strerror}); give yourself write permission and some space, "
                "or name another folder with MEMMUX_STATE_DIR"
            ) from None

    @property
    def path(self) -> Path:
        """Where it is now."""
        return self._path

    def msg(self, line: bytes) -> None:
        """Append `line` and a newline."""
        with self._lock:
            if self._held is None:
                self._write(line)
            else:
                self._held.append(line)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write the lines that are appended inside the block at its end, by one system call."""
        with self._lock:
            self._held = []
        try:
            yield
        finally:
            with self._lock:
                held, self._held = self._held, None
                if held:
                    self._write(b"\n".join(held))

    def _write(self, lines: bytes) -> None:
        try:
            now = time.monotonic()
            if self._size >= self._most or now >= self._look_at:
                self._look(now)
            data = b"\n%b\n" % lines if self._cut else lines + b"\n"
            written = os.write(self._descriptor, data)
            self._size += written
            self._cut = written < len(data)
        except (OSError, MemmuxError):
            pass

    debug = info = warning = error = msg

    def close(self) -> None:
        """Close the file and let go of it."""
        with self._lock:
            os.close(self._descriptor)
            self._descriptor = -1

    def _look(self, now: float) -> None:
        """Go on with a new file if this one is full or was removed."""
        self._look_at = now + LOOK_S
        if not lock.is_at(self._descriptor, self._path):
            self._reopen()
        elif self._size >= self._most:
            self._path.rename(_aside(self._path))
            self._reopen()

    def _reopen(self) -> None:
        before = self._descriptor
        try:
            self._open()
        finally:
            if before not in (-1, self._descriptor):
                os.close(before)

    def _open(self) -> None:
        make_private(self._folder)
        numbered = (f"{self._name}.{number}{SUFFIX}" for number in count(2))
        paths = map(self._folder.joinpath, chain([f"{self._name}{SUFFIX}"], numbered))
        held = ((found, path) for path in paths if (found := _held(path)) is not None)
        descriptor, self._path = next(held)
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._cut = self._size > 0 and os.pread(descriptor, 1, self._size - 1) != b"\n"
        self._look_at = time.monotonic() + LOOK_S
        self._most = trim(self._folder, self._total_bytes)


def trim(folder: Path, total_bytes: int) -> int:
    """Remove the oldest files that nobody writes until all fit the bound; return how large one may become.

    Those that are being written to are counted as large as they may become.
    """
    found = list(_files(folder))
    written = sum(file.written for file in found)
    most = max(LEAST_BYTES, total_bytes // max(SHARES, 2 * written))
    taken = sum(max(file.size, most) if file.written else file.size for file in found)
    for file in sorted(found, key=lambda file: file.changed_ns):
        if taken <= total_bytes:
            break
        if not file.written and file.path.suffix == SUFFIX and _removed(file.path):
            taken -= file.size
    return most


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    changed_ns: int
    written: bool  # whether a process has it open to write


def _files(folder: Path) -> Iterator[_File]:
    """Yield what is in the folder: logs, and what others put there, which counts and stays."""
    for entry in os.scandir(folder):
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # another process has just renamed or removed it
        if stat.S_ISREG(found.st_mode):
            path = Path(entry.path)
            written = path.suffix == SUFFIX and not is_rotated(path.name) and not _is_free(path)
            yield _File(path, found.st_size, found.st_mtime_ns, written)


def _held(path: Path) -> int | None:
    """Return a descriptor of the file with its lock, which is made if it is missing; None if another has it."""
    tries, until = 0, time.monotonic() + PATIENCE_S
    while True:
        descriptor = private.open_file(path, os.O_RDWR | os.O_APPEND)
        try:
            taken = lock.take(descriptor)
        except OSError:
            return descriptor  # a file system without locks
        if taken and lock.is_at(descriptor, path):
            return descriptor
        os.close(descriptor)
        if taken:
            continue  # it was renamed or removed in between
        tries += not _is_free(path)  # else it was another process in `trim`, which writes nothing
        if tries == TRIES or time.monotonic() >= until:
            return None
        time.sleep(TRY_S)


def _is_free(path: Path) -> bool:
    """Return whether nobody writes to the file; who only looks, as this does, is not taken for a writer."""
    try:
        return not lock.is_held(path)
    except OSError:
        return False


def _removed(path: Path) -> bool:
    """Remove the file unless a process has begun to write to it; return whether it is gone."""
    try:
        if is_rotated(path.name):
            path.unlink(missing_ok=True)
            return True
        if (descriptor := _held(path)) is None:
            return False
        path.unlink(missing_ok=True)  # who waits for its lock sees that it is gone
        os.close(descriptor)
    except OSError:
        return False
    return True


def _aside(path: Path) -> Path:
    """Return the name of a full file, which no other has."""
    while True:
        aside = path.with_name(f"{path.name.removesuffix(SUFFIX)}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}{SUFFIX}")
        if not aside.exists():
            return aside
