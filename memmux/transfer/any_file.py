"""Any file that can be imported: what it is, is seen by what is in it, and its memories are brought in.

The one place that chooses the format, for the command line and for uploads. A module of a format is imported where a
file has it.
"""

from __future__ import annotations

import contextlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from memmux.client.blocking import Client
from memmux.config.database_header import is_ours
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError
from memmux.mms import private_copy
from memmux.transfer import jsonl, recognise
from memmux.transfer.formats.base import Line, Skips
from memmux.transfer.jsonl import Report
from memmux.transfer.made import Made
from memmux.transfer.take import Taken, take

if TYPE_CHECKING:
    from memmux.mms.json_export import Export
    from memmux.mms.report import Report as OfMms

EXPORT_BYTES = 1 << 30  # of an export of mcp-memory-service, which is read as a whole
_NOT_COUNTS = ("made", "memories")

Counted: TypeAlias = "jsonl.Imported | Taken | OfMms"
"""What became of the memories of a file, by its format."""


def _nothing(_: Line) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How memories are brought in.

    namespace: where all go; None for the one that each is in. report: is told how far it is. told: is told of each
    memory. stopped: asked again and again whether to take no more; what was taken until then stays, and is counted.
    copies: the folder in which a database is copied; None for the system's.
    """

    settings: Settings
    namespace: str | None
    report: Report
    told: Callable[[Line], None] = _nothing
    stopped: Callable[[], bool] = _never
    copies: Path | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file. broken: whether something of it could not be taken, which somebody may miss."""

    counted: Counted
    made: Made
    broken: bool

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON has them."""
        if isinstance(self.counted, jsonl.Imported | Taken):
            said = orjson.loads(orjson.dumps(self.counted))
            kept = {name: value for name, value in said.items() if name not in _NOT_COUNTS}
            return {"count": self.counted.memories, **kept}
        return self.counted.to_json()


class Source(ABC):
    """A file that was recognised. format: its name. label: that for people."""

    format: str
    label: str

    def bring(self, into: Client | None, way: Way) -> Brought:
        """Bring its memories in; into: None counts them only. Raises StorageError, and whatever the client raises.

        A namespace that is named is the one that a store means by that name; those that the memories have stay exact.
        """
        if into is not None and way.namespace is not None:
            known = into.list(limit=1, namespace=way.namespace)
            way = replace(way, namespace=next((one.namespace for one in known), way.namespace))
        return self._bring(into, way)

    @abstractmethod
    def _bring(self, into: Client | None, way: Way) -> Brought:
        """Bring its memories in, into exactly the namespace that is named."""

    @property
    def taken(self) -> Taken | None:
        """What was taken until now, also where `bring` fails; None for a format that does not say."""
        return None


def look(
    opened: io.BufferedReader[Any] | None,
    path: Path,
    name: str,
    *,
    piped: bool = False,
    forced: str | None = None,
    most: int = EXPORT_BYTES,
) -> Source:
    """Return what a file is; opened: None for a folder, and then `path` is one.

    name: of it for people. piped: whether nothing is at the path. forced: the name of its format, if it is not to be
    recognised. most: bytes of what has to be read as a whole. Raises ArgumentInvalidError for what has nothing to
    import.
    """
    skips = Skips()
    if opened is None:
        return _Others(recognise.of_folder(path, skips, forced), name, skips)
    begin = opened.peek()
    if begin.startswith(private_copy.MAGIC) and not piped:
        return _Own(path, name) if is_ours(begin) else _Theirs(path, None)
    if forced is None and jsonl.begins(begin.partition(b"\n")[0]):
        return _Export(opened)
    if (found := recognise.of_file(opened, skips, forced)) is not None:
        if isinstance(opened.raw, Followed):
            opened.raw.times = found.times
        return _Others(found, name, skips)
    from memmux.mms import json_export

    data = opened.read(most + 1)
    if len(data) > most:
        raise ArgumentInvalidError(f"{name} has more than {most} bytes, the most; {recognise.UNKNOWN}")
    export = json_export.parsed(data)
    if export is None:
        raise ArgumentInvalidError(f"{name}: {recognise.UNKNOWN}")
    return _Theirs(path, export)


class Followed(io.FileIO):
    """An open file that tells how much of it was read. times: how often it will be."""

    def __init__(self, path: Path, report: Report) -> None:
        super().__init__(path, "rb")
        self._report = report
        self._read = 0
        self._size = path.stat().st_size
        self.times = 1

    def readinto(self, buffer: Any, /) -> int | None:
        """Read as much as there is room for, and tell."""
        size = super().readinto(buffer)
        self._read += size or 0
        whole = self.times * self._size
        self._report(min(self._read, whole), whole)
        return size


@contextlib.contextmanager
def reading(path: Path, report: Report) -> Iterator[io.BufferedReader[Any]]:
    """Open a file to be looked at; report: is told how far it is read. Raises OSError."""
    with io.BufferedReader(Followed(path, report), recognise.BUFFER_BYTES) as opened:
        yield opened


class _Export(Source):
    """An export of memmux."""

    format = label = jsonl.FORMAT

    def __init__(self, opened: io.BufferedReader[Any]) -> None:
        self._opened = opened

    def _bring(self, into: Client | None, way: Way) -> Brought:
        done = jsonl.read(into, self._opened, namespace=way.namespace, told=way.told, stopped=way.stopped)
        return Brought(done, done.made, bool(done.broken))


class _Own(Source):
    """A database of memmux."""

    format = jsonl.FORMAT
    label = "a database of memmux"

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._taken = Taken(format=self.format, path=name)

    @property
    def taken(self) -> Taken | None:
        return self._taken

    def _bring(self, into: Client | None, way: Way) -> Brought:
        from memmux.transfer import database

        path, settings = self._path, way.settings
        if settings.remote is None and settings.database.exists() and path.samefile(settings.database):
            raise ArgumentInvalidError(f"{path} is the database itself; name another one, or a backup")
        elsewhere = {} if way.namespace is None else {"namespace": way.namespace}
        lines = ({**line, **elsewhere} for line in database.lines(path, settings, way.report, way.copies))
        return _taken(into, self._taken, lines, Skips(), way, newest=True)


class _Theirs(Source):
    """A database of mcp-memory-service, or an export of one."""

    def __init__(self, path: Path, export: Export | None) -> None:
        from memmux.mms import ids

        self.format = self.label = ids.SOURCE
        self._path, self._export = path, export

    def _bring(self, into: Client | None, way: Way) -> Brought:
        from memmux.mms import ids, source
        from memmux.transfer import mms

        model = ids.MODEL if into is None else mms.model_of(into)  # to count them, it does not matter
        made = Made()
        with contextlib.ExitStack() as stack:
            if self._export is None:
                held = stack.enter_context(source.of_database(self._path, model, folder=way.copies))
            else:
                held = source.Source(self._path, self._export, model)
            done = mms.take(
                into, held, way.report, namespace=way.namespace, told=way.told, made=made, stopped=way.stopped
            )
        return Brought(done, made, bool(done.left_out))


class _Others(Source):
    """What others wrote."""

    def __init__(self, found: recognise.RecognisedFile, name: str, skips: Skips) -> None:
        self.format, self.label = found.format, found.label
        self._lines, self._skips = found.lines, skips
        self._taken = Taken(format=found.format, path=name)

    @property
    def taken(self) -> Taken | None:
        return self._taken

    def bring(self, into: Client | None, way: Way) -> Brought:
        return super().bring(into, replace(way, namespace=way.namespace or way.settings.namespace))

    def _bring(self, into: Client | None, way: Way) -> Brought:
        lines = self._lines(way.namespace or way.settings.namespace)
        return _taken(into, self._taken, lines, self._skips, way)


def _taken(
    into: Client | None, taken: Taken, lines: Iterator[Line], skips: Skips, way: Way, *, newest: bool = False
) -> Brought:
    take(into, taken, lines, skips, way.told, newest=newest, stopped=way.stopped)
    return Brought(taken, taken.made, bool(taken.broken or skips.broken))
