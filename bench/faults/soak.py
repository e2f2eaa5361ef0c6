"""The soak: a steady load for long, while the memory of every process and the write-ahead log are watched."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.crowd import Crowd
from bench.faults.evidence import gather
from bench.faults.verdict import judge
from bench.harness import report
from bench.harness.arena import Arena, arena
from bench.harness.measure import Row, at_most
from memmux import Client
from memmux.config.settings import EmbedderChoice
from memmux.processes import rss_bytes

CLIENTS = 8
PAUSE_MS = 200  # what each of them waits between two calls, on average: some forty calls a second in all
SAMPLE_S = 5.0
WARM_UP = 1 / 3  # of the time, and
WARM_UP_MOST_S = 600.0  # no more: caches fill up, and allocators keep what they have had once
SLOPE_MB = 1.0  # allowed in ten minutes
TEN_MINUTES_S = 600.0
WAL_MB = 64.0  # allowed to the log: what `journal_size_limit` leaves of it at most
MEBIBYTE = 1 << 20


@dataclass(slots=True)
class Curve:
    """The resident memory of one process after the warm-up: seconds and MiB, one point a sample."""

    name: str
    pid: int
    points: list[tuple[float, float]] = field(default_factory=list)

    @property
    def slope_mb(self) -> float:
        """How much it grows in ten minutes, by least squares; 0 of fewer than two points."""
        return slope(self.points) * TEN_MINUTES_S


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line that fits the points best; 0 if they are all above each other."""
    if not points:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


def run(minutes: float, seed: int, embedder: EmbedderChoice, *, as_json: bool) -> int:
    """Soak, print what came of it, and return the exit code."""
    with arena(embedder=embedder) as here:
        rows, curves = _soak(here, 60 * minutes, seed)
        good = all(row.ok for row in rows)
        here.kept = not good
    if as_json:
        processes = [
            {
                "name": curve.name,
                "pid": curve.pid,
                "first_mb": round(curve.points[0][1], 2),
                "last_mb": round(curve.points[-1][1], 2),
                "slope_mb": round(curve.slope_mb, 3),
            }
            for curve in curves
        ]
        values = {row.name.replace(" ", "_"): row.value for row in rows if row.name not in {c.name for c in curves}}
        report.document({"minutes": minutes, **values, "processes": processes, "passed": good})
    else:
        report.show(rows, as_json=False)
    return 0 if good else 1


def _soak(here: Arena, seconds: float, seed: int) -> tuple[list[Row], list[Curve]]:
    crowd = Crowd(here, CLIENTS, seed, PAUSE_MS)
    curves: dict[int, Curve] = {}
    wal_mb = 0.0
    with Client(settings=here.settings, name="soak") as control, ExitStack() as running:
        pid = control.status().pid
        running.enter_context(crowd)
        for now in _beats(seconds):
            warm = now >= min(WARM_UP * seconds, WARM_UP_MOST_S)
            wal_mb = max(wal_mb, _size_mb(here.settings.database.with_name(f"{here.settings.database.name}-wal")))
            report.progress(f"{'soaking' if warm else 'warming up'}: {now:.0f} of {seconds:.0f} s, log {wal_mb:.1f} MB")
            if warm:
                for name, process in _processes(control, crowd):
                    curve = curves.setdefault(process, Curve(name, process))
                    curve.points.append((now, rss_bytes(process) / MEBIBYTE))
        same = control.status().pid == pid
        crowd.finish()
    here.end()
    verdict = judge(crowd.entries(), crowd.killed, gather(here.settings.database))
    cases = [*verdict.cases, *(f"error: {entry.key}: {entry.error}" for entry in crowd.entries() if entry.error)]
    cases += [f"client {name}: {how}" for name, how in crowd.broken.items()]
    cases += [] if same else ["the router is another one"]
    sys.stderr.writelines(f"{case}\n" for case in cases)
    rows = [
        Row(name="calls", value=verdict.calls),
        at_most("failed calls", len(cases), 0),
        at_most("wal mb", wal_mb, WAL_MB),
        *(at_most(curve.name, curve.slope_mb, SLOPE_MB, "MB in ten minutes") for curve in curves.values()),
    ]
    return rows, list(curves.values())


def _beats(seconds: float) -> Iterator[float]:
    """Give the time since the first beat, every SAMPLE_S or at least twenty times, until it is over."""
    began = time.monotonic()
    beat_s = min(SAMPLE_S, seconds / 20)
    number = 0
    while (now := time.monotonic() - began) < seconds:
        yield now
        number += 1
        time.sleep(max(0.0, number * beat_s - (time.monotonic() - began)))


def _processes(control: Client, crowd: Crowd) -> Iterator[tuple[str, int]]:
    """Give name and pid of everything that takes part, but the process that watches."""
    status = control.status()
    yield "router", status.pid
    for worker in status.workers:
        if worker["pid"]:
            yield worker.get("name", worker["kind"]), worker["pid"]
    yield from crowd.pids.items()


def _size_mb(path: Path) -> float:
    try:
        return path.stat().st_size / MEBIBYTE
    except FileNotFoundError:
        return 0.0
