"""File locks: one process at a time holds the lock of a file, which goes with the process however it ends (flock(2)).

A lock is the process's own. Programs that it starts do not inherit it, as every descriptor here is closed on exec. A
forked child has a copy of the descriptor, which would keep the lock as long as the child lives; so who leaves a lock
releases it, and does not only close its descriptor.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from memmux.files import private


class FileLock:
    """The lock of a private file, which is made if it is missing, in a folder that is there; a context manager.

    Making one does not take it. Left in a forked child, it stays the parent's. What goes wrong is an OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = False
        self._process = os.getpid()
        self._descriptor = private.open_file(path, os.O_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._taken and self._process == os.getpid():
                self.release()
        finally:
            os.close(self._descriptor)

    def take(self) -> bool:
        """Return whether it is ours now, without waiting; taking it again does no harm."""
        self._taken = take(self._descriptor)
        return self._taken

    def wait(self) -> None:
        """Take it as soon as nobody has it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._taken = True

    def release(self) -> None:
        """Leave it to whoever takes it next."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._taken = False

    def held(self) -> bool:
        """Return whether it is ours, and its file still the one that others would lock: it may have been deleted."""
        return self._taken and is_at(self._descriptor, self._path)

    def note(self, content: bytes) -> None:
        """Leave a note in the file for whoever has the lock next; the caller has it now."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)

    def noted(self) -> bytes:
        """Return the note of who had the lock before; empty if there is none. The caller has it now."""
        return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)


def take(descriptor: int) -> bool:
    """Return whether the lock of an open file is ours now; raise OSError where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Return whether a process has the lock of the file; nobody has that of one that is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file is still the one of that name; it may have been renamed or removed."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
