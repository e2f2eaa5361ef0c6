"""The commands that break a cluster under load, and replace it."""

from __future__ import annotations

import sys
from typing import TextIO

import click

from bench.commands.options import embedder_option, json_option, seed_option
from memmux.config.settings import EmbedderChoice


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=120, show_default=True, help="Of faults.")
@click.option("--clients", type=click.IntRange(1, 64), default=16, show_default=True, help="Client processes.")
@click.option("--faults", "most", type=click.IntRange(1), metavar="N", help="End after so many, if there is time left.")
@seed_option
@embedder_option
@click.option(
    "--engine",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
    help="What keeps the database; of PostgreSQL the primary and its replica are struck, too.",
)
@click.option(
    "--stall",
    "stall_s",
    type=click.FloatRange(1, 600),
    default=3.0,
    show_default=True,
    help="Seconds of silence, after which a worker or gateway is taken to hang.",
)
@click.option("--quick", is_flag=True, help="Few clients and one round of faults, to see that everything works.")
@json_option
def chaos(
    *,
    seconds: float,
    clients: int,
    most: int | None,
    seed: int,
    embedder: str,
    engine: str,
    stall_s: float,
    quick: bool,
    as_json: bool,
) -> None:
    """Kill and stall processes under load, then prove that nothing acknowledged was lost."""
    from bench.faults.chaos import run

    if quick:
        clients, most = min(clients, 4), min(most or 12, 12)
    servers, choice = engine == "postgresql", EmbedderChoice(embedder)
    sys.exit(run(seconds, clients, seed, choice, most=most, servers=servers, stall_s=stall_s, as_json=as_json))


@click.command()
@click.option(
    "--messages", type=click.IntRange(1_000, 100_000_000), default=1_000_000, show_default=True, help="Sent in all."
)
@seed_option
@json_option
def fuzz(*, messages: int, seed: int, as_json: bool) -> None:
    """Flood both sockets of a router with nonsense while others work with it."""
    from bench.faults.fuzz import run

    sys.exit(run(messages, seed, as_json=as_json))


@click.command()
@click.option("--minutes", type=click.FloatRange(0.5, 10_000), default=30, show_default=True, help="Of steady load.")
@seed_option
@embedder_option
@json_option
def soak(*, minutes: float, seed: int, embedder: str, as_json: bool) -> None:
    """Watch the memory of every process under a steady load."""
    from bench.faults.soak import run

    sys.exit(run(minutes, seed, EmbedderChoice(embedder), as_json=as_json))


@click.command()
@click.option("--clients", type=click.IntRange(1, 64), default=16, show_default=True, help="Client processes.")
@click.option("--hosts", type=click.IntRange(0, 64), default=0, show_default=True, help="Of them are MCP hosts.")
@click.option("--rounds", type=click.IntRange(1), default=6, show_default=True, help="Handovers, there and back.")
@seed_option
@click.option(
    "--embedder",
    type=click.Choice([str(choice) for choice in EmbedderChoice]),
    default="auto",
    show_default=True,
    help="What runs the model.",
)
@json_option
def upgrade(*, clients: int, hosts: int, rounds: int, seed: int, embedder: str, as_json: bool) -> None:
    """Replace a cluster under load by another version and back, and measure the pause."""
    from bench.faults import upgrade
    from bench.harness import report

    chosen = EmbedderChoice(embedder)
    options = upgrade.Options(clients=clients, hosts=hosts, rounds=rounds, seed=seed, embedder=chosen)
    sys.exit(report.finish(upgrade.measure(options), as_json=as_json))


@click.command()
@click.argument("results", type=click.File(encoding="utf-8"))
def table(results: TextIO) -> None:
    """Print the table of docs/reliability.md from the file of what `chaos --json` printed, a line each run."""
    from bench.faults.reliability_table import table

    for line in table(results):
        click.echo(line)
