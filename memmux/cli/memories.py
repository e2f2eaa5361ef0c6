"""The commands about memories: store, search, get, list, update, delete and forget."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import click

from memmux import limits
from memmux.cli import absent, output
from memmux.cli.memory_options import (
    description_options,
    filter_options,
    namespace_option,
    offset_option,
    selection_options,
)
from memmux.cli.options import json_option, with_memories, with_settings
from memmux.cli.questions import SHOWN, ask, asks
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, ContentTooLongError, NotFoundError
from memmux.wire.answers import Forgotten, Page, SearchResult
from memmux.wire.requests import Mode

NEAR = 0.5  # a cosine above which nobody need be asked whether a memory is near the query


def _client(settings: Settings) -> Client:
    return Client(settings=settings, name="cli")


def _text(argument: str) -> str:
    """Return the argument, or for `-` what stands on standard input, without byte order mark and last line feed."""
    if argument != "-":
        return argument
    data = sys.stdin.buffer.read(len(codecs.BOM_UTF8) + limits.CONTENT_BYTES + 2).removeprefix(codecs.BOM_UTF8)
    if len(data.removesuffix(b"\n")) > limits.CONTENT_BYTES:
        raise ContentTooLongError(
            f"standard input has more than {limits.CONTENT_BYTES} bytes, the most; split it into several memories"
        )
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise ArgumentInvalidError("standard input is not UTF-8; convert it first") from None


@click.command()
@click.argument("text")
@click.option("--similar", is_flag=True, help="Also name memories that say nearly the same.")
@click.option("--thread", metavar="NAME", help="What it belongs to, such as a conversation.")
@click.option("--place", metavar="N", type=int, help="Where it stands in its thread.")
@description_options
@json_option
@with_settings
def store(settings: Settings, text: str, *, as_json: bool, **description: Any) -> None:
    """Remember TEXT; with - what stands on standard input.

    A text that is there already is not stored twice: the answer names the memory that holds it, which takes up new
    tags, and metadata that it lacks.
    """
    with _client(settings) as client:
        stored = client.store(_text(text), **description)
    if as_json:
        output.document(stored)
        return
    there = f"already there{', with more ' + ' and '.join(stored.merged) if stored.merged else ''}"
    output.line(f"{stored.id}  {there if stored.status == 'duplicate' else 'stored'}")
    for similar in stored.similar:
        output.line(f"{similar.id}  says nearly the same ({similar.score:.3f})")
    output.warn(stored.degraded)


@click.command()
@click.argument("query")
@click.option("--limit", metavar="N", type=int, default=10, show_default=True, help="At most so many memories.")
@offset_option
@click.option("--min-score", metavar="SCORE", type=float, help="Only with this score or a better one.")
@click.option("--min-similarity", metavar="COSINE", type=float, help="Only as near by meaning, from -1 to 1.")
@click.option("--only-relevant", is_flag=True, help="Only what is near by meaning or has the words of QUERY.")
@click.option(
    "--mode", metavar="MODE", default=Mode.HYBRID.value, show_default=True, help=f"How to rank: {', '.join(Mode)}."
)
@click.option("--no-cues", is_flag=True, help="Rank by words and meaning alone, whatever MEMMUX_CUES says.")
@click.option("--why", is_flag=True, help="Also say what each score is the sum of.")
@click.option(
    "--context", metavar="N", type=int, default=0, show_default=True, help="Also so many before and after each."
)
@click.option(
    "--context-weight",
    metavar="WEIGHT",
    type=float,
    default=1.0,
    show_default=True,
    help="How much those around a memory say for it, from 0 to 1.",
)
@click.option("--include-superseded", is_flag=True, help="Also those that a newer version has taken the place of.")
@filter_options
@json_option
@with_memories
def search(settings: Settings, query: str, *, as_json: bool, no_cues: bool, **options: Any) -> None:
    """Find the memories that answer QUERY best, best first.

    Each has its score and its cosine with QUERY. The score ranks within this answer: 1.000 is the most that words and
    meaning give the best, 0.000 the least, and cues of the question, such as a date, add to it. The cosine can be
    compared between searches: 1.00 says the same, above 0.50 is near, near 0.00 has nothing to do with it. Where no
    memory is near or has the words, that is said; --only-relevant finds nothing then.
    """
    options["cues"] = () if no_cues else None
    with _client(settings) as client:
        result = client.search(query, short=not as_json, **options)
        far = not as_json and _all_far(client, result, query, options)
        gone = [] if as_json else _absent(client, options, result)
    if as_json:
        output.document(result)
        return
    for hit in result.hits:
        output.summary(hit.memory, hit.score, hit.similarity, short=result.short.get(hit.memory.id))
        for side, memories in (("before", hit.before), ("after", hit.after)):
            for memory in memories:
                output.beside(side, memory)
    if not result.hits:
        output.line("nothing found")
    elif options["why"]:
        output.table("why", *_whys(result))
    if far:
        output.note("no close match: none is near by meaning or has the words; --only-relevant leaves such out")
    output.notes([note.replace("min_similarity ", "--min-similarity ") for note in (*result.notes, *gone)])
    output.warn(result.degraded)


def _absent(client: Client, options: Mapping[str, Any], found: SearchResult | Page) -> list[str]:
    """Return what is said of tags and a client that are asked for and are not there; what is found has them all."""
    namespace = options["namespace"]
    if found.notes:  # which say that there is no such namespace, or why nothing is found
        return []
    if len(found):
        return absent.tags(client, options["tags"], namespace) if options["any_tag"] else []
    return [
        *absent.tags(client, options["tags"], namespace),
        *absent.clients(client, options.get("client"), namespace),
    ]


def _whys(result: SearchResult) -> tuple[list[str], list[list[str]]]:
    """Return the parts of scores as columns and rows of a table: a column for each part that a hit has."""
    whys = [hit.why or {} for hit in result]
    names = list(dict.fromkeys(name for why in whys for name in why))
    rows = [
        [
            f"{hit.score:.3f}",
            *(f"{why[name]:.3f}" if name in why else "" for name in names),
            result.short.get(hit.memory.id, hit.memory.id),
        ]
        for hit, why in zip(result, whys, strict=True)
    ]
    return ["score", *names, "memory"], rows


def _all_far(client: Client, result: SearchResult, query: str, options: Mapping[str, Any]) -> bool:
    """Return whether what was found has nothing to do with the query, as the cluster judges it."""
    chosen = options["only_relevant"] or options["min_similarity"] is not None or options["offset"]
    if not result.hits or chosen or result.mode not in (Mode.HYBRID, Mode.RANKED):
        return False
    if any(hit.similarity is None or hit.similarity >= NEAR for hit in result):
        return False
    return not client.search(query, **{**options, "only_relevant": True, "limit": 1}).hits


@click.command()
@click.argument("memory_id", metavar="ID")
@namespace_option
@json_option
@with_memories
def get(settings: Settings, memory_id: str, *, namespace: str, as_json: bool) -> None:
    """Print the memory with this ID (or content hash)."""
    with _client(settings) as client:
        memory = client.get(memory_id, namespace=namespace)
    if as_json:
        output.document(memory)
    else:
        output.whole(memory)
        output.warn(memory.degraded)


@click.command("list")
@click.option("--limit", metavar="N", type=int, default=20, show_default=True, help="At most so many memories.")
@offset_option
@click.option("--client", metavar="NAME", help="Only what a client stored whose name begins so: claude, cursor, cli.")
@click.option("--deleted", is_flag=True, help="Deleted memories instead, the last deleted first.")
@click.option("--as-of", metavar="SEQ", type=int, help="As they were after this change, those deleted since too.")
@click.option(
    "--include-superseded/--hide-superseded",
    default=True,
    show_default=True,
    help="Also those that a newer version has taken the place of.",
)
@filter_options
@json_option
@with_memories
def list_memories(settings: Settings, *, as_json: bool, **options: Any) -> None:
    """List memories, newest first; with --deleted those that `memmux undo` can bring back."""
    with _client(settings) as client:
        page = client.list(short=not as_json, **options)
        gone = [] if as_json or options["as_of"] is not None else _absent(client, options, page)
    if as_json:
        output.document(page)
        return
    for memory, deletion in zip_longest(page.memories, page.deletions):
        output.summary(memory, short=page.short.get(memory.id))
        if deletion is not None:
            by = f" by {deletion.client}" if deletion.client else ""
            back = f"`memmux undo {deletion.seq}` brings it back" if deletion.seq else "no undo brings it back"
            output.line(f"  deleted {output.local(deletion.at)}{by}; {back}")
    output.line(f"{len(page.memories)} of {page.total}")
    output.notes([*page.notes, *gone])
    output.warn(page.degraded)


@click.command()
@click.argument("memory_id", metavar="ID")
@click.option("--content", metavar="TEXT", help="The new text; with - what stands on standard input.")
@click.option("--versioned", is_flag=True, help="Keep the memory, and store a new one that takes its place.")
@description_options
@json_option
@with_memories
def update(
    settings: Settings,
    memory_id: str,
    *,
    content: str | None,
    tags: tuple[str, ...],
    versioned: bool,
    as_json: bool,
    **description: Any,
) -> None:
    """Change the memory with this ID.

    Tags replace the old ones; metadata is merged key by key, and a key set to null is removed.
    """
    text = None if content is None else _text(content)
    with _client(settings) as client:
        updated = client.update(memory_id, content=text, tags=tags or None, versioned=versioned, **description)
    if as_json:
        output.document(updated)
        return
    output.line(f"{updated.id}  {'takes its place' if versioned else 'updated'}")
    output.warn(updated.degraded)


@click.command()
@click.argument("memory_id", metavar="ID")
@namespace_option
@json_option
@with_memories
def delete(settings: Settings, memory_id: str, *, namespace: str, as_json: bool) -> None:
    """Delete the memory with this ID (or content hash).

    `memmux undo` brings it back, until it is purged: after the setting retention_s, or by `memmux purge`.
    """
    with _client(settings) as client:
        deleted = client.delete(memory_id, namespace=namespace)
    if as_json:
        output.document(deleted)
    else:
        output.line(f"{deleted.id}  deleted; `memmux undo {deleted.seq}` brings it back")
        output.warn(deleted.degraded)


@click.command()
@selection_options
@click.option(
    "--source", metavar="PATH", help="Only what was ingested from this file, or from what is or was in this folder."
)
@click.option("--dry-run", is_flag=True, help="Only show which they are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@with_memories
def forget(settings: Settings, *, source: str | None, dry_run: bool, yes: bool, as_json: bool, **options: Any) -> None:
    """Delete all memories with these tags, of this type, of this time, or from this file.

    On a terminal it shows them first, and asks. The last line says how `memmux undo` brings all of them back.
    """
    nearest: list[str] = []
    with _client(settings) as client:
        if asks(yes=yes or dry_run):
            meant, _ = _forget(client, source, dry_run=True, **options)
            if meant.count:
                _show_first(client, meant, options["namespace"], err=True)
                ask(f"Delete {'this memory' if meant.count == 1 else f'these {meant.count} memories'}?")
        forgotten, nearest = _forget(client, source, dry_run=dry_run, **options)
        if dry_run and not as_json:
            _show_first(client, forgotten, options["namespace"])
    if source is not None and not forgotten.count:
        output.note(f"no memory is from {source}" + (f"; there are some from {', '.join(nearest)}" if nearest else ""))
    if as_json:
        output.document(forgotten)
        return
    for memory_id in () if dry_run else forgotten.ids:
        output.line(memory_id)
    them = "it" if forgotten.count == 1 else "them"
    back = f"; `memmux undo {forgotten.undo}` brings {them} back" if forgotten.undo else ""
    output.line(f"{forgotten.count} {'would be deleted' if dry_run else 'deleted'}{back}")
    output.notes(forgotten.notes)
    output.warn(forgotten.degraded)


def _forget(client: Client, source: str | None, *, dry_run: bool, **options: Any) -> tuple[Forgotten, list[str]]:
    """Delete, or only find; return also the files whose names are like the one from which nothing is."""
    if source is None:
        try:
            return client.forget(dry_run=dry_run, **options), []
        except ArgumentInvalidError as error:
            if any(value for name, value in options.items() if name != "namespace"):
                raise
            raise ArgumentInvalidError(f"{error.message}; or name a file with --source") from None
    from memmux.ingest import sources  # the other commands do without

    selection = sources.Selection(**{**options, "type": options["type"] or sources.TYPE})
    forgotten = sources.forget(client, Path(source), selection, dry_run=dry_run)
    return forgotten, [] if forgotten.count else sources.nearest(client, Path(source), selection)


def _show_first(client: Client, forgotten: Forgotten, namespace: str | None, *, err: bool = False) -> None:
    """Show the first of the memories that are meant; err: on standard error."""
    for memory_id in islice(forgotten.ids, SHOWN):
        with suppress(NotFoundError):  # somebody else was quicker
            output.summary(client.get(memory_id, namespace=namespace), err=err)
    if (more := forgotten.count - SHOWN) > 0:
        output.line(f"and {more} more", err=err)
