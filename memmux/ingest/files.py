"""Which files an ingest reads: those that are named or in a folder that is, inside the folders that may be read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memmux import limits
from memmux.errors import ArgumentInvalidError, PathRefusedError
from memmux.ingest.formats import EXTENSIONS
from memmux.ingest.parser import Cancelled, check, never

_LEFT_OUT = frozenset({"node_modules", "__pycache__"})  # and what is hidden

Complain = Callable[[Path, str], None]
"""Called with a file or folder that is not read, and why."""


PIECE_BYTES = 1 << 20  # that are read at once
SHOWN = 10  # reasons for which files are left out


@dataclass(frozen=True, slots=True)
class Opened:
    """A file's bytes, and their SHA-256 in hex."""

    data: bytes | bytearray
    digest: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a path means: `named` without symbolic links, whether it is a folder, and its files in order of their names.

    left_out: how many files, and folders with all that is in them, are not read, by the reason.
    """

    named: Path
    folder: bool
    files: tuple[Path, ...]
    left_out: Counter[str] = field(default_factory=Counter)


def choose(
    path: Path,
    *,
    roots: Sequence[Path] | None,
    recursive: bool,
    extensions: Collection[str] | None,
    max_files: int,
    complain: Complain,
    cancelled: Cancelled = never,
) -> Chosen:
    """Return the files that a path means, each as its absolute path without symbolic links, in order of their names.

    roots: the folders that may be read; None for the path itself and what is inside it. extensions: of the files to
    read of a folder; None for those in EXTENSIONS. Raises PathRefusedError for a path outside the roots,
    ArgumentInvalidError for one that is not there, CancelledError. What leads out of the roots further down is left out
    with a complaint, and so is a folder of which nothing is read.
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
        raise ArgumentInvalidError(
            f"{named} can't be read: {error.strerror}; what is known of it stays, unless `memmux forget --source` says"
            " otherwise"
        ) from None
    if not folder:
        return Chosen(named, folder=False, files=(named,))
    wanted = EXTENSIONS if extensions is None else {f".{name.lower().removeprefix('.')}" for name in extensions}
    left_out: Counter[str] = Counter()
    found: dict[Path, None] = {}
    for file in _documents(
        named, wanted, inside, left_out, recursive=recursive, complain=complain, cancelled=cancelled
    ):
        if len(found) == max_files and file not in found:
            complain(
                named, f"it has more than {max_files} files, the most that were asked for; the others are left out"
            )
            break
        found[file] = None
    left_out = +left_out  # without what did not occur
    if not found:
        complain(named, f"no file in it is read{f': {_counts(left_out)}' if left_out else ', as it has none'}")
    return Chosen(named, folder=True, files=tuple(found), left_out=left_out)


def _documents(
    folder: Path,
    wanted: Collection[str],
    inside: Sequence[Path],
    left_out: Counter[str],
    *,
    recursive: bool,
    complain: Complain,
    cancelled: Cancelled,
) -> Iterator[Path]:
    """Yield the files of a folder that are to be read, as they are without links."""
    for found in _walk(folder, left_out, recursive=recursive, complain=complain):
        check(cancelled)
        if (extension := found.suffix.lower()) not in wanted:
            left_out[extension or "no extension"] += 1
            continue
        try:
            file = found.resolve()
        except (OSError, RuntimeError):
            complain(found, "it is a link that leads nowhere")
            continue
        if reason := _refusal(file, inside):
            complain(found, reason)
        else:
            yield file


def _counts(left_out: Counter[str]) -> str:
    """Return what was left out, the most frequent first."""
    return ", ".join(f"{why} {count}" for why, count in left_out.most_common(SHOWN))


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


def _walk(folder: Path, left_out: Counter[str], *, recursive: bool, complain: Complain) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        complain(Path(error.filename), f"it can't be read: {error.strerror}")

    for here, folders, files in os.walk(folder, onerror=failed):
        left_out["folders"] += 0 if recursive else len(folders)
        kept = [name for name in folders if _is_plain([name])] if recursive else []
        if recursive:
            left_out["hidden folders"] += sum(name.startswith(".") for name in folders)
            left_out["/".join(sorted(_LEFT_OUT))] += len(_LEFT_OUT & set(folders))
            left_out["links to folders"] += sum(Path(here, name).is_symlink() for name in kept)  # are not followed
        left_out["hidden files"] += sum(not _is_plain([name]) for name in files)
        folders[:] = sorted(kept)
        yield from (Path(here, name) for name in sorted(files) if _is_plain([name]))


def read(path: Path, cancelled: Cancelled = never) -> Opened:
    """Return what is in a file; raise ArgumentInvalidError, which says why it can't be read, or CancelledError."""
    data, digest = bytearray(), hashlib.sha256()
    try:
        # The path has no symbolic links: one that is there now was put there since. And no pipe may stop us.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise ArgumentInvalidError("it is no ordinary file")
            while (piece := opened.read(PIECE_BYTES)) != b"":
                if piece is None:
                    raise ArgumentInvalidError("it is no ordinary file: it has nothing to be read yet")
                data += piece
                digest.update(piece)
                # A file may grow while it is read.
                if len(data) > limits.INGEST_FILE_BYTES:
                    raise ArgumentInvalidError(f"it has more than {limits.INGEST_FILE_BYTES} bytes, the most; split it")
                check(cancelled)
    except OSError as error:
        raise ArgumentInvalidError(f"it can't be read: {error.strerror}") from None
    return Opened(data, digest.hexdigest())


def size(path: Path) -> int:
    """Return the bytes of a file, 0 if they are not known."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def is_gone(path: Path) -> bool:
    """Return whether there is no file of this name; one that nobody may look at is not gone."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False
