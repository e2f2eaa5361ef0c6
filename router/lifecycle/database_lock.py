"""The lock of a database: an exclusive flock that its router holds while it serves, so there is one cluster each."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from memmux.errors import StoragePermissionError


class DatabaseLock:
    """The file beside the database that is locked; a context manager. The lock goes with the process, however it ends.

    Making one raises StoragePermissionError where the folder can't be made or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = False
        folder = path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoragePermissionError(
                f"{folder} can't be written ({error.strerror}); give yourself write permission, "
                "or name another database with MEMMUX_DATABASE"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def take(self) -> bool:
        """Return whether it is ours now, without waiting; taking it again does no harm."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._taken = True
        return True

    def release(self) -> None:
        """Leave it to whoever takes it next."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._taken = False

    def held(self) -> bool:
        """Return whether it is ours, and its file still the one that others would lock: it may have been deleted."""
        try:
            return self._taken and os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False
