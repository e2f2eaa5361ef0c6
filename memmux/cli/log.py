"""The command `memmux log`: who stored, changed and deleted what, and when, as the change log has it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

import click

from memmux import limits
from memmux.cli import absent, output
from memmux.cli.change_log import first_at
from memmux.cli.memory_options import moment, place_options
from memmux.cli.options import json_option, with_memories
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import NotFoundError
from memmux.wire.answers import Changes, Notice

KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "stored": ("memory.store", "memory.store_batch", "memory.store_similar"),
        "changed": ("memory.update", "memory.rewrite"),
        "deleted": ("memory.delete", "memory.forget"),
        "undone": ("memory.undo",),
        "loaded": ("memory.load",),
    }
)
"""What a change may be, with the operations that make it."""
_KIND_OF = {operation: kind for kind, operations in KINDS.items() for operation in operations}
_UNDID = "undid a change: "  # how what an undo did is told
_MOST = 1000  # changes of one request
_FEWER = "; --client, --kind and --tag leave others out"
_LOOK_S = 1.0  # between two looks


@click.command()
@click.option("--client", metavar="NAME", help="Only of clients whose name begins so: claude, cursor, cli.")
@click.option("--kind", metavar="KIND", type=click.Choice(list(KINDS)), help=f"Only what was {', '.join(KINDS)}.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only of memories with this tag; several: with all.")
@click.option(
    "--since", "--after", "since", metavar="SEQ|TIME", help="Only from this change on, or from this time: yesterday."
)
@click.option(
    "--limit", metavar="N", type=click.IntRange(1, _MOST), default=20, show_default=True, help="At most so many."
)
@click.option("-f", "--follow", is_flag=True, help="Oldest first, and go on with what happens, until Ctrl-C.")
@place_options
@json_option
@with_memories
def log(
    settings: Settings,
    *,
    client: str | None,
    kind: str | None,
    tags: tuple[str, ...],
    since: str | None,
    limit: int,
    follow: bool,
    namespace: str | None,
    as_json: bool,
) -> None:
    """Tell who stored, changed and deleted what, and when, newest first: the change log.

    Each change has its number, which `memmux undo` takes, its time, what was done and by which client, the memory, and
    how that begins now. `memmux history ID` has all of one memory. With --follow and --json it prints a JSON document
    for each change.
    """
    operations = KINDS[kind] if kind else tuple(_KIND_OF)
    with Client(settings=settings, name="cli") as connected:

        def changes(after: int, limit: int, *, newest: bool = False) -> Changes:
            return connected.changes(
                after,
                limit=limit,
                newest=newest,
                texts=True,
                tags=tags,
                client=client,
                operations=operations,
                namespace=namespace,
            )

        before = _before(connected, since)
        found = changes(before, limit, newest=True)
        more = len(found) == limit and any(change.seq < found[0].seq for change in changes(before, 1))
        if more and (since is not None if follow else not as_json):
            output.note(f"there are more before these{_FEWER if limit == _MOST else '; --limit shows more'}")
        if not follow:
            _show(connected, found.changes[::-1], more=more, as_json=as_json)
            if not as_json:
                output.notes(found.notes)
            if not as_json and not found.changes and not found.notes:
                output.notes(absent.tags(connected, tags, namespace))
                output.notes(absent.clients(connected, client, namespace))
            return
        while True:
            _follow(connected, found.changes, as_json=as_json)
            time.sleep(_LOOK_S)
            found = changes(found.next, _MOST)


def _before(client: Client, since: str | None) -> int:
    """Return the number of the change before the first one that is meant."""
    if since is None:
        return 0
    return (int(since) if since.isdecimal() else first_at(client, moment(since))) - 1


def _follow(client: Client, changes: Sequence[Notice], *, as_json: bool) -> None:
    for change in changes:
        if as_json:
            output.document(_document(change))
        else:
            _line(change, _did(client, change))


def _show(client: Client, changes: Sequence[Notice], *, more: bool, as_json: bool) -> None:
    if as_json:
        output.document({"changes": [_document(change) for change in changes], "more": more})
        return
    for change in changes:
        _line(change, _did(client, change))
    if not changes:
        output.line("nothing happened")


def _document(change: Notice) -> dict[str, object]:
    said = {name: value for name, value in change.to_json().items() if name != "short"}
    return {**said, "kind": _KIND_OF[change.operation]}


def _did(client: Client, change: Notice) -> str:
    """Return what an undo did; nothing of another change, whose kind says it."""
    if _KIND_OF[change.operation] != "undone":
        return ""
    with suppress(NotFoundError):  # it was purged meanwhile
        changes = client.history(change.id, limit=limits.HISTORY, namespace=change.namespace)
        return next((one.did.removeprefix(_UNDID) for one in changes if one.seq == change.seq), "")
    return ""


def _line(change: Notice, did: str) -> None:
    tags = [output.styled(f"  #{tag}", fg="green") for tag in change.tags]
    output.line(
        output.styled(f"{change.seq:>6}", bold=True),
        f"  {output.local(change.at)}  {_KIND_OF[change.operation]:7}  ",
        output.styled(change.short or change.id, fg="cyan"),
        f"  by {change.client}",
        f": {did}" if did else "",
        *tags,
        "  (deleted now)" if change.deleted and _KIND_OF[change.operation] != "deleted" else "",
        indent=8,
    )
    output.line("        ", output.preview(change.text or ""))
