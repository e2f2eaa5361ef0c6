"""One import: a file is taken in, and what became of it is said."""

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

from memmux.cli import output
from memmux.client.blocking import Client
from memmux.config import typed
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, MemmuxError, StoragePermissionError
from memmux.transfer import any_file, jsonl, recognise
from memmux.transfer.formats.base import Line
from memmux.transfer.jsonl import Report
from memmux.transfer.take import Taken
from memmux.wire.counts import amount, amounts
from memmux.wire.times import from_epoch

STANDARD = "-"  # standard input or output
SHOWN = 20  # problems that are printed
FIRST = 5  # memories that a dry run shows
DRY = "nothing was stored: a dry run, which does not compare with what is here already"


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
        with output.progress("importing") as report, reading(self.file, report) as opened:
            source = any_file.look(opened, self._path, self.name, piped=self._piped, forced=self.format)
            way = any_file.Way(settings=self.settings, namespace=self.namespace, report=report, told=self._told)
            try:
                with self._client() as client:
                    brought = source.bring(client, way)
                    undo = [] if client is None else brought.made.undo(client)
            except MemmuxError:
                if source.taken is not None and source.taken.memories and not self.dry_run:
                    created = source.taken.created
                    output.note(f"{created} memories were imported before that; done again, the import goes on")
                raise
        if not self.as_json:
            self._show_first()
            self._show(brought.counted, source.label)
            _show_undo(undo)
        return self._imported(self._document(brought), undo, brought.broken)

    @property
    def _piped(self) -> bool:
        return self.file == STANDARD

    @property
    def _path(self) -> Path:
        return typed.path(self.file)

    @property
    def name(self) -> str:
        """What it is imported from, for people."""
        return "standard input" if self._piped else str(self._path)

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

    def _show(self, counted: any_file.Counted, label: str) -> None:
        """Print what became of the memories."""
        if isinstance(counted, jsonl.Imported):
            _show_lines(counted, dry_run=self.dry_run)
        elif isinstance(counted, Taken):
            _show_taken(counted, label, dry_run=self.dry_run)
        else:
            for text in (*counted.lines(dry_run=self.dry_run), *([DRY] if self.dry_run else [])):
                output.line(text)

    def _document(self, brought: any_file.Brought) -> dict[str, Any]:
        said = brought.to_json()
        if isinstance(brought.counted, jsonl.Imported | Taken):
            return {"path": self.name, **said}
        return {"path": said.pop("source"), **said, "at": from_epoch(brought.counted.at)}

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


def _show_undo(undo: list[str]) -> None:
    if undo:
        named = ", then ".join(f"`memmux undo {part}`" for part in undo)
        output.line(f"{named} {'takes' if len(undo) == 1 else 'take'} it back")


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
        same = amount(taken.merged, "message")
        output.line(f"{same} said the same as earlier ones, and became one memory with them", err=True)
    for missing in taken.missing[:SHOWN]:
        output.line(output.styled("left out", fg="yellow"), f": {missing.name}: {missing.reason}", err=True)
    threads = f" in {amount(taken.threads, 'thread')}" if taken.threads else ""
    linked = f", {amount(taken.links, 'link')}" if taken.links else ""
    output.line(f"{label}: {amount(taken.memories, 'memory')}{threads}{linked}")
    became = amounts(
        {
            "created": taken.created,
            "updated": taken.updated,
            "there already": taken.skipped,
            "merged": taken.merged,
            "broken": taken.broken,
        },
        {"conflict": taken.conflicts, "duplicate": taken.duplicates},
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
    states = {"created": done.created, "there already": done.skipped, "broken": done.broken}
    nouns = {"conflict": done.conflicts, "duplicate": done.duplicates}
    held = amount(done.memories, "memory") if dry_run else ""
    output.line(", ".join(filter(None, [held, amounts(states, nouns)])) or "nothing to import")
    if dry_run:
        output.line(DRY)


@contextlib.contextmanager
def reading(file: str, report: Report) -> Iterator[io.BufferedReader[Any] | None]:
    """Open `file`, and give None for a folder; report: is told how far it is read.

    Raises ArgumentInvalidError for a device, which may never end, unless it is a terminal; a pipe is read.
    """
    path = typed.path(file)
    if file == STANDARD:
        assert isinstance(sys.stdin.buffer, io.BufferedReader)
        _refuse_device(sys.stdin.buffer, "standard input")
        yield sys.stdin.buffer
        return
    if path.is_dir():
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(any_file.reading(path, report))
        except FileNotFoundError:
            raise ArgumentInvalidError(f"there is no file {path}") from None
        except OSError as error:
            raise StoragePermissionError(f"{path} can't be read: {error.strerror}; name another file") from None
        _refuse_device(opened, str(path))
        yield opened


def _refuse_device(opened: BinaryIO, name: str) -> None:
    mode = os.fstat(opened.fileno()).st_mode
    if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not opened.isatty():
        raise ArgumentInvalidError(f"{name} is a device, which has no memories in it; name a file")
