"""Overhead of operations: what logs, metrics and health checks take, of one cluster with them beside one without.

Both hold the same memories and take turns. What the watched one does while the other is measured, a health check each
few seconds, is a small part of one of the cores, and makes the loss look smaller by that.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.request import ProxyHandler, build_opener

from bench.harness import report
from bench.harness.callers import Callers
from bench.harness.costs import Meter
from bench.harness.filled import Filled, filled
from bench.harness.material import Material
from bench.harness.measure import Row, at_most, plain, until
from bench.harness.questions import Questions
from bench.harness.rounds import Round, Rounds, in_turns
from bench.harness.tasks import Task, Work
from bench.harness.vectors import REAL
from memmux.config.settings import LogLevel

CHECK_S = 5.0  # many times as often as by default, so that each round meets some
SCRAPE_S = 1.0  # many times as often as most scrape
TARGET_PERCENT = 3.0
SCRAPED_S, HEALTH_S = 240.0, 240.0  # for an answer, and for the first check


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured. round_s: the length of a round of either cluster."""

    memories: int = 10_000
    clients: int = 8
    rounds: int = 20
    round_s: float = 2.0


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the clusters, with its clients. metrics_port: 0 where there are no metrics."""

    bed: Filled
    callers: Callers
    metrics_port: int

    def play(self, task: Task, count: int, meter: Meter) -> Round:
        """Have the clients search for a round, while somebody scrapes."""
        with _scraped(self.metrics_port):
            return meter(lambda: self.callers.together(task, count))


def measure(options: Options) -> Iterator[Row]:
    """Give the rows."""
    material, port = Material.of(options.memories), _free_port()
    watched: dict[str, Any] = {"metrics_port": port, "health_check_s": CHECK_S, "log_level": LogLevel.INFO}
    unwatched: dict[str, Any] = {"metrics_port": 0, "health_check_s": 0.0, "log_level": LogLevel.ERROR}
    with ExitStack() as opened:
        sides = {
            "with": _side(opened, material, options, watched),
            "without": _side(opened, material, options, unwatched),
        }
        _wait_for_check(sides["with"].bed)
        for given in (False, True):
            task = Task(work=Work.SEARCH, seconds=options.round_s, with_vectors=given)
            what = "search, vectors given" if given else "search"
            meters = {name: Meter.of(side.bed.client, side.callers) for name, side in sides.items()}
            turns = {name: partial(side.play, task, options.clients, meters[name]) for name, side in sides.items()}
            yield from _rows(in_turns(options.rounds, turns, what), meters, what, given=given)
        health = sides["with"].bed.client.status().health
        yield plain(
            "health checks that failed", sum(told["failures"] for told in health.values()), key="health_failures"
        )


def _side(opened: ExitStack, material: Material, options: Options, settings: dict[str, Any]) -> _Side:
    """Start a cluster with these settings, fill it, and start its clients."""
    bed = opened.enter_context(filled(material, **settings))
    path = Questions(material.queries(), material.vectors[:REAL]).save(bed.arena.folder / "questions.json")
    callers = opened.enter_context(Callers.of(bed.arena.settings, path, options.clients))
    return _Side(bed, callers, settings["metrics_port"])


def _rows(found: dict[str, Rounds], meters: dict[str, Meter], what: str, *, given: bool) -> Iterator[Row]:
    """Give what was lost; the target is for what users do, which is to search by text.

    What more a search costs in processor time says the same, and other programs on the machine disturb it less.
    """
    on, off, suffix = found["with"], found["without"], "_given" if given else ""
    yield plain(f"{what}, without, a second", off.per_s, key=f"without_per_s{suffix}")
    yield plain(f"{what}, with, a second", on.per_s, key=f"with_per_s{suffix}")
    yield plain(f"{what}, without, p95 ms", off.ms(95), key=f"without_p95_ms{suffix}")
    yield plain(f"{what}, with, p95 ms", on.ms(95), key=f"with_p95_ms{suffix}")
    lost = 100 * (1 - on.per_s_over(off))
    target = None if given else TARGET_PERCENT
    why = f"with them, {meters['with'].why()}; without, {meters['without'].why()}"
    yield at_most(f"{what}, lost throughput", lost, target, "%", key=f"lost_percent{suffix}", why=why)
    costs = [sum(meters[name].used_s.values()) / meters[name].calls for name in ("with", "without")]
    more = 100 * (costs[0] / costs[1] - 1) if costs[1] else 0.0  # of a short round, less than the system counts
    yield plain(f"{what}, processor time that a search takes more, %", more, key=f"cost_percent{suffix}")
    for name, meter in meters.items():
        yield from meter.rows(f"{what}, {name}", f"{name}{suffix}")


def _wait_for_check(bed: Filled) -> None:
    report.progress("waiting for a health check")
    with until(HEALTH_S, "the first health check") as wait:
        while any(told["state"] == "unknown" for told in bed.client.status().health.values()):
            wait()


@contextmanager
def _scraped(port: int) -> Iterator[None]:
    """Read the metrics again and again until the block is done, if there are any; raise if they can't be read."""
    if not port:
        yield
        return
    done, failed = threading.Event(), []
    opener = build_opener(ProxyHandler({}))

    def scrape() -> None:
        while True:
            try:
                with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=SCRAPED_S) as answer:
                    answer.read()
            except OSError as error:
                failed.append(error)
                return
            if done.wait(SCRAPE_S):
                return

    thread = threading.Thread(target=scrape, name="scraper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if failed:
        raise failed[0]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
