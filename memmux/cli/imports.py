"""One import: it tells what a file is, has it taken in, and says what became of it."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from memmux.cli import output
from memmux.client.blocking import Client
from memmux.config.database_header import is_ours
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, MemmuxError, StoragePermissionError
from memmux.mms import snapshot
from memmux.transfer import jsonl, recognise
from memmux.transfer.formats.base import Line, Skips
from memmux.transfer.made import Made
from memmux.transfer.take import Taken, take
from memmux.wire.times import from_epoch

STANDARD = "-"  # standard input or output
SHOWN = 20  # problems that are printed
FIRST = 5  # memories that a dry run shows
DRY = "nothing was stored: a dry run, which does not compare with what is here already"
EXPORT_BYTES = 1 << 30  # of an export of mcp-memory-service, which is read as a whole
_UNSAID = ("made", "memories")  # which a document has under other names


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What is said with --json of an import, and whether something could not be taken."""

    document: dict[str, Any]
    broken: bool


@dataclass(slots=True, kw_only=True)
class Import:
    """An import of one file, as it was asked for: `run` does it, and prints what became of it unless as_json.

    format: what the file is; None to recognise it. namespace: where all go; None for the one that each is in.
    """

    settings: Settings
    file: str
    format: str | None
    namespace: str | None
    dry_run: bool
    as_json: bool
    _first: list[Line] = field(default_factory=list)

    def run(self) -> Imported:
        """Bring the memories of the file in; raise ArgumentInvalidError for one that has none, and StorageError."""
        if self.file != STANDARD and Path(self.file).expanduser().is_dir():
            return self._others(None)
        with reading(self.file) as (opened, size):
            begin = opened.peek()
            if begin.startswith(snapshot.MAGIC) and self.file != STANDARD:
                return self._own() if is_ours(begin) else self._mms(None)
            if self.format is None and jsonl.begins(begin.partition(b"\n")[0]):
                return self._lines(opened, size)
            return self._others(opened)

    @property
    def _path(self) -> Path:
        return Path(self.file).expanduser().absolute()

    @property
    def name(self) -> str:
        """What it is imported from, for people."""
        return "standard input" if self.file == STANDARD else str(self._path)

    def _told(self, line: Line) -> None:
        if len(self._first) < FIRST:
            self._first.append(line)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Client | None]:
        """Give a client; none if nothing is to be stored."""
        if self.dry_run:
            yield None
            return
        with Client(settings=self.settings, name="cli") as client:
            yield client

    def _lines(self, opened: io.BufferedReader, size: int) -> Imported:
        """Import an export of memmux."""
        with self._client() as client, output.progress("importing") as report:
            done = jsonl.read(client, opened, size=size, report=report, namespace=self.namespace, told=self._told)
            undo = _undo(client, done.made)
        if not self.as_json:
            self._show_first()
            _show_lines(done, dry_run=self.dry_run)
            _show_undo(undo)
        return self._imported({"path": self.name, "count": done.memories, **_plain(done)}, undo, bool(done.broken))

    def _mms(self, data: bytes | None) -> Imported:
        """Import a database of mcp-memory-service, or its export; data: of the export."""
        from memmux.mms import ids, json_export, source  # only an import of theirs pays for it
        from memmux.transfer import mms  # only an import of theirs pays for it

        export = None if data is None else json_export.parsed(data)
        if data is not None and export is None:
            raise ArgumentInvalidError(f"{self._path}: {recognise.UNKNOWN}")
        made = Made()
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(self._client())
            model = ids.MODEL if client is None else mms.model_of(client)  # a dry run tells what is in the file
            if export is None:
                held = stack.enter_context(source.of_database(self._path, model))
            else:
                held = source.Source(self._path, export, model)
            report = stack.enter_context(output.progress("importing"))
            taken = mms.take(client, held, report, namespace=self.namespace, told=self._told, made=made)
            undo = _undo(client, made)
        if not self.as_json:
            self._show_first()
            for text in (*taken.lines(dry_run=self.dry_run), *([DRY] if self.dry_run else [])):
                output.line(text)
            _show_undo(undo)
        said = taken.to_json()
        document = {"path": said.pop("source"), **said, "at": from_epoch(taken.at)}
        return self._imported(document, undo, bool(taken.left_out))

    def _own(self) -> Imported:
        """Import a database of memmux."""
        from memmux.transfer import database  # only such an import pays for it

        path, settings = self._path, self.settings
        if settings.remote is None and settings.database.exists() and path.samefile(settings.database):
            raise ArgumentInvalidError(f"{path} is the database itself; name another one, or a backup")
        elsewhere = {} if self.namespace is None else {"namespace": self.namespace}
        with output.progress("importing") as report:
            lines = ({**line, **elsewhere} for line in database.lines(path, settings, report))
            return self._take(jsonl.FORMAT, database.LABEL, lines, Skips())

    def _others(self, opened: io.BufferedReader | None) -> Imported:
        """Import what others wrote; opened: None for a folder."""
        path, skips, forced = self._path, Skips(), self.format
        found = recognise.of_folder(path, skips, forced) if opened is None else recognise.of_file(opened, skips, forced)
        if found is None:
            assert opened is not None
            data = opened.read(EXPORT_BYTES + 1)
            if len(data) > EXPORT_BYTES:
                raise ArgumentInvalidError(f"{path} has more than {EXPORT_BYTES} bytes, the most; {recognise.UNKNOWN}")
            return self._mms(data)
        lines = found.lines(self.namespace or self.settings.namespace)
        return self._take(found.format, found.label, lines, skips)

    def _take(self, format_: str, label: str, lines: Iterator[Line], skips: Skips) -> Imported:
        taken = Taken(format=format_, path=self.name)
        try:
            with self._client() as client:
                take(client, taken, lines, skips, self._told, newest=format_ == jsonl.FORMAT)
                undo = _undo(client, taken.made)
        except MemmuxError:
            if taken.memories and not self.dry_run:
                output.note(f"{taken.created} memories were imported before that; done again, the import goes on")
            raise
        if not self.as_json:
            self._show_first()
            _show_taken(taken, label, dry_run=self.dry_run)
            _show_undo(undo)
        document = {"path": taken.path, "count": taken.memories, **_plain(taken)}
        return self._imported(document, undo, bool(taken.broken or skips.broken))

    def _imported(self, document: dict[str, Any], undo: list[str], broken: bool) -> Imported:
        return Imported(document={**document, "undo": undo, "dry_run": self.dry_run}, broken=broken)

    def _show_first(self) -> None:
        """Print the first memories, if it is a dry run."""
        for line in self._first if self.dry_run else ():
            deleted = ("  deleted",) if line.get("deleted_at") is not None else ()
            tags = line.get("tags") if isinstance(line.get("tags"), list) else []
            kind = output.styled(str(line.get("type") or "memory"), fg="magenta")
            output.line(kind, *(f"  #{tag}" for tag in tags or []), *deleted)
            output.line("  ", output.preview(line["content"]))


def _undo(client: Client | None, made: Made) -> list[str]:
    return [] if client is None else made.undo(client)


def _plain(counted: object) -> dict[str, Any]:
    """Return the counts of an import as JSON has them."""
    return {name: value for name, value in orjson.loads(orjson.dumps(counted)).items() if name not in _UNSAID}


def _show_undo(undo: list[str]) -> None:
    if undo:
        named = ", then ".join(f"`memmux undo {part}`" for part in undo)
        output.line(f"{named} {'takes' if len(undo) == 1 else 'take'} it back")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _show_taken(taken: Taken, label: str, *, dry_run: bool) -> None:
    """Print what became of the memories of others."""
    spoken = taken.format in recognise.OF_CONVERSATIONS
    told = [problem for problem in taken.problems if not (spoken and problem.status == "merged")]
    for problem in told[:SHOWN]:
        output.line(output.styled(problem.status, fg="yellow"), f": {problem.message}", err=True)
    known = taken.conflicts + taken.duplicates + taken.broken + (0 if spoken else taken.merged)
    if (more := known - SHOWN) > 0:
        output.line(f"and {more} more", err=True)
    if spoken and taken.merged:  # what many say, as yes, ok, go on
        same = "1 message" if taken.merged == 1 else f"{taken.merged} messages"
        output.line(f"{same} said the same as earlier ones, and became one memory with them", err=True)
    for missing in taken.missing[:SHOWN]:
        output.line(output.styled("left out", fg="yellow"), f": {missing.name}: {missing.reason}", err=True)
    threads = f" in {taken.threads} threads" if taken.threads else ""
    linked = f", {taken.links} links" if taken.links else ""
    output.line(f"{label}: {taken.memories} memories{threads}{linked}")
    became = _counted(
        {
            "created": taken.created,
            "updated": taken.updated,
            "there already": taken.skipped,
            "merged": taken.merged,
            "conflicts": taken.conflicts,
            "duplicates": taken.duplicates,
            "broken": taken.broken,
        }
    )
    output.line(DRY if dry_run else became or "nothing to import")
    if taken.left_out:
        reasons = ", ".join(f"{why} {count}" for why, count in taken.left_out.items())
        output.line(f"left out: {sum(taken.left_out.values())} ({reasons})")


def _show_lines(done: jsonl.Imported, *, dry_run: bool) -> None:
    """Print what became of the lines of an export."""
    for problem in done.problems[:SHOWN]:
        status = output.styled(problem.status, fg="red" if problem.status == "broken" else "yellow")
        output.line(f"line {problem.line}: ", status, f": {problem.message}", err=True)
    if (more := done.conflicts + done.duplicates + done.broken - SHOWN) > 0:
        output.line(f"and {more} more", err=True)
    counts = {
        "created": done.created,
        "there already": done.skipped,
        "conflicts": done.conflicts,
        "duplicates": done.duplicates,
        "broken": done.broken,
    }
    if dry_run:
        counts = {"memories": done.memories, **counts}
    output.line(_counted(counts) or "nothing to import")
    if dry_run:
        output.line(DRY)


@contextlib.contextmanager
def reading(file: str) -> Iterator[tuple[io.BufferedReader[Any], int]]:
    """Open `file` and give its size; 0 for standard input.

    Raises ArgumentInvalidError for a device, which may never end, unless it is a terminal; a pipe is read.
    """
    if file == STANDARD:
        assert isinstance(sys.stdin.buffer, io.BufferedReader)
        _refuse_device(sys.stdin.buffer, "standard input")
        yield sys.stdin.buffer, 0
        return
    path = Path(file).expanduser().absolute()
    try:
        opened = io.BufferedReader(path.open("rb", buffering=0), recognise.BUFFER_BYTES)
    except FileNotFoundError:
        raise ArgumentInvalidError(f"there is no file {path}") from None
    except OSError as error:
        raise StoragePermissionError(f"{path} can't be read: {error.strerror}; name another file") from None
    with opened:
        _refuse_device(opened, str(path))
        yield opened, path.stat().st_size


def _refuse_device(opened: BinaryIO, name: str) -> None:
    mode = os.fstat(opened.fileno()).st_mode
    if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not opened.isatty():
        raise ArgumentInvalidError(f"{name} is a device, which has no memories in it; name a file")
