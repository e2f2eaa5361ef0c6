"""The folders of uploads: each has one upload, from its first byte on, and is locked as long as its process has that.

An unlinked file would not do: SQLite opens databases by their path. What a process that was killed has left is known by
its lock, which ended with it, and is removed by the next process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from memmux.errors import OverloadedError
from memmux.files import lock

PREFIX: Final = "memmux-upload-"
AT_ONCE: Final = 2  # in one process

_held: dict[Path, int] = {}  # the descriptors by which folders are locked


def make() -> Path:
    """Return a new folder for this user alone, which `remove` removes; raise OSError, or OverloadedError."""
    if len(_held) >= AT_ONCE:
        raise OverloadedError(f"{AT_ONCE} uploads are under way, the most at once; send it again later")
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):  # another process, which looked for leftovers, was quicker than the lock
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            if lock.take(held) and folder.exists():
                _held[folder] = held
                return folder
            os.close(held)


def remove(folder: Path) -> None:
    """Remove a folder with what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if (held := _held.pop(folder, None)) is not None:
        os.close(held)


def remove_all() -> None:
    """Remove those of this process, which ends."""
    for folder in list(_held):
        remove(folder)


def sweep() -> None:
    """Remove those of processes of this user that are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # it is gone, somebody else's, or no folder
            continue
        try:
            with suppress(OSError):  # its file system has no locks, so nothing tells whether it is in use
                if os.fstat(held).st_uid == os.getuid() and lock.take(held):
                    shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)
