"""Private files: for this user alone, written whole or not at all, and not believed when others may read them."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from memmux.errors import KeyFileError, StoragePermissionError

MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read(path: Path) -> bytes:
    """Return the bytes of a file that only this user may open.

    Raises FileNotFoundError if there is none, and KeyFileError, which says the remedy, if it is not private.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyFileError(f"{path} can't be read: {error.strerror}; give yourself permission to read it") from None
    try:
        _check(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(f"{path} is no file; remove it")
    if found.st_uid != os.getuid():
        raise KeyFileError(f"{path} belongs to another user, who could change it; run `chown` on it, or remove it")
    if found.st_mode & _OTHERS:
        raise KeyFileError(
            f"others may open {path}; run `chmod 600 {path}`, and if somebody may have read it, make its keys anew"
        )


def write(path: Path, content: bytes, mode: int = MODE) -> None:
    """Put `content` in the place of the file, durably; links are followed. Raises StoragePermissionError."""
    target = path.resolve()
    beside = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with suppress(FileNotFoundError):  # of a process of the same number that was killed
            beside.unlink()
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        beside.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise StoragePermissionError(
            f"{path} can't be written ({error.strerror}); give yourself write permission to its folder"
        ) from None


def _sync_folder(folder: Path) -> None:
    """Make the rename durable as well."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
