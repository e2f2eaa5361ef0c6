"""A turn that one relay at a time has: a lock on a file beside those of the routes."""

from __future__ import annotations

import fcntl
import os

from memmux.relay import route as routes


class Turn:
    """file: the file; it stays."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lock = -1

    def take(self) -> bool:
        """Return whether it is this relay's turn; always where no lock can be had."""
        if self._lock >= 0 or not routes.make_folder(self._file):
            return True
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def give(self) -> None:
        """Let others have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
