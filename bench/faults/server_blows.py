"""Blows to the servers of a database on PostgreSQL, and what an operator does then: promotion, and another replica."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from bench.faults.schedule import Blow, Part
from bench.harness.pair import Pair
from memmux.postgres.server import Server, children

HELD_S = 2.0  # for which a server hangs


class ServerBlows:
    """Strikes a pair of servers, one of which is promoted where the other is killed."""

    def __init__(self, both: Pair) -> None:
        self.both = both
        self._killed: Part | None = None

    def strike(self, blow: Blow) -> None:
        """Kill a server, or let it hang for a while; returns when there is a primary."""
        server = self.both.primary if blow.part is Part.PRIMARY else self.both.replica
        if blow.stall:
            _hang(server)
            return
        self._killed = blow.part
        if blow.part is Part.PRIMARY:
            self.both.fail_over()
        else:
            server.kill()
            server.start()

    def mend(self) -> None:
        """Have two servers again, each with all that was acknowledged."""
        if self._killed is Part.PRIMARY:
            self.both.renew()
        elif self._killed is Part.REPLICA:
            self.both.protect()
        self._killed = None


def _hang(server: Server) -> None:
    """Stop all processes of a server for a while."""
    assert server.pid is not None
    family = [server.pid, *children(server.pid)]
    _signal(family, signal.SIGSTOP)
    try:
        time.sleep(HELD_S)
    finally:
        _signal(family, signal.SIGCONT)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
