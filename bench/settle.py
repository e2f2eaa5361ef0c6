"""Settling: waiting until a cluster has nothing left to do that a measurement would meet."""

from __future__ import annotations

import time

from bench.measure import until
from memmux import Client
from memmux.models import Status

SETTLE_S = 3600.0  # for everything: an index over a million vectors takes its time
_BUILT = frozenset({"none", "ready"})  # states of an index, where there is to be none and where there is one


def settle(client: Client) -> float:
    """Wait until all workers are ready, every memory has its vector and the index is built; return the seconds."""
    began = time.monotonic()
    with until(SETTLE_S, "settling") as wait:
        while not settled(client.status()):
            wait()
    return time.monotonic() - began


def settled(status: Status) -> bool:
    """Return whether nothing is being started, embedded or built."""
    ready = bool(status.workers) and all(worker["state"] == "ready" for worker in status.workers)
    index = getattr(status, "index", None)  # a cluster that builds none says nothing of it
    built = not index or index.get("state", "none") in _BUILT
    return ready and status.model is not None and not status.pending and built
