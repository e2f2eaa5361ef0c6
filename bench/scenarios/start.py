"""Starting, and what memmux weighs: its packages and processes, the first answer, at rest, and beside plain torch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from bench.harness import report
from bench.harness.arena import Arena
from bench.harness.callers import Callers
from bench.harness.costs import processes
from bench.harness.filled import filled
from bench.harness.material import Material
from bench.harness.mcp_client import initialized
from bench.harness.measure import MEBIBYTE, Row, at_most, cpu_s, plain, pss_bytes, until
from bench.harness.questions import Questions
from bench.harness.settle import settle
from bench.harness.tasks import Task, Work
from bench.scenarios import embedding, light
from memmux import Client
from memmux.processes import rss_bytes
from memmux.wire.answers import Status

FULL = 10_000  # memories, which the targets of time and memory are about
FIRST_ANSWER_S = 3.0
WEIGHT_MB = 400.0
SHARED_MB = 260.0  # of the same processes, with what they share divided among them
IDLE_PERCENT = 1.0  # of one core
SEARCHES = 50  # before the cluster is weighed
STOP_S = 240.0
RESTED_S = 3.0  # of doing nothing, at most, before the processor time at rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured; idle_s: at rest. texts: embedded by either library. starts: of the cluster."""

    memories: int = FULL
    idle_s: float = 20.0
    texts: int = 200
    starts: int = 5


@dataclass(frozen=True, slots=True)
class _Start:
    """Seconds to the first answer, and to the first that was ranked by meaning, too."""

    first_s: float
    whole_s: float


def measure(options: Options) -> Iterator[Row]:
    """Give the rows."""
    full = options.memories == FULL
    yield from light.measure(options.starts)
    with filled(Material.of(options.memories)) as bed:
        here = bed.arena
        Questions(bed.material.queries()).save(here.folder / "questions.json")
        starts = []
        mcp_s = []
        for number in range(options.starts):
            report.progress(f"starting from nothing: {number + 1} of {options.starts}")
            _end(here)
            starts.append(_first_answer(here))
            _end(here)
            with initialized(here.settings) as server:
                mcp_s.append(server.seconds)
        first_s = median(start.first_s for start in starts)
        yield plain("first answer, from nothing, s", first_s, key="first_answer_s")
        # An answer that was ranked by words alone, since the model was still loading, does not count as one here.
        whole_s = median(start.whole_s for start in starts)
        target = FIRST_ANSWER_S if full else None
        yield at_most("first answer by meaning, from nothing", whole_s, target, "s", key="whole_answer_s")
        yield plain("MCP initialize, from nothing, s", median(mcp_s), key="mcp_without_cluster_s")
        yield from _running(here, options)
    yield from embedding.measure(options.texts)


def _end(here: Arena) -> None:
    """Stop the cluster, and also one that is just being started and can not be told so yet."""
    with until(STOP_S, "stopping") as wait:
        while here.running():
            here.end()
            wait()


def _first_answer(here: Arena) -> _Start:
    """Have a new process ask, which starts the cluster; what it takes to start itself is part of that."""
    task = Task(work=Work.SEARCH, seconds=60.0, most=1)
    began = time.monotonic()
    with Callers.of(here.settings, here.folder / "questions.json", 1) as callers:
        (done,) = callers.run([task], whole=False)
        first_s = done.ended - began
        while done.degraded:  # the model is not there yet, and it was ranked by words
            (done,) = callers.run([task], whole=False)
        return _Start(first_s, done.ended - began)


def _running(here: Arena, options: Options) -> Iterator[Row]:
    """Give the rows of a cluster that runs, with one client that is connected and asks nothing after a while."""
    with Client(settings=here.settings, name="bench") as client:
        settle(client)
        seconds = []
        for _ in range(options.starts):
            with initialized(here.settings) as server:
                seconds.append(server.seconds)
        yield plain("MCP initialize, beside a cluster, s", median(seconds), key="mcp_with_cluster_s")
        with Callers.of(here.settings, here.folder / "questions.json", 1) as callers:
            callers.together(Task(work=Work.SEARCH, seconds=60.0, most=SEARCHES), 1)
            yield from _weight(client.status(), full=options.memories == FULL)
            yield _at_rest(client.status(), options.idle_s)


def _weight(status: Status, *, full: bool) -> Iterator[Row]:
    weights_mb = {name: rss_bytes(pid) / MEBIBYTE for name, pid in processes(status)}
    for name, mb in weights_mb.items():
        yield plain(f"{name} resident, MiB", mb, key=f"{name}_mb".replace("-", "_"))
    # What the targets are about has one embedder.
    counted = {name: pid for name, pid in processes(status) if not name.startswith("embed") or name == "embed-0"}
    resident_mb = sum(weights_mb[name] for name in counted)
    divided_mb = {name: pss_bytes(pid) / MEBIBYTE for name, pid in counted.items()}
    pss_mb = sum(divided_mb.values())
    shared = f"{resident_mb - pss_mb:.0f} MiB of it are pages of libraries and files that several processes share"
    yield at_most(
        "router, readers, writer and one embedder, resident",
        resident_mb,
        WEIGHT_MB if full else None,
        "MiB",
        key="cluster_mb",
        why=f"{shared}, counted for each",
    )
    yield at_most(
        "router, readers, writer and one embedder, PSS",
        pss_mb,
        SHARED_MB if full else None,
        "MiB",
        key="cluster_pss_mb",
        why=", ".join(f"{name} {mb:.0f}" for name, mb in divided_mb.items()),
    )


def _at_rest(status: Status, seconds: float) -> Row:
    """Return the row of the processor time that all processes use while nobody asks anything."""
    report.progress("watching it at rest")
    pids = [pid for _, pid in processes(status)]
    time.sleep(min(RESTED_S, seconds))
    before, began = sum(map(cpu_s, pids)), time.monotonic()
    time.sleep(seconds)
    used, elapsed = sum(map(cpu_s, pids)) - before, time.monotonic() - began
    return at_most("processor at rest", 100 * used / elapsed, IDLE_PERCENT, "% of a core", key="idle_percent")
