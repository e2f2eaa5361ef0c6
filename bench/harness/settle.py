"""Settling: waiting until a cluster has nothing left to do that a measurement would meet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bench.harness.measure import fork_servers, until
from memmux import Client
from memmux.wire.answers import Status

SETTLE_S = 3600.0  # for everything: an index over a million vectors takes its time


_hurried: ContextVar[bool] = ContextVar("hurried", default=False)


@contextmanager
def hurried() -> Iterator[None]:
    """Have `settle` not wait for the fork server, which rests for 5 s: numbers that mean little need not be steady."""
    before = _hurried.set(True)
    try:
        yield
    finally:
        _hurried.reset(before)


def settle(client: Client) -> float:
    """Wait until all workers are ready, every memory has its vector and the index is built; return the seconds.

    And until the process is gone from which workers were forked, unless it is `hurried`.
    """
    began = time.monotonic()
    with until(SETTLE_S, "settling") as wait:
        while not settled(status := client.status(), client.settings.index_from) or _rests(status.pid):
            wait()
    return time.monotonic() - began


def _rests(router: int) -> bool:
    """Return whether the fork server of a router has not ended yet, where that is waited for."""
    return not _hurried.get() and bool(fork_servers(router))


def settled(status: Status, index_from: int) -> bool:
    """Return whether nothing is being started, embedded or built, or is going to be.

    index_from: from how many vectors on there is an index; it is built after a pause in writing, and by then ready.
    """
    ready = bool(status.workers) and all(worker["state"] == "ready" and worker["pid"] for worker in status.workers)
    state = status.index.get("state", "none")
    built = state == "ready" or (state == "none" and (status.memories or 0) < index_from)
    return ready and status.model is not None and not status.pending and built
