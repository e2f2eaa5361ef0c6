"""The commands about memories: store, get, list, update and delete."""

from __future__ import annotations

import codecs
import sys
from itertools import zip_longest
from typing import Any

import click

from memmux import limits
from memmux.cli import absent, output
from memmux.cli.memory_options import (
    description_options,
    filter_options,
    namespace_option,
    offset_option,
)
from memmux.cli.options import json_option, with_memories, with_settings
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, ContentTooLongError


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
    with Client(settings=settings, name="cli") as client:
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
@click.argument("memory_id", metavar="ID")
@namespace_option
@json_option
@with_memories
def get(settings: Settings, memory_id: str, *, namespace: str, as_json: bool) -> None:
    """Print the memory with this ID (or content hash)."""
    with Client(settings=settings, name="cli") as client:
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
    with Client(settings=settings, name="cli") as client:
        page = client.list(short=not as_json, **options)
        gone = [] if as_json or options["as_of"] is not None else absent.names(client, options, page)
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
    with Client(settings=settings, name="cli") as client:
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
    with Client(settings=settings, name="cli") as client:
        deleted = client.delete(memory_id, namespace=namespace)
    if as_json:
        output.document(deleted)
    else:
        output.line(f"{deleted.id}  deleted; `memmux undo {deleted.seq}` brings it back")
        output.warn(deleted.degraded)
