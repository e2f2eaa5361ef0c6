"""The commands that compare the two engines."""

from __future__ import annotations

import sys

import click

from bench.commands.options import json_option, memories_option, seed_option


@click.command()
@memories_option
@click.option("--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="That store.")
@click.option("--seconds", type=click.FloatRange(0.5, 3_600), default=20, show_default=True, help="Of stores.")
@click.option("--queries", type=click.IntRange(5), default=400, show_default=True, help="Asked of both.")
@click.option("--kills", type=click.IntRange(1), default=10, show_default=True, help="Of the primary, under load.")
@click.option("--quick", is_flag=True, help="Small sizes, to see that everything works; the numbers mean little.")
@json_option
def engines(
    *, memories: int, clients: int, seconds: float, queries: int, kills: int, quick: bool, as_json: bool
) -> None:
    """Compare PostgreSQL with SQLite, kill its primary under load, and see what reads on replicas cost the primary."""
    from bench.harness import report
    from bench.scenarios import engines

    options = engines.Options(memories=memories, clients=clients, seconds=seconds, queries=queries, kills=kills)
    sys.exit(report.finish(engines.measure(engines.QUICK if quick else options), as_json=as_json))


@click.command()
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Of jobs on both engines.")
@seed_option
@json_option
def differential(*, steps: int, seed: int, as_json: bool) -> None:
    """Do the same random jobs on SQLite and on PostgreSQL, and print where their answers differ."""
    from bench.harness import report
    from bench.scenarios import differential

    sys.exit(report.finish(differential.measure(differential.Options(steps=steps, seed=seed)), as_json=as_json))
