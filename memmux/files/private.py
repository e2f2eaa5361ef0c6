"""Private files and folders: those that memmux makes are for their user alone, and others' are not believed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Hashable
from pathlib import Path

from memmux.files import durable

FILE = durable.PRIVATE
FOLDER = 0o700
_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MAY_OPEN = stat.S_IRWXG | stat.S_IRWXO


class NotPrivateError(PermissionError):
    """Raised when others could have written, or read, a file that only its user may; the message says the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EPERM, message)
        self.message = message


def read(path: Path, *, secret: bool = False, follow: bool = False) -> bytes:
    """Return the content of a file that nobody but this user can have written; raise NotPrivateError, or OSError.

    secret: nobody else may have read it either. follow: it may be a link, as what users put somewhere themselves.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    try:
        _check(path, os.fstat(descriptor), secret=secret)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _check(path: Path, found: os.stat_result, *, secret: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivateError(f"{path} is no file; remove it")
    if found.st_uid != os.getuid():
        raise NotPrivateError(f"{path} belongs to another user, who could change it; run `chown` on it, or remove it")
    if secret and found.st_mode & _MAY_OPEN:
        raise NotPrivateError(
            f"others may open {path}; run `chmod 600 {path}`, and if somebody may have read it, make its keys anew"
        )
    if found.st_mode & _MAY_WRITE:
        raise NotPrivateError(f"others may write {path}; run `chmod 600 {path}`, or remove it")


def signature(path: Path) -> Hashable:
    """Return what is another once the file was written, replaced, removed or opened to others; None: no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def open_file(path: Path, flags: int) -> int:
    """Return the descriptor of a file, which is made if it is missing, and closed to others if it was open to them."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, FILE)
    try:
        found = os.fstat(descriptor)
        if found.st_mode & _MAY_OPEN and found.st_uid == os.getuid():
            os.fchmod(descriptor, FILE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_folder(folder: Path, *, sync: bool = True) -> None:
    """Make a folder and every parent that is missing, each for this user alone; those that are there stay as they are.

    sync: whether they must outlast a loss of power. `Path.mkdir` gives its mode to the last one only.
    """
    try:
        folder.mkdir(mode=FOLDER)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_folder(folder.parent, sync=sync)
        folder.mkdir(mode=FOLDER, exist_ok=True)
    except OSError:  # on some systems also of one that is there
        if not folder.is_dir():
            raise
        return
    if sync:
        durable.flush(folder.parent)
