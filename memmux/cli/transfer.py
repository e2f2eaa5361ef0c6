"""The commands that carry all memories from one database to another: export and import."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from memmux.cli import output
from memmux.cli.options import json_option, with_memories, with_settings
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, StoragePermissionError, of_system
from memmux.files import copies, durable
from memmux.mms.ids import SOURCE
from memmux.mms.report import Report
from memmux.transfer import jsonl
from memmux.wire.times import from_epoch

STANDARD = "-"  # standard output or input
BROKEN = 1  # the exit code of an import with lines that are no memories
SHOWN = 20  # problems that are printed


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
@json_option
@with_settings
def import_memories(settings: Settings, file: str, *, as_json: bool) -> None:
    """Bring the memories of FILE, which an export wrote, into the database; with - from standard input.

    FILE may also be a database of mcp-memory-service, which may be in use and is not changed, or its JSON export. What
    is there already is skipped, so an import that was interrupted is done again and goes on; a memory of
    mcp-memory-service that changed there and not here is brought up to date. A memory that is there with another state
    stays as it is. Ends with 1 if some of them are no memories; the others are imported.
    """
    with _client(settings) as client, _reading(file) as (opened, size):
        if (taken := _take(client, file, opened)) is not None:
            if as_json:
                said = taken.to_json()
                output.document({"path": said.pop("source"), **said, "at": from_epoch(taken.at)})
            else:
                for text in taken.lines():
                    output.line(text)
            click.get_current_context().exit(BROKEN if taken.left_out else 0)
        with output.progress("importing") as report:
            imported = jsonl.read(client, opened, size=size, report=report)
    if as_json:
        output.document(imported)
    else:
        _show(imported)
    click.get_current_context().exit(BROKEN if imported.broken else 0)


def _take(client: Client, file: str, opened: BinaryIO) -> Report | None:
    """Import a file of mcp-memory-service and report; None for any other, of which then nothing was read."""
    from memmux.mms import snapshot, source  # only an import pays for it
    from memmux.transfer import mms  # only an import pays for it

    assert isinstance(opened, io.BufferedReader)
    head = opened.peek()
    path = Path(file).expanduser().absolute()
    if file != STANDARD and head.startswith(snapshot.MAGIC):
        with source.of_database(path, mms.model_of(client)) as held, output.progress("importing") as report:
            return mms.take(client, held, report)
    if not head.lstrip().startswith(b"{") or jsonl.begins(head.partition(b"\n")[0]):
        return None
    data = opened.read()
    found = source.of_export(path, data, mms.model_of(client))
    if found is None:
        raise ArgumentInvalidError(jsonl.NO_EXPORT)
    with output.progress("importing") as report:
        return mms.take(client, found, report)


def _show(imported: jsonl.Imported) -> None:
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
    output.line(", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to import")


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """Open a file, for its owner alone like the database, that takes the place of `target` when the block ends."""
    try:
        with durable.replacing(target) as opened:
            yield opened
    except OSError as error:
        raise of_system(error, f"{target} can't be written") from None


@contextlib.contextmanager
def _reading(file: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open `file` and give its size; 0 for standard input.

    Raises ArgumentInvalidError for a device, which may never end, unless it is a terminal; a pipe is read.
    """
    if file == STANDARD:
        _refuse_device(sys.stdin.buffer, "standard input")
        yield sys.stdin.buffer, 0
        return
    path = Path(file).expanduser().absolute()
    try:
        opened = path.open("rb")
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
