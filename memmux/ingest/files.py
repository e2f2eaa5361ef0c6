"""Which files an ingest reads: those that are named or in a folder that is, inside the folders that may be read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memmux import limits
from memmux.errors import ArgumentInvalidError, PathRefusedError

EXTENSIONS = frozenset(".txt .text .md .markdown .rst .json .jsonl .ndjson .pdf".split())  # noqa: SIM905 - a list
"""What is read of a folder unless told otherwise."""

_LEFT_OUT = frozenset({"node_modules", "__pycache__"})  # and what is hidden

Complain = Callable[[Path, str], None]
"""Called with a file or folder that is not read, and why."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file's bytes, and their SHA-256 in hex."""

    data: bytes
    digest: str


def choose(
    path: Path,
    *,
    roots: Sequence[Path] | None,
    recursive: bool,
    extensions: Collection[str] | None,
    max_files: int,
    complain: Complain,
) -> list[Path]:
    """Return the files that a path means, each as its absolute path without symbolic links, in order of their names.

    roots: the folders that may be read; None for the path itself and what is inside it. extensions: of the files to
    read of a folder; None for those in EXTENSIONS. Raises PathRefusedError for a path outside the roots,
    ArgumentInvalidError for one that is not there. What leads out of the roots further down is left out with a
    complaint.
    """
    try:
        named = path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ArgumentInvalidError(f"{str(path)!r} is no path: {error}") from None
    inside = [named] if roots is None else [root.expanduser().resolve() for root in roots]
    if reason := _refusal(named, inside):
        raise PathRefusedError(reason)
    try:
        folder = stat.S_ISDIR(named.stat().st_mode)
    except OSError as error:
        raise ArgumentInvalidError(f"{named} can't be read: {error.strerror}") from None
    if not folder:
        return [named]
    wanted = EXTENSIONS if extensions is None else {f".{name.lower().removeprefix('.')}" for name in extensions}
    files: dict[Path, None] = {}
    for found in _walk(named, recursive=recursive, complain=complain):
        if found.suffix.lower() not in wanted:
            continue
        try:
            file = found.resolve()
        except (OSError, RuntimeError):
            complain(found, "it is a link that leads nowhere")
            continue
        if reason := _refusal(file, inside):
            complain(found, reason)
        elif len(files) == max_files and file not in files:
            complain(
                named, f"it has more than {max_files} files, the most that were asked for; the others are left out"
            )
            break
        else:
            files[file] = None
    return list(files)


def _refusal(path: Path, roots: Sequence[Path]) -> str | None:
    """Return why a path must not be read, if it must not; all paths are without symbolic links."""
    inside = [root for root in roots if path.is_relative_to(root)]
    if not inside:
        return f"{path} is outside the folders that may be read; name its folder in MEMMUX_INGEST_ROOTS"
    if not any(_is_plain(path.relative_to(root).parts) for root in inside):
        return f"{path} is hidden or in a folder that is never read; move it, or name its folder in MEMMUX_INGEST_ROOTS"
    return None


def _is_plain(names: Sequence[str]) -> bool:
    return not any(name.startswith(".") or name in _LEFT_OUT for name in names)


def _walk(folder: Path, *, recursive: bool, complain: Complain) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        complain(Path(error.filename), f"it can't be read: {error.strerror}")

    for here, folders, files in os.walk(folder, onerror=failed):  # links to folders are not followed
        folders[:] = sorted(name for name in folders if _is_plain([name])) if recursive else []
        yield from (Path(here, name) for name in sorted(files) if _is_plain([name]))


def read(path: Path) -> Opened:
    """Return what is in a file; raise ArgumentInvalidError, which says why it can't be read."""
    try:
        # The path has no symbolic links: one that is there now was put there since. And no pipe may stop us.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise ArgumentInvalidError("it is no ordinary file")
            data = opened.read(limits.INGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ArgumentInvalidError(f"it can't be read: {error.strerror}") from None
    if len(data) > limits.INGEST_FILE_BYTES:
        raise ArgumentInvalidError(f"it has more than {limits.INGEST_FILE_BYTES} bytes, the most; split it")
    return Opened(data, hashlib.sha256(data).hexdigest())


def size(path: Path) -> int:
    """Return the bytes of a file, 0 if they are not known."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
