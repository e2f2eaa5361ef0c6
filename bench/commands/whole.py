"""The commands for all measurements, and for other programs that do the same."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.commands.options import json_option, memories_option, plot_option


@click.command("all")
@click.option("--quick", is_flag=True, help="Small sizes, to see that everything works; the numbers mean little.")
@click.option("--only", multiple=True, metavar="NAME", help="Of the measurements; may be given several times.")
@json_option
def everything(*, quick: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Measure everything, which takes hours; chaos, fuzz and soak are for themselves."""
    from bench.harness import report
    from bench.scenarios import everything

    known = [section.name for section in everything.SECTIONS]
    for name in only:
        if name not in known:
            raise click.BadParameter(f"there is no {name!r}; there are {', '.join(known)}", param_hint="--only")
    sys.exit(report.finish(everything.measure(only, quick=quick), as_json=as_json))


@click.command()
@memories_option
@click.option("--queries", type=click.IntRange(1), default=1_000, show_default=True, help="Asked of each.")
@click.option(
    "--part",
    "parts",
    type=click.Choice(["vectors", "texts"]),
    multiple=True,
    default=("vectors", "texts"),
    show_default=True,
    help="What they are given; may be given twice.",
)
@plot_option
@json_option
def peers(*, memories: int, queries: int, parts: tuple[str, ...], plot: Path | None, as_json: bool) -> None:
    """Compare memmux with others that do the same: for vectors, and for texts."""
    from bench.peers.compare import run

    if plot is not None and "vectors" not in parts:
        raise click.UsageError("the picture is of what is given vectors: add --part vectors")
    sys.exit(run(memories, queries, parts, as_json=as_json, plot=plot))
