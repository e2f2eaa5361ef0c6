"""The command `memmux timeline`: what was stored, changed and deleted on each day."""

from __future__ import annotations

from typing import Any

import click

from memmux.cli import output
from memmux.cli.memory_options import filter_options
from memmux.cli.options import json_option, with_memories
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.wire.answers import DayCounts, Timeline
from memmux.wire.requests import Grouping


@click.command()
@click.option(
    "--by",
    metavar="WHAT",
    type=click.Choice([str(one) for one in Grouping]),
    default=Grouping.CLIENT.value,
    show_default=True,
    help=f"What to count under: {', '.join(Grouping)}.",
)
@click.option("--limit", metavar="N", type=int, default=10, show_default=True, help="At most so many groups.")
@click.option("--zone", metavar="NAME", help="The time zone of the days, such as Europe/Berlin; this machine's.")
@click.option("--client", metavar="NAME", help="Only of clients whose name begins so: claude, cursor, cli.")
@filter_options
@json_option
@with_memories
def timeline(settings: Settings, *, as_json: bool, **options: Any) -> None:
    """Tell how many memories were stored, changed and deleted on each day.

    Memories count on the day on which they were created, wherever that was; --after and --before choose the days.
    By tag, a memory counts once for each of its tags.
    """
    with Client(settings=settings, name="cli") as client:
        found = client.timeline(**options)
    if as_json:
        output.document(found)
        return
    groups = [*found.groups, *([] if found.other is None else [found.other])]
    for number, day in enumerate(found.days):
        for group in groups:
            counts = {"stored": group.stored, "changed": group.changed, "deleted": group.deleted}
            said = ", ".join(f"{count[number]} {what}" for what, count in counts.items() if count[number])
            if said:
                output.line(f"{day}  ", _name(found, group), f"  {said}")
    if not found.days:
        output.line("nothing happened")
    if found.earlier:
        output.note(f"{found.earlier} more before; --before and --after choose other days")
    output.notes(found.notes)
    output.warn(found.degraded)


def _name(found: Timeline, group: DayCounts) -> str:
    if group is found.other:
        return f"{found.others} others"
    return group.name or "none"
