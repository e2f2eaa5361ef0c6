"""Any file that can be imported: it is recognised by what is in it, and its memories are brought in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from memmux.client.blocking import Client
from memmux.config.database_header import is_ours
from memmux.errors import ArgumentInvalidError
from memmux.mms import ids, json_export, snapshot, source
from memmux.transfer import database, jsonl, mms, recognise
from memmux.transfer.formats.base import Line, Skips
from memmux.transfer.jsonl import Report
from memmux.transfer.made import Made
from memmux.transfer.take import Taken, take

EXPORT_BYTES = 64 << 20  # of an export of mcp-memory-service, which is read as a whole
_UNSAID = ("made", "memories", "path", "source")


def bring(client: Client, file: Path, *, namespace: str | None, dry_run: bool, report: Report) -> dict[str, Any]:
    """Bring the memories of a file into the cluster of a client; return what became of them, as JSON has it.

    A database is copied for that, into the folder that it is in.

    namespace: where all go; None for the one that each is in. dry_run: only count. Raises ArgumentInvalidError for a
    file in which there is nothing to import, and whatever the client raises.
    """
    into = None if dry_run else client
    with io.BufferedReader(file.open("rb", buffering=0), recognise.BUFFER_BYTES) as opened:
        begin = opened.peek()
        if begin.startswith(snapshot.MAGIC):
            done, made = _database(client, into, file, namespace, report, ours=is_ours(begin))
        elif jsonl.begins(begin.partition(b"\n")[0]):
            size = file.stat().st_size
            lines = jsonl.read(into, opened, size=size, report=report, namespace=namespace)
            done, made = {"format": jsonl.FORMAT, "count": lines.memories, **_plain(lines)}, lines.made
        else:
            done, made = _others(client, into, opened, file, namespace, report)
    return {**done, "undo": [] if into is None else made.undo(client), "dry_run": dry_run}


def _database(
    client: Client, into: Client | None, file: Path, namespace: str | None, report: Report, *, ours: bool
) -> tuple[dict[str, Any], Made]:
    if ours:
        elsewhere = {} if namespace is None else {"namespace": namespace}
        lines = ({**line, **elsewhere} for line in database.lines(file, client.settings, report, file.parent))
        return _taken(into, jsonl.FORMAT, lines, Skips(), newest=True)
    with source.of_database(file, mms.model_of(client), folder=file.parent) as held:
        return _mms(into, held, namespace, report)


def _others(  # noqa: PLR0917 - what all of them are given
    client: Client,
    into: Client | None,
    opened: io.BufferedReader[Any],
    file: Path,
    namespace: str | None,
    report: Report,
) -> tuple[dict[str, Any], Made]:
    skips = Skips()
    found = recognise.of_file(opened, skips)
    if found is not None:
        return _taken(into, found.format, found.lines(namespace or client.settings.namespace), skips)
    data = opened.read(EXPORT_BYTES + 1)
    export = json_export.parsed(data) if len(data) <= EXPORT_BYTES else None
    if export is None:
        raise ArgumentInvalidError(recognise.UNKNOWN)
    return _mms(into, source.Source(file, export, mms.model_of(client)), namespace, report)


def _mms(
    into: Client | None, held: source.Source, namespace: str | None, report: Report
) -> tuple[dict[str, Any], Made]:
    made = Made()
    taken = mms.take(into, held, report, namespace=namespace, told=_nothing, made=made)
    said = taken.to_json()
    del said["source"]
    return {"format": ids.SOURCE, **said}, made


def _taken(
    into: Client | None, format_: str, lines: Iterator[Line], skips: Skips, *, newest: bool = False
) -> tuple[dict[str, Any], Made]:
    taken = take(into, Taken(format=format_, path=""), lines, skips, _nothing, newest=newest)
    return {"count": taken.memories, **_plain(taken)}, taken.made


def _nothing(_: Line) -> None:
    """Tell nobody."""


def _plain(counted: object) -> dict[str, Any]:
    return {name: value for name, value in orjson.loads(orjson.dumps(counted)).items() if name not in _UNSAID}
