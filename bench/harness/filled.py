"""A cluster with memories in it, as most measurements want one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from bench.harness import report
from bench.harness.arena import Arena, arena
from bench.harness.material import Material
from bench.harness.settle import settle
from memmux import Client
from memmux.config.settings import EmbedderChoice

_SAY_EVERY = 40  # batches between two words of progress


@dataclass(frozen=True, slots=True)
class Filled:
    """A cluster that holds the material and has settled.

    client: this process's own. fill_s: what storing everything took. settle_s: what was left to be built after that.
    """

    arena: Arena
    client: Client
    material: Material
    fill_s: float
    settle_s: float


@contextmanager
def filled(material: Material, **changes: Any) -> Iterator[Filled]:
    """Give a cluster with the real model that holds the material; at the end nothing of it runs any more."""
    with quiet_arena(**changes) as here, Client(settings=here.settings, name="bench") as client:
        report.progress("starting the cluster")
        settle(client)
        fill_s = _fill(client, material)
        report.progress("settling")
        yield Filled(here, client, material, fill_s, settle(client))


def quiet_arena(**changes: Any) -> AbstractContextManager[Arena]:
    """Give an arena for a cluster with the real model that does nothing by itself while it is being measured."""
    # The backup of the day would fall into the measurement.
    return arena(embedder=EmbedderChoice.ONNX, backup_interval_s=0.0, **changes)


def _fill(client: Client, material: Material) -> float:
    """Store the material; return the seconds."""
    began = time.monotonic()
    stored = 0
    for number, (memories, vectors) in enumerate(material.batches()):
        if number % _SAY_EVERY == 0:
            report.progress(f"storing {stored} of {len(material)}")
        client.store_batch(memories, vectors=vectors)
        stored += len(memories)
    return time.monotonic() - began
