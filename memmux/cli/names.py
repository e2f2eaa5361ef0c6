"""The commands that tell which namespaces and tags there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from memmux.cli import output
from memmux.cli.memory_options import place_options
from memmux.cli.options import json_option, with_memories
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.wire.answers import NameCount

Decorated = Callable[..., Any]


def _limit_option(what: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        "--limit", metavar="N", type=int, default=100, show_default=True, help=f"At most so many {what}."
    )


@click.command()
@_limit_option("namespaces")
@json_option
@with_memories
def namespaces(settings: Settings, *, limit: int, as_json: bool) -> None:
    """Tell which namespaces there are, and how many memories each has."""
    with Client(settings=settings, name="cli") as client:
        found = client.namespaces(limit=limit)
    if as_json:
        output.document({"namespaces": _counts(found.namespaces), "total": found.total, "degraded": found.degraded})
        return
    _show(found.namespaces, found.total)
    output.warn(found.degraded)


@click.command()
@_limit_option("tags")
@place_options
@json_option
@with_memories
def tags(settings: Settings, *, limit: int, namespace: str | None, as_json: bool) -> None:
    """Tell which tags there are, and how many memories have each."""
    with Client(settings=settings, name="cli") as client:
        found = client.tags(limit=limit, namespace=namespace)
    if as_json:
        said = {"tags": _counts(found.tags), "total": found.total, "notes": found.notes}
        output.document({**said, "degraded": found.degraded})
        return
    _show(found.tags, found.total)
    output.notes(found.notes)
    output.warn(found.degraded)


def _counts(found: Sequence[NameCount]) -> list[dict[str, object]]:
    return [{"name": one.name, "count": one.memories} for one in found]


def _show(counts: Sequence[NameCount], total: int) -> None:
    width = max((len(str(one.memories)) for one in counts), default=0)
    for one in counts:
        output.line(f"{one.memories:{width}}  ", one.name)
    output.line(f"{len(counts)} of {total}")
