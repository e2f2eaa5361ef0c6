"""The command `memmux duplicates`: memories that say nearly the same."""

from __future__ import annotations

import click

from memmux.cli import output
from memmux.cli.memory_options import place_options
from memmux.cli.options import json_option, with_memories
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.wire.answers import DuplicateGroup
from memmux.wire.counts import amount


@click.command()
@click.option("--limit", metavar="N", type=int, default=20, show_default=True, help="At most so many groups.")
@click.option("--least", metavar="COSINE", type=float, help="How near by meaning they are at least, from 0 to 1.")
@place_options
@json_option
@with_memories
def duplicates(settings: Settings, *, limit: int, least: float | None, namespace: str | None, as_json: bool) -> None:
    """List groups of memories that say nearly the same, each with the oldest memory, which stays, first.

    They are of one namespace, and have the same numbers, dates, versions, paths and identifiers in them.
    Nothing is changed; `memmux delete` removes what is too much, and `memmux undo` brings it back.
    """
    groups: list[DuplicateGroup] = []
    compared, after, found = 0, 0, None
    with Client(settings=settings, name="cli") as client:
        while found is None or (found.next is not None and len(groups) < limit):
            found = client.duplicates(after, limit=limit - len(groups), least=least, namespace=namespace)
            groups += found.groups
            compared += found.compared
            after = found.next or 0
    if as_json:
        output.document(
            {
                "groups": groups,
                "count": len(groups),
                "more": found.next is not None,
                "compared": compared,
                "least": found.least,
                "notes": found.notes,
                "degraded": found.degraded,
            }
        )
        return
    for group in groups:
        for one in group.members:
            output.summary(one.memory, None, one.similarity)
        if group.more:
            output.line("  and more of these")
        output.line("")
    output.line(f"{amount(len(groups), 'group')}{' or more' if found.next is not None else ''}")
    output.notes(found.notes)
    output.warn(found.degraded)
