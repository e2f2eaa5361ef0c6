"""Reading and writing clients' files: a backup first, then the whole file at once, through links, with its old mode."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from memmux.errors import ClientFileError
from memmux.files import durable

BACKUP = "before-memmux"  # <file>.before-memmux-20261123-143005


def read(file: Path) -> bytes | None:
    """Return the bytes of a file, None if there is none; raise ClientFileError if it can't be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ClientFileError(f"{file} can't be read: {error.strerror}; give yourself permission to read it") from None


def backups(file: Path) -> list[Path]:
    """Return the backups of a file, the newest first."""
    prefix = f"{file.name}.{BACKUP}-"
    try:
        found = [path for path in file.parent.iterdir() if path.name.startswith(prefix)]
    except OSError:
        return []
    return sorted(found, reverse=True)


def replace(
    file: Path, before: bytes | None, after: bytes | None, now: datetime, *, private: bool = False
) -> Path | None:
    """Give `file` the bytes `after`, None for none, if it still has `before`; return the backup, if there was a file.

    A new file is for its owner alone, as variables may be secrets; an old one keeps its mode, unless it is `private`.
    A link is followed; the backup stands beside the name that the client knows. Raises ClientFileError, and the file
    is then as it was.
    """
    target = file.resolve()
    try:
        _refuse_changed(file, before)
        backup = None if before is None else _backup(file, target, before, now, private=private)
        try:
            _put(file, target, before, after, private=private)
        except BaseException:
            with suppress(OSError, ClientFileError):
                if backup is not None and read(file) != after:
                    backup.unlink()
            raise
    except OSError as error:
        raise ClientFileError(f"{file} can't be written: {error.strerror}; give yourself permission to it") from None
    return backup


def _refuse_changed(file: Path, before: bytes | None) -> None:
    if read(file) != before:
        raise ClientFileError(f"{file} was changed meanwhile and left as it is; run the command again")


def _put(file: Path, target: Path, before: bytes | None, after: bytes | None, *, private: bool) -> None:
    """Write the file, or remove it; what its client writes until right before that is seen."""
    if after is None:
        _refuse_changed(file, before)
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with durable.replacing(target) as opened:
        _fill(opened, after, None if before is None else target, private=private)
        opened.flush()
        durable.flush(Path(opened.name))  # which takes a while
        _refuse_changed(file, before)


def _backup(file: Path, target: Path, before: bytes, now: datetime, *, private: bool) -> Path:
    """Keep the old bytes under a name of their own; the names sort by age."""
    base = f"{file.name}.{BACKUP}-{now:%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        backup = file.with_name(base if number == 1 else f"{base}-{number:03}")
        with suppress(FileExistsError):
            with durable.creating(backup) as opened:
                _fill(opened, before, target, private=private)
            return backup
    raise ClientFileError(f"{file} was changed a thousand times in this second; run the command again")


def _fill(opened: BinaryIO, content: bytes, like: Path | None, *, private: bool) -> None:
    """Write the content; only then the file gets the owner of `like` and, unless it is private, its mode."""
    opened.write(content)
    if like is not None:
        found = like.stat()
        with suppress(OSError):  # only root may give a file to somebody else
            os.fchown(opened.fileno(), found.st_uid, found.st_gid)
        if not private:
            os.fchmod(opened.fileno(), stat.S_IMODE(found.st_mode))
