"""`python -m bench NAME`: measure what memmux promises, and end with 1 if a promise is missed."""

from __future__ import annotations

import compileall
import os
from pathlib import Path

import click

# One thread, as a worker has; numpy and onnxruntime read this when they are imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

# What is installed has its bytecode. A checkout may not, and each process would compile what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
for package in ("bench", "mcp_dealer", "memmux", "router", "workers"):
    compileall.compile_dir(Path(__file__).parent.with_name(package), quiet=2)

from bench.commands import engines, faults, footprint, load, quality, whole
from bench.harness import interrupts

COMMANDS = (
    load.smoke,
    load.degradation,
    load.search,
    load.store,
    load.store_cost,
    load.mixed,
    load.ops_overhead,
    load.scale,
    load.tail,
    footprint.start,
    footprint.clients,
    footprint.http,
    footprint.tools,
    engines.engines,
    engines.differential,
    quality.floor,
    quality.languages,
    quality.retrieval,
    faults.chaos,
    faults.fuzz,
    faults.soak,
    faults.upgrade,
    faults.table,
    whole.everything,
    whole.peers,
)


# Each command imports what it runs: by then the environment is set, and what others need is not loaded.
@click.group()
def bench() -> None:
    """Measure memmux on this machine; close other programs first."""
    interrupts.unwind()


for command in COMMANDS:
    bench.add_command(command)

if __name__ == "__main__":
    bench(prog_name="python -m bench")
