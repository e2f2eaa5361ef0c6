"""A siege: the faults of a schedule, done to one cluster, each with the wait for the recovery from it."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.faults.crowd import Crowd
from bench.faults.probes import Probe
from bench.faults.recoveries import Recoveries
from bench.faults.schedule import SERVERS, Blow, Fault, Part
from bench.faults.server_blows import ServerBlows
from bench.harness import report
from bench.harness.arena import Arena
from memmux import Client
from memmux.errors import MemmuxError
from memmux.processes import alive

HELD_S = 2.0  # for which a part is stopped that nobody replaces
GIVE_UP_S = 120.0  # no recovery takes that long
LOOK_S = 0.05  # between two looks for sessions


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
    stalled: set[int] = field(default_factory=set)  # workers, some of them not replaced yet

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
        """Start other clients in the place of those that were struck, and wait for the end of the old sessions."""
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
