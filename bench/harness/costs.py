"""Costs: the processor time of a call by kind of process, which is the measured reason for how many there can be."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.harness.callers import Callers
from bench.harness.measure import Row, cpu_s, plain
from bench.harness.rounds import Round, Turn
from memmux import Client
from memmux.wire.answers import Status

CLIENTS = "clients"


@dataclass(slots=True)
class Meter:
    """Adds up what the processes of a cluster and of its callers used while rounds were played.

    pids: the processes of each kind. used_s: processor time of each kind.
    """

    pids: Mapping[str, Sequence[int]]
    used_s: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    elapsed_s: float = 0.0

    @classmethod
    def of(cls, client: Client, callers: Callers) -> Meter:
        """Return a meter of a cluster whose workers are all there."""
        status = client.status()
        pids: dict[str, list[int]] = {CLIENTS: list(callers.pids), "router": [status.pid]}
        for worker in status.workers:
            pids.setdefault(str(worker["kind"]), []).append(worker["pid"])
        return cls(pids)

    def __call__(self, turn: Turn) -> Round:
        """Play a round, and count it."""
        before = self._read()
        played = turn()
        self.used_s.update(self._read() - before)
        self.calls += len(played.latencies_ms)
        self.elapsed_s += played.seconds
        return played

    def rows(self, what: str, key: str) -> Iterator[Row]:
        """Give the processor time of one call by the kind of process, in milliseconds."""
        for kind in self.pids:
            yield plain(f"{what}: processor time a call, {kind}, ms", self._ms(kind), key=f"{key}_cpu_{kind}_ms")

    def why(self) -> str:
        """Return the sentence that says what a call costs, and how much of the machine that took."""
        parts = ", ".join(f"{kind} {self._ms(kind):.2f}" for kind in self.pids)
        cores = os.cpu_count() or 1
        total_s = sum(self.used_s.values())
        share = 100 * total_s / (self.elapsed_s * cores)
        return (
            f"a call takes {1000 * total_s / self.calls:.2f} ms of processor time ({parts}), "
            f"and so {share:.0f} % of {cores} cores were in use"
        )

    def busy(self, kind: str) -> float:
        """Return which part of the time one core was in use by the processes of a kind."""
        return self.used_s[kind] / self.elapsed_s

    def _ms(self, kind: str) -> float:
        return 1000 * self.used_s[kind] / self.calls

    def _read(self) -> Counter[str]:
        return Counter({kind: sum(map(cpu_s, pids)) for kind, pids in self.pids.items()})


def processes(status: Status) -> Iterator[tuple[str, int]]:
    """Give name and pid of all processes of a cluster."""
    yield "router", status.pid
    for worker in status.workers:
        if worker["pid"]:
            yield worker.get("name", worker["kind"]), worker["pid"]
