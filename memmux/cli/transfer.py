"""The commands that carry all memories from one database to another: export and import."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from memmux.cli import output
from memmux.cli.options import json_option, with_memories, with_settings
from memmux.client.blocking import Client
from memmux.config.database_header import is_ours
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, MemmuxError, StoragePermissionError, of_system
from memmux.files import copies, durable
from memmux.mms import snapshot
from memmux.mms.ids import SOURCE
from memmux.transfer import jsonl, recognise
from memmux.transfer.formats.base import Line, Skips
from memmux.transfer.take import Taken, take
from memmux.wire.checks import check_namespace
from memmux.wire.times import from_epoch

STANDARD = "-"  # standard output or input
BROKEN = 1  # the exit code of an import with lines that are no memories
SHOWN = 20  # problems that are printed
DRY = "nothing was stored: a dry run"
FIRST = 5  # memories that a dry run shows
EXPORT_BYTES = 1 << 30  # of an export of mcp-memory-service, which is read as a whole


def _client(settings: Settings) -> Client:
    return Client(settings=settings, name="cli")


@click.command("export")
@click.argument("file")
@click.option("--vectors", is_flag=True, help="With the vectors, so that an import need not make them again.")
@click.option(
    "--format",
    "format_",
    type=click.Choice([jsonl.FORMAT, SOURCE]),
    default=jsonl.FORMAT,
    show_default=True,
    help=f"JSON lines, which lose nothing; or a database that releases 12.x of {SOURCE} open.",
)
@json_option
@with_memories
def export_memories(settings: Settings, file: str, *, vectors: bool, format_: str, as_json: bool) -> None:
    """Write all memories of all namespaces to FILE, one JSON object a line; with - to standard output.

    Deleted ones that were not purged come along. FILE is there once it is complete; before that it is called
    FILE.memmux-….partial. A database of mcp-memory-service always has vectors, and does not replace a file.
    """
    if file == STANDARD and as_json:
        raise ArgumentInvalidError("the memories go to standard output, so --json can't; leave it out, or name a file")
    if file == STANDARD and format_ == SOURCE:
        raise ArgumentInvalidError("a database can't go to standard output; name a file")
    target = Path(file).expanduser().absolute()
    if format_ == SOURCE:
        _give(settings, target, as_json=as_json)
        return
    with (
        _client(settings) as client,
        contextlib.nullcontext(sys.stdout.buffer) if file == STANDARD else _replacing(target) as opened,
        output.progress("exporting") as report,
    ):
        exported = jsonl.write(client, opened, vectors=vectors, report=report)
        opened.flush()
    if file != STANDARD:
        _note(settings, target)
    if as_json:
        output.document({"path": str(target), "count": exported.memories, "deleted": exported.deleted})
        return
    name = "standard output" if file == STANDARD else str(target)
    deleted = f", {exported.deleted} of them deleted" if exported.deleted else ""
    output.line(f"{name}  {exported.memories} memories{deleted}", err=file == STANDARD)


def _give(settings: Settings, target: Path, *, as_json: bool) -> None:
    """Write a database of mcp-memory-service."""
    from memmux.transfer import mms  # only for files of theirs

    with _client(settings) as client, output.progress("exporting") as report:
        written = mms.give(client, target, report)
    _note(settings, target)
    if as_json:
        said = orjson.loads(orjson.dumps(written))
        output.document({"path": str(target), "count": said.pop("memories"), **said})
    else:
        first, *more = written.lines()
        for text in (f"{target}  {first}", *more):
            output.line(text)


def _note(settings: Settings, target: Path) -> None:
    """Remember an export, for who purges a memory that is in it."""
    if settings.remote is None:
        copies.note(settings.database, target)


@click.command("import")
@click.argument("file")
@click.option(
    "--from",
    "format_",
    metavar="FORMAT",
    type=click.Choice(recognise.NAMES),
    help=f"What FILE is, if it is not to be recognised: {', '.join(recognise.NAMES)}.",
)
@click.option(
    "--namespace",
    metavar="NAME",
    help="Where all of them go. By default those of a memmux keep theirs, and others get that of the settings.",
)
@click.option("--dry-run", is_flag=True, help="Only count, and show the first; nothing is stored.")
@json_option
@with_settings
def import_memories(
    settings: Settings, file: str, *, format_: str | None, namespace: str | None, dry_run: bool, as_json: bool
) -> None:
    """Bring the memories of FILE into the database; with - from standard input.

    FILE is recognised by what is in it: an export, a database or a backup of memmux; a database or a JSON export of
    mcp-memory-service; memory.jsonl of server-memory; a folder of basic-memory; exported conversations of Claude or
    ChatGPT; or an archive (.zip) of one of the last. A database may be in use, and is not changed.

    What is there already is skipped, so an import may be done again: it takes what is new. A memory that changed there
    and not here is brought up to date, one that was changed here stays as it is. Ends with 1 if something could not be
    taken; the rest is imported.
    """
    if namespace is not None:
        check_namespace("namespace", namespace)
    if file != STANDARD and Path(file).expanduser().is_dir():
        _import_other(settings, file, None, format_, namespace, dry_run=dry_run, as_json=as_json)
        return
    with _reading(file) as (opened, size):
        begin = opened.peek()
        if begin.startswith(snapshot.MAGIC) and file != STANDARD:
            path = Path(file).expanduser().absolute()
            if is_ours(begin):
                _import_own(settings, path, namespace, dry_run=dry_run, as_json=as_json)
            else:
                _import_mms(settings, path, None, namespace, dry_run=dry_run, as_json=as_json)
        elif format_ is None and jsonl.begins(begin.partition(b"\n")[0]):
            with _maybe(settings, dry_run) as client, output.progress("importing") as report:
                imported = jsonl.read(client, opened, size=size, report=report, namespace=namespace)
            if as_json:
                output.document({**orjson.loads(orjson.dumps(imported)), "dry_run": dry_run})
            else:
                _show(imported, dry_run=dry_run)
            click.get_current_context().exit(BROKEN if imported.broken else 0)
        else:
            _import_other(settings, file, opened, format_, namespace, dry_run=dry_run, as_json=as_json)


@contextlib.contextmanager
def _maybe(settings: Settings, dry_run: bool) -> Iterator[Client | None]:
    """Give a client; none if nothing is to be stored."""
    if dry_run:
        yield None
        return
    with _client(settings) as client:
        yield client


def _import_mms(
    settings: Settings, path: Path, data: bytes | None, namespace: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """Import a database of mcp-memory-service, or its export; data: of the export."""
    from memmux.mms import json_export, source  # only an import of theirs pays for it
    from memmux.transfer import mms  # only an import of theirs pays for it

    export = None if data is None else json_export.parsed(data)
    if data is not None and export is None:
        raise ArgumentInvalidError(f"{path}: {recognise.UNKNOWN}")
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(_maybe(settings, dry_run))
        model = None if client is None else mms.model_of(client)
        if export is None:
            held = stack.enter_context(source.of_database(path, model))
        else:
            held = source.Source(path, export, model)
        taken = mms.take(client, held, stack.enter_context(output.progress("importing")), namespace)
    if as_json:
        said = taken.to_json()
        output.document({"path": said.pop("source"), **said, "at": from_epoch(taken.at), "dry_run": dry_run})
    else:
        for text in taken.lines():
            output.line(text)
        if dry_run:
            output.line(DRY)
    click.get_current_context().exit(BROKEN if taken.left_out else 0)


def _import_own(settings: Settings, path: Path, namespace: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Import a database of memmux."""
    from memmux.transfer import database  # only such an import pays for it

    if settings.remote is None and settings.database.exists() and path.samefile(settings.database):
        raise ArgumentInvalidError(f"{path} is the database itself; name another one, or a backup")
    elsewhere = {} if namespace is None else {"namespace": namespace}
    with output.progress("importing") as report:
        lines = ({**line, **elsewhere} for line in database.lines(path, settings, report))
        taken = Taken(format=jsonl.FORMAT, path=str(path))
        _take(settings, taken, database.LABEL, lines, Skips(), dry_run=dry_run, as_json=as_json)


def _import_other(
    settings: Settings,
    file: str,
    opened: io.BufferedReader | None,
    forced: str | None,
    namespace: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import what others wrote; opened: None for a folder."""
    path, skips = Path(file).expanduser().absolute(), Skips()
    found = recognise.of_folder(path, skips, forced) if opened is None else recognise.of_file(opened, skips, forced)
    if found is None:
        assert opened is not None
        data = opened.read(EXPORT_BYTES + 1)
        if len(data) > EXPORT_BYTES:
            raise ArgumentInvalidError(f"{path} has more than {EXPORT_BYTES} bytes, the most; {recognise.UNKNOWN}")
        _import_mms(settings, path, data, namespace, dry_run=dry_run, as_json=as_json)
        return
    taken = Taken(format=found.format, path="standard input" if file == STANDARD else str(path))
    lines = found.lines(namespace or settings.namespace)
    _take(settings, taken, found.label, lines, skips, dry_run=dry_run, as_json=as_json)


def _take(
    settings: Settings,
    taken: Taken,
    label: str,
    lines: Iterator[Line],
    skips: Skips,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    first: list[Line] = []

    def told(line: Line) -> None:
        if len(first) < FIRST:
            first.append(line)

    try:
        with _maybe(settings, dry_run) as client:
            take(client, taken, lines, skips, told, newest=taken.format == jsonl.FORMAT)
    except MemmuxError:
        if taken.memories and not dry_run:
            output.note(f"{taken.created} memories were imported before that; done again, the import goes on")
        raise
    if as_json:
        said = orjson.loads(orjson.dumps(taken))
        output.document({"path": said.pop("path"), "count": said.pop("memories"), **said, "dry_run": dry_run})
    else:
        _show_taken(taken, label, first if dry_run else [], dry_run=dry_run)
    click.get_current_context().exit(BROKEN if taken.broken or skips.broken else 0)


def _show_taken(taken: Taken, label: str, first: Sequence[Line], *, dry_run: bool) -> None:
    """Print what became of the memories of others; first: those that are shown."""
    spoken = taken.format in recognise.OF_CONVERSATIONS
    for line in first:
        output.line(output.styled(line["type"] or "memory", fg="magenta"), *(f"  #{tag}" for tag in line["tags"]))
        output.line("  ", output.preview(line["content"]))
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
    counts = {
        "created": taken.created,
        "updated": taken.updated,
        "there already": taken.skipped,
        "merged": taken.merged,
        "conflicts": taken.conflicts,
        "duplicates": taken.duplicates,
        "broken": taken.broken,
    }
    became = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    output.line(DRY if dry_run else became or "nothing to import")
    if taken.left_out:
        reasons = ", ".join(f"{why} {count}" for why, count in taken.left_out.items())
        output.line(f"left out: {sum(taken.left_out.values())} ({reasons})")


def _show(imported: jsonl.Imported, *, dry_run: bool) -> None:
    for problem in imported.problems[:SHOWN]:
        status = output.styled(problem.status, fg="red" if problem.status == "broken" else "yellow")
        output.line(f"line {problem.line}: ", status, f": {problem.message}", err=True)
    if (more := imported.conflicts + imported.duplicates + imported.broken - SHOWN) > 0:
        output.line(f"and {more} more", err=True)
    counts = {
        "created": imported.created,
        "there already": imported.skipped,
        "conflicts": imported.conflicts,
        "duplicates": imported.duplicates,
        "broken": imported.broken,
    }
    if dry_run:
        counts = {"memories": counts.pop("created"), **counts}
    output.line(", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to import")
    if dry_run:
        output.line(DRY)


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """Open a file, for its owner alone like the database, that takes the place of `target` when the block ends."""
    try:
        with durable.replacing(target) as opened:
            yield opened
    except OSError as error:
        raise of_system(error, f"{target} can't be written") from None


@contextlib.contextmanager
def _reading(file: str) -> Iterator[tuple[io.BufferedReader[Any], int]]:
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
