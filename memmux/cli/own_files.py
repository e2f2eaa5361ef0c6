"""What memmux made: the files of a database, and in its folders, known by name and content, and what is among them.

A link to a folder is followed, as memmux follows it: what memmux made there is found, and the link itself is another's.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from memmux.config import database_url
from memmux.config.database_header import refuse_foreign
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.files import private
from memmux.files.copies import beside
from memmux.trust.keys import Keys
from memmux.wire.counts import amount

Known = Callable[[Path], bool] | tuple[tuple[str, Any], ...]
"""Says of a file whether memmux made it, or, of a folder, what is in it: patterns of whole names, and of each the same.

A name that two patterns match goes by the first.
"""


@dataclass(slots=True)
class OwnFiles:
    """files: that memmux made. folders: that it made, the innermost first. others: what else stands in their places."""

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    def look(self, path: Path, known: Known) -> None:
        """Take in what is at a path, if anything is."""
        if not os.path.lexists(path):
            return
        linked = path.is_symlink()
        if callable(known):
            (self.files if path.is_file() and not linked and known(path) else self.others).append(path)
        elif path.is_dir():
            self._look_into(path, known)
            (self.others if linked else self.folders).append(path)
        else:
            self.others.append(path)

    def _look_into(self, folder: Path, known: tuple[tuple[str, Known], ...]) -> None:
        for inner in sorted(folder.iterdir()):
            found = next((each for name, each in known if re.fullmatch(name, inner.name)), None)
            if found is None:
                self.others.append(inner)
            else:
                self.look(inner, found)

    def remove(self) -> None:
        """Remove the files, and the folders that have nothing else in them."""
        for file in self.files:
            file.unlink(missing_ok=True)
        for folder in self.folders:
            with suppress(OSError):  # it has something in it
                folder.rmdir()

    def described(self) -> str:
        """Return how many files these are, and how large."""
        size = sum(file.stat().st_size for file in self.files)
        return f"{amount(len(self.files), 'file')}, {size / (1 << 20):.1f} MiB"


def _any(path: Path) -> bool:
    """Return that a name alone says enough, as SQLite gives it to what it keeps beside a database."""
    return path.name != ""


def _database(path: Path) -> bool:
    try:
        refuse_foreign(path)
    except MemmuxError:
        return False
    return True


def _says(*names: str) -> Callable[[Path], bool]:
    """Return whether a file is empty, or its first line is a JSON object that has these members."""

    def known(path: Path) -> bool:
        try:
            with path.open("rb") as lines:
                first = lines.readline(_LINE_BYTES)
            fields = orjson.loads(first) if first.strip() else dict.fromkeys(names)
        except (OSError, ValueError):
            return False
        return isinstance(fields, dict) and fields.keys() >= set(names)

    return known


def _empty(path: Path) -> bool:
    return path.stat().st_size == 0


def _keys(path: Path) -> bool:
    try:
        Keys.from_bytes(private.read(path), path)
    except (OSError, MemmuxError):
        return False
    return True


def _report(path: Path) -> bool:
    """Return whether a file is the report of an adoption."""
    try:
        fields = orjson.loads(private.read(path))
    except (OSError, ValueError):
        return False
    return isinstance(fields, dict) and fields.keys() >= {"source", "found", "outcome"}


def _log(path: Path) -> bool:
    """Return whether a file is a log: a line of it says so; one may be half written."""
    try:
        with path.open("rb") as file:
            lines = file.read(_LINE_BYTES).splitlines()
    except OSError:
        return False
    return not lines or any(_is_event(line) for line in lines)


def _is_event(line: bytes) -> bool:
    with suppress(ValueError):
        fields = orjson.loads(line)
        return isinstance(fields, dict) and fields.keys() >= {"process", "pid", "database"}
    return False


_LINE_BYTES = 1 << 20
_LEFT = r"\.memmux-[0-9a-f]{8}\.partial"  # of a durable write that was killed
_DURABLE = "(lineage|endpoint|keys|curve|signing|copies)"  # files beside a database that are written whole
_OF_SQLITE = "(-wal|-shm|-journal)"
_TIME = r"\d{8}T\d{6}Z"
_SEGMENT = ((r"segment\.json|(rows|vectors|sum)\.npy|lists\.faiss", _any),)
_INDEX = (("lock", _empty), (r"(\d+-[0-9a-f]{16}-\d+|building)(\.partial)?", _SEGMENT))
_ADOPTING = (
    (rf"memories\.db{_OF_SQLITE}", _any),
    (r"memories\.db", _database),
    (r"memmux-\w+", ((rf"copy\.db{_OF_SQLITE}?", _any),)),
)
_LOGS = (
    (r"[a-z][a-z0-9_-]*(\.\d+)?(\.\d{8}T\d{12})?\.jsonl", _log),
    (rf"(router|service)\.err|adoption\.json{_LEFT}", _any),
    (r"adoption\.json", _report),
)
_MODEL_FILE = r"(.+\.(json|txt|model|onnx|onnx\.data)|model.*\.safetensors|pytorch_model.*\.bin)(\.part)?|\.commit"
_MODEL = ((_MODEL_FILE, _any), (r"\d+_\w+", ((_MODEL_FILE, _any),)))
_LOCK_OF_MODEL = re.compile(r"\.(.+--.+)\.lock|(.+-[0-9a-f]{12}-\d+)\.lock")  # downloaded, or packed
_BENCH = ((rf"vectors-[0-9a-f]{{32}}\.npz({_LEFT})?", _any),)
_ROUTES = ((rf"[0-9a-f]{{24}}(\.lock|{_LEFT})?|alone", _any),)
_BESIDE: tuple[tuple[str, Known], ...] = (
    *((suffix, _any) for suffix in ("-wal", "-shm", "-journal")),
    (".lock", _says("pid", "since")),
    *((suffix, _empty) for suffix in (".spawn", ".keys.lock")),
    (".lineage", _says("database", "log", "router")),
    (".endpoint", _says("pid", "version")),
    (".keys", _keys),
    (".curve", _says("public", "secret")),
    (".signing", _says("format", "secret")),
    (".copies", _says("path", "at")),
    (".index", _INDEX),
    (".adopting", _ADOPTING),
    *((suffix, _database) for suffix in (".restored", ".restoring")),
)


def of_database(settings: Settings) -> OwnFiles:
    """Return what belongs to the database of the settings; nothing of one that is not memmux's."""
    places, found = Places(settings), OwnFiles()
    database = places.database
    if not _database(database):
        return found
    found.look(database, _database)
    for suffix, known in _BESIDE:
        found.look(database.with_name(f"{database.name}{suffix}"), known)
    for kept in beside(database):
        by_sqlite = re.search(rf"{_OF_SQLITE}$|-wal\.orphaned-[\dT.]+Z$", kept.name)
        found.look(kept, _any if by_sqlite else _database)
    for left in sorted(database.parent.glob(f"{glob.escape(database.name)}.*.partial")):
        if re.fullmatch(rf"\.{_DURABLE}{_LEFT}", left.name.removeprefix(database.name)):
            found.look(left, _any)
    found.look(Places(replace(settings, backups_dir=None)).backups, _backups(database.stem))
    if settings.backups_dir is not None and settings.backups_dir.is_dir():
        _look_elsewhere(found, settings.backups_dir, places.backups_stem)
    if database_url.is_home(database) and database.parent.is_dir():
        found.folders.append(database.parent)
    return found


def _look_elsewhere(found: OwnFiles, folder: Path, stem: str) -> None:
    """Look for a database's backups in a folder that the user named, where others may be."""
    for name, known in _backups(stem):
        for path in sorted(folder.iterdir()):
            if re.fullmatch(name, path.name):
                found.look(path, known)


def _backups(stem: str) -> tuple[tuple[str, Known], ...]:
    """Return what is in a folder of backups whose names begin so."""
    name = rf"{re.escape(stem)}-{_TIME}-\d+\.db"
    return ((rf"{name}(\.partial)?{_OF_SQLITE}", _any), (rf"{name}(\.partial)?", _database))


def of_logs(folder: Path) -> OwnFiles:
    """Return the logs in a folder that has one for each database, named by its digest."""
    found = OwnFiles()
    for inner in sorted(folder.iterdir()) if folder.is_dir() else ():
        if re.fullmatch(r"[0-9a-f]{12}", inner.name):
            found.look(inner, _LOGS)
    return found


def of_models(folder: Path) -> OwnFiles:
    """Return the models in a folder: a lock is beside each that memmux put there."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [_LOCK_OF_MODEL.fullmatch(path.name) for path in inside]
    made = "|".join(re.escape(lock[1] or lock[2]) for lock in found if lock) or "(?!)"
    return _among(
        folder,
        (rf"\.?({made})\.lock", _empty),
        (rf"{made}|\.({made})\.partial", _MODEL),
        (r"digests\.json", _says()),
        (rf"digests\.json{_LEFT}", _any),
    )


def of_bench(folder: Path) -> OwnFiles:
    """Return the vectors in a folder that measurements have kept."""
    return _among(folder, *_BENCH)


def of_routes(folder: Path) -> OwnFiles:
    """Return the routes in a folder, and the locks of relays."""
    return _among(folder, *_ROUTES)


def _among(folder: Path, *known: tuple[str, Known]) -> OwnFiles:
    """Return what is in a folder; nothing if all that is in it is another's, as then the folder is, too."""
    found = OwnFiles()
    found.look(folder, known)
    return OwnFiles() if found.others and not found.files else found
