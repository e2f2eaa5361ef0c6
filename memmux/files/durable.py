"""Durable files: written beside their place, put on the disk, then renamed; a crash leaves the old one or the new one.

The order matters: the content before the name, and the name before anybody is told (Pillai et al., "All File Systems
Are Not Created Equal", OSDI 2014). Whatever fails is an OSError, and then nothing is left beside the old file. What a
killed process has left is in nobody's way, and is removed by a later write of the same file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
PARTIAL = ".partial"  # how the name of a file ends that is not whole
LEFT_S = 3600.0  # without a change, after which a file that is not whole was left by a process that was killed
_NO_FOLDER_SYNC = (errno.EINVAL, errno.EBADF)  # how a file system says that it has none for folders


def write(path: Path, content: bytes, *, mode: int | None = PRIVATE, sync: bool = True) -> None:
    """Put a file with this content in the place of `path`; the arguments are those of `building`."""
    with replacing(path, mode=mode, sync=sync) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, *, mode: int | None = PRIVATE, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of `path` when the block ends; the arguments are `building`'s."""
    with building(path, mode=mode, sync=sync) as partial, partial.open("r+b") as file:
        yield file


@contextmanager
def building(
    path: Path, *, partial: Path | None = None, mode: int | None = PRIVATE, sync: bool = True, new: bool = False
) -> Iterator[Path]:
    """Give the path of an empty file to fill, which takes the place of `path` when the block ends.

    partial: what it is called until then, where nobody else can be making the same; by default a name of its own.
    mode: whatever the umask; None leaves it to the umask, for files that are not ours alone. sync: False for what may
    be lost with the power; the old file or the new one, whole, is there even so unless the power goes. new: whether
    it takes nothing's place: FileExistsError is raised at the end if there is a file.
    """
    if partial is None:
        remove_left(path.parent, rf"{re.escape(path.name)}\.memmux-[0-9a-f]{{8}}{re.escape(PARTIAL)}")
        partial = path.with_name(f"{path.name}.memmux-{os.urandom(4).hex()}{PARTIAL}")
    else:
        partial.unlink(missing_ok=True)
    _make(partial, mode)
    try:
        yield partial
        if new:
            place(partial, path)
            partial.unlink(missing_ok=True)
            return
        if sync:
            flush(partial)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    if sync:
        flush(path.parent)


@contextmanager
def creating(path: Path, *, mode: int = PRIVATE) -> Iterator[BinaryIO]:
    """Give a new file to write, which is removed if the block fails; raise FileExistsError if one is there."""
    _make(path, mode)
    try:
        with path.open("r+b") as file:
            yield file
        flush(path)
        flush(path.parent)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def place(old: Path, new: Path) -> None:
    """Give a file, once it is on the disk, a name that nothing has; raise FileExistsError if something has it.

    The old name may stay.
    """
    flush(old)
    try:
        os.link(old, new)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new)) from None
        old.replace(new)
    flush(new.parent)


def rename(old: Path, new: Path, *, sync: bool = True) -> None:
    """Give a file, or a folder with all that is in it, another name or place, once it is on the disk.

    sync: False for what may be lost, or damaged, with the power.
    """
    if not sync:
        old.replace(new)
        return
    flush_tree(old)
    old.replace(new)
    flush(new.parent)
    if old.parent != new.parent:
        flush(old.parent)


def flush(path: Path) -> None:
    """Put the content of a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if sys.platform == "darwin":
            with suppress(OSError):  # not every file system has it
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync does not ask the disk to empty its cache there
                return
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def flush_tree(path: Path) -> None:
    """Put a file, or a folder and all that is in it, on the disk."""
    if not path.is_dir():
        flush(path)
    for parent, _, names in os.walk(path, topdown=False):
        for name in names:
            flush(Path(parent, name))
        flush(Path(parent))


def _make(path: Path, mode: int | None) -> None:
    """Make an empty file, which nobody else can open before it has its mode; raise FileExistsError if one is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666 if mode is None else PRIVATE)
    try:
        try:
            if mode is not None:
                with suppress(PermissionError):  # it is ours, so this is a file system without modes
                    os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink()
        raise


def remove_left(folder: Path, name: str) -> None:
    """Remove what processes that were killed have left in a folder, and what SQLite puts beside it, where it can be.

    name: a pattern of the names of files that are not whole, or of folders of them.
    """
    names = re.compile(rf"(?:{name})(-journal|-wal|-shm)?")
    with suppress(OSError), os.scandir(folder) as entries:
        for found in entries:
            with suppress(OSError):
                if names.fullmatch(found.name):
                    _remove_if_left(Path(found.path), is_folder=found.is_dir(follow_symlinks=False))


def _remove_if_left(path: Path, *, is_folder: bool) -> None:
    """Remove a file, or a folder of files, in which nothing has changed for long."""
    parts = (path, *path.iterdir()) if is_folder else (path,)
    if any(time.time() - part.lstat().st_mtime <= LEFT_S for part in parts):
        return
    if is_folder:
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
