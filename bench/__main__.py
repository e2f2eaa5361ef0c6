"""`python -m bench smoke`: measure what memmux promises, and end with 1 if a promise is missed."""

from __future__ import annotations

import os
import sys

import click

# One thread, as a worker has; numpy and onnxruntime read this when they are imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")


@click.group()
def bench() -> None:
    """Measure memmux on this machine; close other programs first."""


@bench.command()
@click.option("--memories", type=click.IntRange(100, 10_000), default=10_000, show_default=True, help="Stored first.")
@click.option(
    "--queries", type=click.IntRange(20, 10_000), default=400, show_default=True, help="Measured on each side."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def smoke(*, memories: int, queries: int, as_json: bool) -> None:
    """Check speed and memory against their targets, with the real model, in about two minutes."""
    from bench.smoke import run  # only now is the environment set

    sys.exit(run(memories, queries, as_json=as_json))


if __name__ == "__main__":
    bench(prog_name="python -m bench")
