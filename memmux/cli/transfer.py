"""The commands that carry all memories from one database to another: export and import."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import click
import orjson
from click.core import ParameterSource

from memmux.cli import output
from memmux.cli.imports import STANDARD, Import
from memmux.cli.options import json_option, with_memories, with_settings
from memmux.client.blocking import Client
from memmux.config import typed
from memmux.config.database_header import is_sqlite
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, MemmuxError, OutputError, of_system
from memmux.files import copies, durable
from memmux.mms.ids import SOURCE
from memmux.transfer import jsonl, recognise
from memmux.wire.checks import check_namespace
from memmux.wire.counts import amount

BROKEN = 1  # the exit code of an import with lines that are no memories


def _client(settings: Settings) -> Client:
    return Client(settings=settings, name="cli")


@click.command("export")
@click.argument("file", required=False)
@click.option(
    "--to",
    "into",
    metavar="FILE.db",
    help="Into a new database of memmux instead: the way from PostgreSQL back to a file.",
)
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
def export_memories(
    settings: Settings, file: str | None, *, into: str | None, vectors: bool, format_: str, as_json: bool
) -> None:
    """Write all memories of all namespaces to FILE, one JSON object a line; with - to standard output.

    Deleted ones that were not purged come along. FILE is there once it is complete; before that it is called
    FILE.memmux-….partial. A database, of memmux by --to or of mcp-memory-service, always has vectors, and does not
    replace a file.
    """
    if (file is None) == (into is None):
        raise ArgumentInvalidError("name either a FILE, or a database with --to")
    if file is None:
        assert into is not None
        if click.get_current_context().get_parameter_source("format_") is not ParameterSource.DEFAULT:
            raise ArgumentInvalidError("--to makes a database of memmux; leave --format out, or name a FILE")
        _fill(settings, typed.path(into), as_json=as_json)
        return
    if file == STANDARD and as_json:
        raise ArgumentInvalidError("the memories go to standard output, so --json can't; leave it out, or name a file")
    if file == STANDARD and format_ == SOURCE:
        raise ArgumentInvalidError("a database can't go to standard output; name a file")
    target = typed.path(file)
    if format_ == SOURCE:
        _give(settings, target, as_json=as_json)
        return
    with (
        _client(settings) as client,
        contextlib.nullcontext(sys.stdout.buffer) if file == STANDARD else _writing(target) as opened,
        output.progress("exporting") as report,
    ):
        exported = jsonl.write(client, opened, vectors=vectors, report=report)
        opened.flush()
    if file != STANDARD and target.is_file():
        _note(settings, target)
    if as_json:
        output.document({"path": str(target), "count": exported.memories, "deleted": exported.deleted})
        return
    name = "standard output" if file == STANDARD else str(target)
    deleted = f", {exported.deleted} of them deleted" if exported.deleted else ""
    output.line(f"{name}  {amount(exported.memories, 'memory')}{deleted}", err=file == STANDARD)


def _fill(settings: Settings, target: Path, *, as_json: bool) -> None:
    """Write a database of memmux; ends with 1 if it did not take all."""
    from memmux.transfer import to_file  # only for such an export

    with _client(settings) as client, output.progress("exporting") as report:
        given = to_file.give(client, target, report)
    _note(settings, target)
    if as_json:
        output.document({"path": str(target), "count": given.memories, "deleted": given.deleted})
    else:
        deleted = f", {given.deleted} of them deleted" if given.deleted else ""
        output.line(f"{target}  {amount(given.memories, 'memory')}{deleted}")
    for problem in given.problems:
        output.line(f"{problem['id']}: {problem['message']}", err=True)
    click.get_current_context().exit(BROKEN if given.refused else 0)


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
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
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
@click.option(
    "--dry-run", is_flag=True, help="Only count, and show the first; nothing is stored, nor compared with what is here."
)
@json_option
@with_settings
def import_memories(
    settings: Settings,
    files: Sequence[str],
    *,
    format_: str | None,
    namespace: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring the memories of each FILE into the database; with - from standard input.

    FILE is recognised by what is in it: an export, a database or a backup of memmux; a database or a JSON export of
    mcp-memory-service; memory.jsonl of server-memory; a folder of basic-memory; exported conversations of Claude or
    ChatGPT; or an archive (.zip) of one of the last. A database may be in use, and is not changed.

    What is there already is skipped, so an import may be done again: it takes what is new. A memory that changed there
    and not here is brought up to date, one that was changed here stays as it is. Ends with 1 if something could not be
    taken; the rest is imported. The last line says how `memmux undo` takes it back.
    """
    if namespace is not None:
        check_namespace("namespace", namespace)
    asked = [
        Import(settings=settings, file=file, format=format_, namespace=namespace, dry_run=dry_run, as_json=as_json)
        for file in files
    ]
    if len(asked) == 1:
        done = asked[0].run()
        if as_json:
            output.document(done.document)
        click.get_current_context().exit(BROKEN if done.broken else 0)
    _import_each(asked, as_json=as_json)


def _import_each(asked: Sequence[Import], *, as_json: bool) -> NoReturn:
    """Import several files; one that can't be imported is named, and does not stop the others."""
    documents: list[dict[str, Any]] = []
    broken = False
    for one in asked:
        if not as_json:
            output.line(output.styled(one.name, bold=True))
        try:
            done = one.run()
        except OutputError:  # which is no fault of the file
            raise
        except MemmuxError as error:
            broken = True
            documents.append({"path": one.name, "error": error.to_json()})
            if not as_json:
                output.failure(error, as_json=False)
        else:
            broken = broken or done.broken
            documents.append(done.document)
    if as_json:
        output.document({"imports": documents})
    click.get_current_context().exit(BROKEN if broken else 0)


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[BinaryIO]:
    """Open a file, for its owner alone like the database, that takes the place of `target` when the block ends.

    What is no file, such as a pipe, is written to as it is. A link is followed. Raises ArgumentInvalidError for a
    database, be it the one that is exported.
    """
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as opened:
                yield opened
            return
        if is_sqlite(target):
            raise ArgumentInvalidError(f"{target} is a database, which an export would replace; name another file")
        with durable.replacing(target.resolve()) as opened:
            yield opened
    except OSError as error:
        raise of_system(error, f"{target} can't be written") from None
