"""`python -m bench smoke|chaos|fuzz|soak`: measure what memmux promises, and end with 1 if a promise is missed."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from memmux.settings import EmbedderChoice

# One thread, as a worker has; numpy and onnxruntime read this when they are imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
seed_option = click.option("--seed", type=int, default=1, show_default=True, help="The same faults for the same seed.")
embedder_option = click.option(
    "--embedder",
    type=click.Choice([str(choice) for choice in EmbedderChoice]),
    default="hash",
    show_default=True,
    help="What runs the model.",
)


@click.group()
def bench() -> None:
    """Measure memmux on this machine; close other programs first."""


@bench.command()
@click.option("--memories", type=click.IntRange(100, 10_000), default=10_000, show_default=True, help="Stored first.")
@click.option(
    "--queries", type=click.IntRange(20, 10_000), default=400, show_default=True, help="Measured on each side."
)
@json_option
def smoke(*, memories: int, queries: int, as_json: bool) -> None:
    """Check speed and memory against their targets, with the real model, in about two minutes."""
    from bench.smoke import run  # only now is the environment set

    sys.exit(run(memories, queries, as_json=as_json))


@bench.command()
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=120, show_default=True, help="Of faults.")
@click.option("--clients", type=click.IntRange(1, 64), default=16, show_default=True, help="Client processes.")
@click.option("--faults", "most", type=click.IntRange(1), metavar="N", help="End after so many, if there is time left.")
@seed_option
@embedder_option
@json_option
def chaos(*, seconds: float, clients: int, most: int | None, seed: int, embedder: str, as_json: bool) -> None:
    """Kill and stall processes under load, then prove that nothing acknowledged was lost."""
    from bench.chaos import run  # the same

    sys.exit(run(seconds, clients, seed, EmbedderChoice(embedder), most=most, as_json=as_json))


@bench.command()
@click.option(
    "--messages", type=click.IntRange(1_000, 100_000_000), default=1_000_000, show_default=True, help="Sent in all."
)
@seed_option
@json_option
def fuzz(*, messages: int, seed: int, as_json: bool) -> None:
    """Flood both sockets of a router with nonsense while others work with it."""
    from bench.fuzz import run  # the same

    sys.exit(run(messages, seed, as_json=as_json))


@bench.command()
@click.option("--minutes", type=click.FloatRange(0.5, 10_000), default=30, show_default=True, help="Of steady load.")
@seed_option
@embedder_option
@json_option
def soak(*, minutes: float, seed: int, embedder: str, as_json: bool) -> None:
    """Watch the memory of every process under a steady load."""
    from bench.soak import run  # the same

    sys.exit(run(minutes, seed, EmbedderChoice(embedder), as_json=as_json))


@bench.command()
@click.argument("results", type=click.File(encoding="utf-8"))
def table(results: TextIO) -> None:
    """Print the table of docs/reliability.md from the file of what `chaos --json` printed, a line each run."""
    from bench.table import table  # the same

    for line in table(results):
        click.echo(line)


if __name__ == "__main__":
    bench(prog_name="python -m bench")
