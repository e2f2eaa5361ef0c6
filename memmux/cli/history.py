"""The commands about what happened to memories: history and purge."""

from __future__ import annotations

from contextlib import suppress

import click

from memmux.cli import output
from memmux.cli.differences import differences
from memmux.cli.memory_options import namespace_option
from memmux.cli.options import json_option, with_memories
from memmux.cli.questions import ask, asks
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.wire.answers import Memory
from memmux.wire.ids import is_beginning

_NUMBER = 6  # characters of the number of a change
_OURS = "memory."  # how the operations begin that change memories, and not what is made from them


def _client(settings: Settings) -> Client:
    return Client(settings=settings, name="cli")


@click.command()
@click.argument("memory_id", metavar="ID")
@click.option("--limit", metavar="N", type=int, default=100, show_default=True, help="At most so many changes.")
@namespace_option
@json_option
@with_memories
def history(settings: Settings, memory_id: str, *, limit: int, namespace: str, as_json: bool) -> None:
    """Print what happened to the memory with this ID (or content hash), newest first, even if it is deleted.

    Each change begins with its number, which `memmux undo` takes. Below it stands what it took away, with -, and what
    it put there, with +.
    """
    with _client(settings) as client:
        found = client.history(memory_id, limit=limit, namespace=namespace)
        now = None if as_json else _now(client, found[0].id if found else memory_id, namespace)
    if as_json:
        output.document(found)
        return
    output.line(output.styled(found[0].id if found else memory_id, fg="cyan"))
    for change in found:
        number = output.styled(f"{change.seq:>{_NUMBER}}", bold=True)
        output.line(number, f"  {output.local(change.at)}  {change.did}, by {change.client}", indent=_NUMBER + 2)
        if not change.operation.startswith(_OURS):
            continue
        for line in differences(change.before, now):
            colour = {"-": "red", "+": "green"}.get(line[0], "yellow")
            output.line(" " * (_NUMBER + 2), output.styled(line, fg=colour), indent=_NUMBER + 4)
        now = change.before
    output.warn(found.degraded)


def _now(client: Client, memory_id: str, namespace: str) -> Memory | None:
    """Return the memory as it is; None for one that is deleted."""
    with suppress(NotFoundError):
        return client.get(memory_id, namespace=namespace)
    return None


@click.command()
@click.argument("memory_id", metavar="ID", required=False)
@click.option("--deleted-before", metavar="TIME", help="All that were deleted before: 2026-11-23, or seconds.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@namespace_option
@json_option
@with_memories
def purge(
    settings: Settings, memory_id: str | None, *, deleted_before: str | None, yes: bool, namespace: str, as_json: bool
) -> None:
    """Remove the deleted memory with this ID (or content hash) for good, or all that were deleted before a time.

    Its texts go from the history too. Backups and exports keep what they hold; those that are known are named. There is
    no undo.
    """
    if (memory_id is None) == (deleted_before is None):
        raise ArgumentInvalidError("name either an ID or --deleted-before; see `memmux purge --help`")
    purged, copies = 0, dict[str, None]()
    with _client(settings) as client:
        if memory_id is not None:
            memory_id = _whole(client, memory_id, namespace)
        if not yes:
            _confirm(f"the memory {memory_id}" if memory_id else f"all memories deleted before {deleted_before}")
        while True:  # a request does a bounded part
            done = client.purge(memory_id, before=deleted_before, namespace=namespace)
            purged += done.purged
            copies.update(dict.fromkeys(done.copies))
            if not done.remaining or not done.purged:
                break
    if as_json:
        output.document({"count": purged, "seq": done.seq, "copies": list(copies)})
        return
    output.line(f"{purged} purged")
    for path in copies:
        output.line(f"may still be in  {path}")


def _whole(client: Client, memory_id: str, namespace: str) -> str:
    """Return the id whose beginning was given; anything else as it is, for the cluster to say what is wrong."""
    if not is_beginning(memory_id):
        return memory_id
    with suppress(NotFoundError):
        return client.history(memory_id, limit=1, namespace=namespace)[0].id
    return memory_id


def _confirm(what: str) -> None:
    if not asks(yes=False):
        raise ArgumentInvalidError("a purge can't be undone, and nobody is there to ask; say --yes")
    ask(f"Remove {what} for good?")
