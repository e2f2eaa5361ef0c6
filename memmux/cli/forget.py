"""The command that deletes many memories at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import click

from memmux.cli import output
from memmux.cli.memory_options import selection_options
from memmux.cli.options import json_option, with_memories
from memmux.cli.questions import SHOWN, ask, asks
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.limits import FORGOTTEN
from memmux.wire.answers import Forgotten


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

    On a terminal it shows them first, and asks; what is stored meanwhile stays. The last line says how `memmux undo`
    brings all of them back.
    """
    with Client(settings=settings, name="cli") as client:
        asked = asks(yes=yes or dry_run)
        forgotten, nearest = _forget(client, source, dry_run=dry_run or asked, **options)
        if asked:
            if forgotten.count:
                _show_first(client, forgotten, options["namespace"], err=True)
                ask(f"Delete {'this memory' if forgotten.count == 1 else f'these {forgotten.count} memories'}?")
            forgotten = _forget_these(client, forgotten.ids, of_source=source is not None, **options)
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
    """Delete, or only find; return also the known files that are like an unknown one."""
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


def _forget_these(client: Client, ids: Sequence[str], *, of_source: bool, **options: Any) -> Forgotten:
    """Delete the memories that were agreed to, of those that are still what was asked for."""
    from memmux.ingest import sources  # as above

    if of_source:
        options |= {"type": options["type"] or sources.TYPE}
    parts = [client.forget(ids=ids[at : at + FORGOTTEN], **options) for at in range(0, max(1, len(ids)), FORGOTTEN)]
    return parts[0] if len(parts) == 1 else sources.joined(parts, dry_run=False)


def _show_first(client: Client, forgotten: Forgotten, namespace: str | None, *, err: bool = False) -> None:
    """Show the first of the memories that are meant; err: on standard error."""
    for memory_id in islice(forgotten.ids, SHOWN):
        with suppress(NotFoundError):  # somebody else was quicker
            output.summary(client.get(memory_id, namespace=namespace), err=err)
    if (more := forgotten.count - SHOWN) > 0:
        output.line(f"and {more} more", err=err)
