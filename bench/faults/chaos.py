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
from bench.faults.evidence import gather, gather_server
from bench.faults.probes import Probe, probes
from bench.faults.schedule import SERVERS, Blow, Fault, Part, faults
from bench.faults.server_blows import ServerBlows
from bench.faults.verdict import Verdict, judge
from bench.harness import report
from bench.harness.arena import Arena, arena, roles
from bench.harness.measure import Row, at_most, until
from bench.harness.pair import Pair, pair
from memmux import Client
from memmux.config.settings import EmbedderChoice
from memmux.errors import MemmuxError
from memmux.processes import alive
from memmux.wire.answers import Status

STALL_S = 3.0  # three times what a live worker is ever silent
HELD_S = 2.0  # for which a part is stopped that nobody replaces
WORKER_S, ROUTER_S, GATEWAY_S = 2.0, 5.0, 5.0  # promised recoveries from a single kill
PROMOTED_S = 3.0  # the same, from a promotion on
SESSION_S = 5.0  # for which a session may outlive its client
GIVE_UP_S = 30.0  # no recovery takes that long
HOSTS = 1 / 2  # of the clients are MCP hosts
READY_S = 120.0  # for all workers, the model included
LOOK_S = 0.05  # between two looks for sessions
PAUSE_MS = 10  # what a client waits between two calls, on average
CASES = 20  # shown of what is wrong


@dataclass(slots=True)
class Recoveries:
    """How long what was asked for could not be had: the worst after a kill of one worker, of the router, and so on.

    server_s: after the promotion in the place of a primary that was killed, or the start of a replica that was.
    several_s: after two faults at once, or one while a worker is still stalled by an earlier one. session_s: for which
    the session of a client that was killed, or whose relay was, was still there.
    """

    worker_s: float = 0.0
    router_s: float = 0.0
    gateway_s: float = 0.0
    server_s: float = 0.0
    stall_s: float = 0.0
    several_s: float = 0.0
    session_s: float = 0.0

    def note(self, fault: Fault, seconds: float, *, beside: bool) -> None:
        """Note how long the recovery from a fault took; beside: whether an earlier one was not over."""
        blow = fault.blows[0]
        if beside or not fault.single:
            self.several_s = max(self.several_s, seconds)
        elif blow.stall:
            self.stall_s = max(self.stall_s, seconds)
        elif blow.part is Part.ROUTER:
            self.router_s = max(self.router_s, seconds)
        elif blow.part is Part.GATEWAY:
            self.gateway_s = max(self.gateway_s, seconds)
        elif blow.part in SERVERS:
            self.server_s = max(self.server_s, seconds)
        elif blow.part.works:
            self.worker_s = max(self.worker_s, seconds)


@dataclass(frozen=True, slots=True)
class Victim:
    """A process that is to be struck; client: its name, if it is a client, or the relay of one."""

    blow: Blow
    pid: int = 0
    client: str = ""


@dataclass(slots=True)
class Siege:
    """The faults that befall one cluster; kills and stalls count the signals that were sent.

    left: sessions that outlived their clients, a sentence each.
    """

    arena: Arena
    crowd: Crowd
    control: Client
    probes: Mapping[Part, Probe]
    chance: random.Random
    servers: ServerBlows | None = None
    kills: int = 0
    stalls: int = 0
    recoveries: Recoveries = field(default_factory=Recoveries)
    left: list[str] = field(default_factory=list)
    stalled: set[int] = field(default_factory=set)  # workers that were, and of which some may not be replaced yet

    def strike(self, fault: Fault) -> None:
        """Let a fault happen and wait for the recovery."""
        # What a stalled worker holds waits until it is killed, though others of its kind serve: that is no recovery
        # from the kill of another one.
        self.stalled = {pid for pid in self.stalled if alive(pid)}
        beside = bool(self.stalled)
        # All are chosen before any is struck: a router that is stopped names no worker.
        struck = [victim for victim in self._victims(fault) if self._blow(victim)]
        self._let_go(struck)
        began = time.monotonic()  # only what was asked after the blow tells that there is a recovery from it
        parts = {victim.blow.part for victim in struck}
        # Nothing is promised of how long a client that was killed takes to start again.
        whole = parts.intersection((Part.ROUTER, *SERVERS))
        awaited = {Part.READ, Part.WRITE, Part.GATEWAY} if whole else parts & set(self.probes)
        for part in sorted(awaited):
            seconds = self.probes[part].recovery_s(began, GIVE_UP_S)
            taken_s = GIVE_UP_S if seconds is None else seconds
            self.recoveries.note(fault, taken_s, beside=beside)
            report.progress(f"{part} was to be had after {taken_s:.2f} s{', a worker being stalled' if beside else ''}")
        if self.servers is not None:
            self.servers.mend()
        self._replace({victim.client for victim in struck if victim.client and not victim.blow.stall})

    def _victims(self, fault: Fault) -> list[Victim]:
        return [victim for blow in fault.blows if (victim := self._victim(blow)) is not None]

    def _victim(self, blow: Blow) -> Victim | None:
        if blow.part in (Part.CLIENT, Part.HOST, Part.RELAY):
            name = self.crowd.pick(self.chance, host=blow.part is not Part.CLIENT)
            if name is None:
                return None
            pid = self.crowd.relay(name) if blow.part is Part.RELAY else self.crowd.pids[name]
            return Victim(blow, pid, name)
        if blow.part in SERVERS:
            return Victim(blow)
        pids = self._pids(blow.part)
        return Victim(blow, self.chance.choice(pids)) if pids else None

    def _pids(self, part: Part) -> list[int]:
        try:
            status = self.control.status()
        except MemmuxError:
            return []  # the probes and the clients write down how long that lasts
        if part is Part.ROUTER:
            return [status.pid]
        if part is Part.FORK_SERVER:
            return self.arena.pids(part) or self._next_fork_server()
        if part is Part.GATEWAY:
            return [int(status.gateway["pid"])] if status.gateway is not None and status.gateway["pid"] else []
        return [worker["pid"] for worker in status.workers if worker["kind"] == part and worker["pid"]]

    def _next_fork_server(self) -> list[int]:
        """Return the fork server that starts when a worker is due: it ends when all of them work, so one is killed."""
        until_s = time.monotonic() + GIVE_UP_S
        for pid in self._pids(Part.EMBED)[:1]:
            self.kills += self.arena.strike(pid, signal.SIGKILL)
        while not (found := self.arena.pids(Part.FORK_SERVER)) and time.monotonic() < until_s:
            time.sleep(LOOK_S)
        return found

    def _blow(self, victim: Victim) -> bool:
        number = signal.SIGSTOP if victim.blow.stall else signal.SIGKILL
        if victim.blow.part in SERVERS:
            assert self.servers is not None
            self.servers.strike(victim.blow)
        elif not self.arena.strike(victim.pid, number):
            return False
        if victim.blow.stall:
            self.stalls += 1
            if victim.blow.part.replaced:
                self.stalled.add(victim.pid)
        else:
            self.kills += 1
            if victim.client:
                self.crowd.killed.add(victim.client)
        return True

    def _let_go(self, struck: Sequence[Victim]) -> None:
        """Have those go on, after a while, that were stopped and that nobody replaces."""
        held = [victim.pid for victim in struck if victim.pid and victim.blow.stall and not victim.blow.part.replaced]
        if held:
            time.sleep(HELD_S)
        for pid in held:
            self.arena.strike(pid, signal.SIGCONT)

    def _replace(self, names: Iterable[str]) -> None:
        """Start other clients in the place of those that were struck, whose sessions are to be gone soon."""
        began = time.monotonic()
        gone = {name: self.crowd.replace(name) for name in names}
        while left := self._sessions(gone):
            if time.monotonic() - began >= GIVE_UP_S:
                self.left += [f"the session of {name} is there after {GIVE_UP_S:g} s" for name in left]
                return
            time.sleep(LOOK_S)
        if gone:
            self.recoveries.session_s = max(self.recoveries.session_s, time.monotonic() - began)

    def _sessions(self, gone: Mapping[str, int]) -> list[str]:
        """Return which of some clients still have a session, or a relay."""
        if not gone:
            return []
        try:
            known = {str(client["name"]) for client in self.control.status().clients}
        except MemmuxError:
            known = set(gone)
        return [name for name, relay in gone.items() if name in known or alive(relay)]


def run(
    seconds: float,
    clients: int,
    seed: int,
    embedder: EmbedderChoice,
    *,
    most: int | None = None,
    servers: bool = False,
    as_json: bool,
) -> int:
    """Break a cluster, for so long or with so many faults at most; print what came of it, and return the exit code.

    servers: whether its database is on PostgreSQL, of which a primary and a replica are run and struck, too.
    """
    began = time.monotonic()
    with ExitStack() as opened:
        both = opened.enter_context(pair()) if servers else None
        changes = {} if both is None else {"server": both.url}
        here = opened.enter_context(arena(embedder=embedder, stall_s=STALL_S, **changes))
        siege, verdict = _besiege(here, _due(seed, seconds, most, servers=servers), clients, seed, both)
        left = here.left()
        result = _result(siege, verdict, left)
        result = {"seed": seed, "seconds": round(time.monotonic() - began, 1), "clients": clients, **result}
        cases = [*verdict.cases, *(f"left running: {pid} {line}" for pid, line in left.items())]
        cases += [f"client {name}: {how}" for name, how in siege.crowd.broken.items()]
        cases += [f"session left: {what}" for what in siege.left]
        here.kept = bool(cases)
    if as_json:
        report.document(result)
    else:
        report.show(list(_rows(siege, verdict, left)), as_json=False)
    for case in cases[:CASES]:
        sys.stderr.write(f"{case}\n")
    return 1 if cases else 0


def _besiege(
    here: Arena, schedule: Iterable[Fault], clients: int, seed: int, both: Pair | None
) -> tuple[Siege, Verdict]:
    """Load and strike the cluster, stop it, and judge."""
    crowd = Crowd(here, clients, seed, PAUSE_MS, hosts=int(clients * HOSTS))
    control = Client(settings=here.settings, name="chaos")
    blows = None if both is None else ServerBlows(both)
    siege = Siege(here, crowd, control, probes(here), random.Random(f"victims of {seed}"), blows)
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
    evidence = gather(here.settings.database) if both is None else gather_server(both.primary)
    return siege, judge(crowd.entries(), crowd.killed, evidence)


def _due(seed: int, seconds: float, most: int | None, *, servers: bool) -> Iterator[Fault]:
    """Give the faults of the schedule, at most so many, until the time is over that begins with the first."""
    end = math.inf
    for fault in islice(faults(seed, servers=servers), most):
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
        "max_recovery_gateway_s": round(recoveries.gateway_s, 3),
        "max_recovery_server_s": round(recoveries.server_s, 3),
        "max_recovery_stall_s": round(recoveries.stall_s, 3),
        "max_recovery_several_s": round(recoveries.several_s, 3),
        "max_session_s": round(recoveries.session_s, 3),
        "in_time": recoveries.worker_s <= WORKER_S
        and recoveries.router_s <= ROUTER_S
        and recoveries.gateway_s <= GATEWAY_S
        and recoveries.server_s <= PROMOTED_S
        and recoveries.session_s <= SESSION_S,
        "errors": verdict.errors,
        "consistent": not verdict.broken,
        "left_running": len(left),
        "sessions_left": len(siege.left),
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
        ("sessions left", siege.left),
    )
    for name, cases in counted:
        yield at_most(name, len(cases), 0)
    yield at_most("processes left", len(left), 0, why=roles(left))
    yield at_most("recovery from the kill of a worker, worst", siege.recoveries.worker_s, WORKER_S, "s")
    yield at_most("recovery from the kill of the router, worst", siege.recoveries.router_s, ROUTER_S, "s")
    yield at_most("recovery from the kill of the gateway, worst", siege.recoveries.gateway_s, GATEWAY_S, "s")
    if siege.servers is not None:
        yield at_most("recovery from the promotion of a server, worst", siege.recoveries.server_s, PROMOTED_S, "s")
    yield at_most("a session after the end of its client, longest", siege.recoveries.session_s, SESSION_S, "s")
    yield Row(name="recovery from a stalled part, worst", value=round(siege.recoveries.stall_s, 3))
    yield Row(name="recovery from two faults at once, worst", value=round(siege.recoveries.several_s, 3))
    for code, count in verdict.errors.items():
        yield Row(name=f"answered with {code}", value=count)
