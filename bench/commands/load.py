"""The commands that measure speed: of searches and stores, alone, many at once, and with many memories."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.commands.options import json_option, memories_option, plot_option


def _sizes(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Return the numbers of a list with commas between them."""
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter("it is numbers with commas between them", context, parameter) from None
    if min(sizes) < 1:
        raise click.BadParameter("each is 1 at least", context, parameter)
    return sizes


@click.command()
@click.option("--memories", type=click.IntRange(100, 10_000), default=10_000, show_default=True, help="Stored first.")
@click.option(
    "--queries", type=click.IntRange(20, 5_000), default=400, show_default=True, help="Measured on each side."
)
@json_option
def smoke(*, memories: int, queries: int, as_json: bool) -> None:
    """Check speed and memory against their targets, with the real model, in about two minutes."""
    from bench.harness import report
    from bench.scenarios import smoke

    sys.exit(report.finish(smoke.measure(memories, queries), as_json=as_json))


@click.command()
@memories_option
@click.option("--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="In closed loops.")
@click.option(
    "--paced-clients", "paced", type=click.IntRange(1, 256), default=16, show_default=True, help="Asking once a second."
)
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True, help="Of each kind of load.")
@plot_option
@json_option
def degradation(*, memories: int, clients: int, paced: int, rounds: int, plot: Path | None, as_json: bool) -> None:
    """Compare many clients of one cluster with one that has the same code to itself; takes some ten minutes."""
    from bench.harness import report
    from bench.scenarios import degradation

    options = degradation.Options(memories=memories, clients=clients, paced=paced, rounds=rounds)
    sys.exit(report.finish(degradation.measure(options, plot), as_json=as_json))


@click.command()
@memories_option
@click.option(
    "--filter",
    "fraction",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="The part of the memories that carry the tag filtered on; 0: no filter.",
)
@click.option("--clients", type=click.IntRange(1, 256), default=8, show_default=True, help="Beside the one alone.")
@click.option("--queries", type=click.IntRange(5), default=1_000, show_default=True, help="Of the one client.")
@json_option
def search(*, memories: int, fraction: float, clients: int, queries: int, as_json: bool) -> None:
    """Measure searches by meaning whose vectors are given, and how many of the nearest they find."""
    from bench.harness import report
    from bench.scenarios import search

    options = search.Options(memories=memories, fraction=fraction, clients=clients, queries=queries)
    sys.exit(report.finish(search.measure(options), as_json=as_json))


@click.command()
@click.option("--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="In closed loops.")
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=20, show_default=True, help="Of either kind.")
@json_option
def store(*, clients: int, seconds: float, as_json: bool) -> None:
    """Measure acknowledged stores, with vectors and without, and look for each of them afterwards."""
    from bench.harness import report
    from bench.scenarios import store

    sys.exit(report.finish(store.measure(store.Options(clients=clients, seconds=seconds)), as_json=as_json))


@click.command("store-cost")
@click.option("--small", type=click.IntRange(1), default=1_000, show_default=True, help="Memories of one database.")
@click.option("--large", type=click.IntRange(1), default=100_000, show_default=True, help="Memories of the other.")
@click.option("--rounds", type=click.IntRange(1), default=40, show_default=True, help="Groups stored in each.")
@json_option
def store_cost(*, small: int, large: int, rounds: int, as_json: bool) -> None:
    """Compare what a store costs in a large database with what it costs in a small one."""
    from bench.harness import report
    from bench.scenarios import store_cost

    options = store_cost.Options(small=small, large=large, rounds=rounds)
    sys.exit(report.finish(store_cost.measure(options), as_json=as_json))


@click.command()
@memories_option
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=20, show_default=True, help="Of either kind.")
@json_option
def mixed(*, memories: int, seconds: float, as_json: bool) -> None:
    """Measure what a reader feels of 200 stores a second, and of a writer that stores as fast as it can."""
    from bench.harness import report
    from bench.scenarios import mixed

    sys.exit(report.finish(mixed.measure(mixed.Options(memories=memories, seconds=seconds)), as_json=as_json))


@click.command("ops-overhead")
@memories_option
@click.option("--clients", type=click.IntRange(1, 256), default=8, show_default=True, help="In closed loops.")
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True, help="Of either cluster.")
@json_option
def ops_overhead(*, memories: int, clients: int, rounds: int, as_json: bool) -> None:
    """Measure what logs, metrics and health checks take from searches: one cluster with them beside one without."""
    from bench.harness import report
    from bench.scenarios import ops_overhead

    options = ops_overhead.Options(memories=memories, clients=clients, rounds=rounds)
    sys.exit(report.finish(ops_overhead.measure(options), as_json=as_json))


@click.command()
@click.option(
    "--sizes",
    callback=_sizes,
    default="10000,100000,1000000",
    show_default=True,
    metavar="N,N,…",
    help="Numbers of memories.",
)
@click.option("--queries", type=click.IntRange(5), default=1_000, show_default=True, help="At each size.")
@plot_option
@json_option
def scale(*, sizes: tuple[int, ...], queries: int, plot: Path | None, as_json: bool) -> None:
    """Measure what more memories cost in time, memory and disk."""
    from bench.harness import report
    from bench.scenarios import scale

    sys.exit(report.finish(scale.measure(scale.Options(sizes=sizes, queries=queries), plot), as_json=as_json))


@click.command()
@click.option(
    "--lines", type=click.IntRange(1_000, 10_000_000), default=500_000, show_default=True, help="In all logs."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Of each kind of filter.")
@json_option
def tail(*, lines: int, rounds: int, as_json: bool) -> None:
    """Measure how many lines a second `memmux tail` filters and shows."""
    from bench.harness import report
    from bench.scenarios import tail

    sys.exit(report.finish(tail.measure(tail.Options(lines=lines, rounds=rounds)), as_json=as_json))
