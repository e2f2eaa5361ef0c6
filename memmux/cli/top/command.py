"""The command top: a cluster at work, as a page that stays up to date, or once, for scripts."""

from __future__ import annotations

import os
import sys

import click

from memmux.cli import output
from memmux.cli.cluster import NO_CLUSTER
from memmux.cli.options import json_option, with_settings
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ClusterUnreachableError

_PLAIN = ("", "dumb", "unknown")  # values of TERM for terminals that can't move their cursor


@click.command()
@click.option(
    "--once", is_flag=True, help="Print the page once and end; so it is where there is no terminal, or a dumb one."
)
@click.option(
    "--interval",
    "interval_s",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    help="Between two looks.",
)
@json_option
@with_settings
def top(settings: Settings, *, once: bool, interval_s: float, as_json: bool) -> None:
    """Watch the cluster at work: clients, workers, operations, storage, and what is wrong.

    q or Ctrl-C ends it, arrows and page keys scroll, and ? explains the page.

    It only looks on: no cluster is started for it, and an idle one ends all the same. With --once or --json it ends
    with 3 when no cluster runs.
    """
    once = once or as_json or not sys.stdout.isatty()
    plain = os.environ.get("TERM", "") in _PLAIN
    if plain and not once:
        output.note("this terminal can't draw a page anew (TERM), so it is printed once")
        once = True
    if not once:
        from memmux.cli.top.live import watch  # costs rich, which a script does without

        watch(settings, interval_s=interval_s)
        return
    from memmux.cli.top.figures import View

    with Client(settings=settings, name="top", start=False, observer=True) as client:
        try:
            view = View.of(client.status())
        except ClusterUnreachableError:
            _none(settings, as_json=as_json)
            return
    if as_json:
        output.document(view)
    else:
        from rich.console import Console  # the same

        from memmux.cli.top.page import page

        width = None if sys.stdout.isatty() else 160
        Console(width=width, force_terminal=False if plain else None).print(page(view))


def _none(settings: Settings, *, as_json: bool) -> None:
    if as_json:
        output.document({"state": "stopped", "database": settings.where})
    else:
        output.line(f"no cluster runs for {settings.where}; the next client starts one")
    click.get_current_context().exit(NO_CLUSTER)
