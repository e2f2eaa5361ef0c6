"""The console scripts of mcp-memory-service as launchers of memmux, for what starts them and can't be told otherwise.

Only `memmux install --shadow` makes them, and never in the place of a file that is not ours. They run
`python -P -m memmux.cli.shadow_launcher NAME ARGUMENTS…`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from memmux.errors import ScriptForeignError, StoragePermissionError

SCRIPTS = ("memory", "memory-server", "mcp-memory-server")
MARKER = "made by `memmux install --shadow`"
_HEAD_BYTES = 400  # the marker stands in them
_EXECUTABLE = 0o755


class Status(StrEnum):
    """The result for a script."""

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "already installed"
    REMOVED = "removed"
    ABSENT = "not installed"
    FOREIGN = "another's, left as it is"


@dataclass(frozen=True, slots=True)
class Script:
    """A script in a folder, and what became of it."""

    path: Path
    status: Status


def shadows(command: str) -> bool:
    """Return whether a command is one of these scripts, found as a shell finds it."""
    found = shutil.which(command)
    return found is not None and _ours(Path(found))


def install(folder: Path, *, executable: str = sys.executable, dry_run: bool = False) -> list[Script]:
    """Make the scripts in `folder`; raise ScriptForeignError, and make none, if one would replace another's file."""
    paths = _paths(folder)
    foreign = [str(path) for path in paths if os.path.lexists(path) and not _ours(path)]
    if foreign:
        raise ScriptForeignError(
            f"{', '.join(foreign)} is there and not ours, so nothing was made; remove what it belongs to, or "
            "choose another folder with --to"
        )
    scripts = []
    for path in paths:
        content = _content(path.stem, executable, path.suffix)
        status = Status.UPDATED if path.exists() else Status.INSTALLED
        if status is Status.UPDATED and path.read_bytes() == content:
            status = Status.UNCHANGED
        elif not dry_run:
            _write(path, content)
        scripts.append(Script(path, status))
    return scripts


def uninstall(folder: Path, *, dry_run: bool = False) -> list[Script]:
    """Remove the scripts from `folder`; those that are not ours stay."""
    scripts = []
    for path in _paths(folder):
        status = Status.REMOVED if _ours(path) else Status.FOREIGN if os.path.lexists(path) else Status.ABSENT
        if status is Status.REMOVED and not dry_run:
            try:
                path.unlink()
            except OSError as error:
                raise _refused(path, error) from None
        scripts.append(Script(path, status))
    return scripts


def _paths(folder: Path) -> list[Path]:
    return [folder / (f"{name}.cmd" if os.name == "nt" else name) for name in SCRIPTS]


def _ours(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return MARKER.encode() in opened.read(_HEAD_BYTES)
    except OSError:
        return False


def _content(name: str, executable: str, suffix: str) -> bytes:
    python = str(Path(executable).absolute())  # not resolved: a virtual environment's is a link
    if suffix == ".cmd":
        return f'@rem {MARKER}\r\n@"{python}" -P -m memmux.cli.shadow_launcher {name} %*\r\n'.encode()
    # A shell, because a first line that names Python may not be long nor hold a space.
    return f'#!/bin/sh\n# {MARKER}\nexec {shlex.quote(python)} -P -m memmux.cli.shadow_launcher {name} "$@"\n'.encode()


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.memmux-partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.chmod(_EXECUTABLE)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise _refused(path, error) from None


def _refused(path: Path, error: OSError) -> StoragePermissionError:
    return StoragePermissionError(f"{path} can't be written: {error.strerror}; choose another folder with --to")
