"""Waiting for what real processes do: on the state itself, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from memmux import Client
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.processes import alive
from memmux.wire.answers import Status
from tests.bounds import BOUND_S, pause

WORKERS = 4  # two that read, one that writes, one that embeds


def status_until(client: Client, good: Callable[[Status], bool]) -> Status:
    """Ask for the status until it is good; fail after a bound."""
    until = time.monotonic() + BOUND_S
    while not good(status := client.status()):
        assert time.monotonic() < until, f"the status never became good: {status}"
        pause()
    return status


def complete(status: Status) -> bool:
    """Return whether every worker of a cluster with the settings of `settings_env` is there, and ready.

    Until then answers are degraded, and the state is another: what a test says of these it must first wait for.
    """
    return len(status.workers) == WORKERS and all_ready(status)


def settled(status: Status) -> bool:
    """Return whether the cluster is complete, and every memory has its vector.

    A cluster serves for want of an embedder, too: what is stored then has its vector later, by a change of its own.
    """
    return complete(status) and not status.pending


def every_kind(status: Status) -> bool:
    """Return whether a worker of each kind is there, and ready, in a cluster with any settings.

    From then on a memory that is stored has its vector at once.
    """
    return {worker["kind"] for worker in status.workers} == {"read", "write", "embed"} and all_ready(status)


def all_ready(status: Status) -> bool:
    """Return whether every worker that is there is ready, and its pid known; it may say so before the fork server."""
    return all(worker["state"] == "ready" and worker["pid"] is not None for worker in status.workers)


def lines_of(log: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a log, none if there is no such file; one without an end is just being written."""
    try:
        written, _, _ = log.read_bytes().rpartition(b"\n")
    except FileNotFoundError:
        return []
    return [orjson.loads(line) for line in written.splitlines()]


def log_lines(settings: Settings, *events: str, count: int = 1, process: str = "router") -> list[dict[str, Any]]:
    """Return the lines of a process's log with these events, once there are so many: they are written after answers."""
    path = Places(settings).logs / f"{process}.jsonl"
    until = time.monotonic() + BOUND_S
    while True:
        if len(found := [line for line in lines_of(path) if line["event"] in events]) >= count:
            return found
        assert time.monotonic() < until, f"there was no {' nor '.join(events)}"
        pause()


def gone(pids: list[int]) -> None:
    """Return when none of the processes runs any more; fail after a bound."""
    until = time.monotonic() + BOUND_S
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < until, f"still running: {left}"
        pause()


def pids_of(status: Status) -> list[int]:
    """The processes of a cluster."""
    return [status.pid, *(worker["pid"] for worker in status.workers if worker["pid"] is not None)]


def workers_of(status: Status, kind: str) -> list[int]:
    """The pids of the workers of one kind."""
    return [worker["pid"] for worker in status.workers if worker["kind"] == kind and worker["pid"] is not None]
