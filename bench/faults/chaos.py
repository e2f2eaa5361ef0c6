"""Chaos: clients load a cluster, parts of it are killed and stalled, and then it is proven that nothing was lost."""

from __future__ import annotations

import math
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice

from bench.faults.crowd import Crowd
from bench.faults.evidence import gather
from bench.faults.probes import Probe, probes
from bench.faults.schedule import Blow, Fault, Part, faults
from bench.faults.verdict import Verdict, judge
from bench.harness import report
from bench.harness.arena import Arena, arena
from bench.harness.measure import Row, at_most, until
from memmux import Client
from memmux.config.settings import EmbedderChoice
from memmux.errors import MemmuxError
from memmux.processes import alive
from memmux.wire.answers import Status

STALL_S = 3.0  # three times what a live worker is ever silent
WORKER_S, ROUTER_S = 2.0, 5.0  # promised recoveries from a single kill
GIVE_UP_S = 30.0  # no recovery takes that long
READY_S = 120.0  # for all workers, the model included
PAUSE_MS = 10  # what a client waits between two calls, on average
CASES = 20  # shown of what is wrong


@dataclass(slots=True)
class Recoveries:
    """How long what was asked for could not be had: the worst after a kill of one worker, of the router, and so on.

    several_s: after two faults at once, or one while a worker is still stalled by an earlier one.
    """

    worker_s: float = 0.0
    router_s: float = 0.0
    stall_s: float = 0.0
    several_s: float = 0.0

    def note(self, fault: Fault, seconds: float, *, beside: bool) -> None:
        """Note how long the recovery from a fault took; beside: whether an earlier one was not over."""
        blow = fault.blows[0]
        if beside or not fault.single:
            self.several_s = max(self.several_s, seconds)
        elif blow.stall:
            self.stall_s = max(self.stall_s, seconds)
        elif blow.part is Part.ROUTER:
            self.router_s = max(self.router_s, seconds)
        elif blow.part.works:
            self.worker_s = max(self.worker_s, seconds)


@dataclass(slots=True)
class Siege:
    """The faults that befall one cluster; kills and stalls count the signals that were sent."""

    arena: Arena
    crowd: Crowd
    control: Client
    probes: Mapping[Part, Probe]
    chance: random.Random
    kills: int = 0
    stalls: int = 0
    recoveries: Recoveries = field(default_factory=Recoveries)
    stalled: set[int] = field(default_factory=set)  # workers that were, and of which some may not be replaced yet

    def strike(self, fault: Fault) -> None:
        """Let a fault happen and wait for the recovery."""
        # What a stalled worker holds waits until it is killed, though others of its kind serve: that is no recovery
        # from the kill of another one.
        self.stalled = {pid for pid in self.stalled if alive(pid)}
        beside = bool(self.stalled)
        struck = {blow.part for blow in fault.blows if self._blow(blow)}
        began = time.monotonic()  # only what was asked after the blow tells that there is a recovery from it
        # Nothing is promised of how long a client that was killed takes to start again.
        awaited = {Part.READ, Part.WRITE} if Part.ROUTER in struck else struck & set(self.probes)
        for part in sorted(awaited):
            seconds = self.probes[part].recovery_s(began, GIVE_UP_S)
            taken_s = GIVE_UP_S if seconds is None else seconds
            self.recoveries.note(fault, taken_s, beside=beside)
            report.progress(f"{part} was to be had after {taken_s:.2f} s{', a worker being stalled' if beside else ''}")

    def _blow(self, blow: Blow) -> bool:
        if blow.part is Part.CLIENT:
            struck = self.crowd.kill_one(self.chance)
        else:
            victims = self._victims(blow.part)
            number = signal.SIGSTOP if blow.stall else signal.SIGKILL
            victim = self.chance.choice(victims) if victims else 0
            struck = bool(victim) and self.arena.strike(victim, number)
            if struck and blow.stall:
                self.stalled.add(victim)
        self.kills += struck and not blow.stall
        self.stalls += struck and blow.stall
        return struck

    def _victims(self, part: Part) -> list[int]:
        try:
            status = self.control.status()
        except MemmuxError:
            return []  # the probes and the clients write down how long that lasts
        if part is Part.ROUTER:
            return [status.pid]
        return [worker["pid"] for worker in status.workers if worker["kind"] == part and worker["pid"]]


def run(
    seconds: float, clients: int, seed: int, embedder: EmbedderChoice, *, most: int | None = None, as_json: bool
) -> int:
    """Break a cluster, for so long or with so many faults at most; print what came of it, and return the exit code."""
    began = time.monotonic()
    with arena(embedder=embedder, stall_s=STALL_S) as here:
        siege, verdict = _besiege(here, _due(seed, seconds, most), clients, seed)
        left = here.left()
        result = _result(siege, verdict, left)
        result = {"seed": seed, "seconds": round(time.monotonic() - began, 1), "clients": clients, **result}
        cases = [*verdict.cases, *(f"left running: {pid} {line}" for pid, line in left.items())]
        cases += [f"client {name}: {how}" for name, how in siege.crowd.broken.items()]
        here.kept = bool(cases)
    if as_json:
        report.document(result)
    else:
        report.show(list(_rows(siege, verdict, left)), as_json=False)
    for case in cases[:CASES]:
        sys.stderr.write(f"{case}\n")
    return 1 if cases else 0


def _besiege(here: Arena, schedule: Iterable[Fault], clients: int, seed: int) -> tuple[Siege, Verdict]:
    """Load and strike the cluster, stop it, and judge."""
    crowd = Crowd(here, clients, seed, PAUSE_MS)
    control = Client(settings=here.settings, name="chaos")
    siege = Siege(here, crowd, control, probes(here), random.Random(f"victims of {seed}"))
    with control, ExitStack() as running:
        report.progress("starting")
        _wait_until_complete(control)
        running.enter_context(crowd)
        for probe in siege.probes.values():
            running.enter_context(probe)
        for fault in schedule:
            time.sleep(fault.pause_s)
            names = ", ".join(f"{'stall' if blow.stall else 'kill'} {blow.part}" for blow in fault.blows)
            report.progress(f"{siege.kills} kills, {siege.stalls} stalls; {names}")
            siege.strike(fault)
        report.progress("finishing")
        crowd.finish()
    report.progress("judging")
    here.stop()
    return siege, judge(crowd.entries(), crowd.killed, gather(here.settings.database))


def _due(seed: int, seconds: float, most: int | None) -> Iterator[Fault]:
    """Give the faults of the schedule, at most so many, until the time is over that begins with the first."""
    end = math.inf
    for fault in islice(faults(seed), most):
        end = min(end, time.monotonic() + seconds)
        if time.monotonic() + fault.pause_s >= end:
            return
        yield fault


def _wait_until_complete(control: Client) -> None:
    with until(READY_S, "starting the workers") as wait:
        while not _complete(control.status()):
            wait()


def _complete(status: Status) -> bool:
    return bool(status.workers) and status.model is not None and all(w["state"] == "ready" for w in status.workers)


def _result(siege: Siege, verdict: Verdict, left: Mapping[int, str]) -> dict[str, object]:
    recoveries = siege.recoveries
    return {
        "calls": verdict.calls,
        "kills": siege.kills,
        "stalls": siege.stalls,
        "acknowledged": verdict.acknowledged,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "unanswered": len(verdict.unanswered),
        "max_recovery_s": round(max(recoveries.worker_s, recoveries.router_s), 3),
        "max_recovery_worker_s": round(recoveries.worker_s, 3),
        "max_recovery_router_s": round(recoveries.router_s, 3),
        "max_recovery_stall_s": round(recoveries.stall_s, 3),
        "max_recovery_several_s": round(recoveries.several_s, 3),
        "in_time": recoveries.worker_s <= WORKER_S and recoveries.router_s <= ROUTER_S,
        "errors": verdict.errors,
        "consistent": not verdict.broken,
        "left_running": len(left),
    }


def _rows(siege: Siege, verdict: Verdict, left: Mapping[int, str]) -> Iterator[Row]:
    yield Row(name="calls", value=verdict.calls)
    yield Row(name="kills", value=siege.kills)
    yield Row(name="stalls", value=siege.stalls)
    yield Row(name="writes acknowledged", value=verdict.acknowledged)
    counted: Sequence[tuple[str, Sequence[str]]] = (
        ("lost", verdict.lost),
        ("applied twice", verdict.duplicated),
        ("without an answer", verdict.unanswered),
        ("views that are not those of the rows", verdict.broken),
        ("processes left", [str(pid) for pid in left]),
    )
    for name, cases in counted:
        yield at_most(name, len(cases), 0)
    yield at_most("recovery from the kill of a worker, worst", siege.recoveries.worker_s, WORKER_S, "s")
    yield at_most("recovery from the kill of the router, worst", siege.recoveries.router_s, ROUTER_S, "s")
    yield Row(name="recovery from a stalled worker, worst", value=round(siege.recoveries.stall_s, 3))
    yield Row(name="recovery from two faults at once, worst", value=round(siege.recoveries.several_s, 3))
    for code, count in verdict.errors.items():
        yield Row(name=f"answered with {code}", value=count)
