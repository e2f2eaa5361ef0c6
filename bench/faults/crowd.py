"""The crowd: the client processes that load a cluster; some are killed, and others take their place.

Some are MCP hosts, each with a relay of its own, which can be struck as well.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.faults import ledger
from bench.faults.ledger import Entry
from bench.harness.arena import Arena
from bench.harness.measure import until

_HOST = "host-"  # how the names of hosts begin
CALL_S = 120.0  # for a call, so that it is no failure where a busy machine takes long to recover
ANSWERED_S = 240.0  # for each client to have an answer
FINISH_S = CALL_S + 30.0  # what a client may take for its last call: longer than any call may


class Crowd:
    """Client processes of one arena, each with a ledger; a context manager that starts and ends them.

    pause_ms: what a client waits between two calls, on average. hosts: so many of them are MCP hosts.
    killed: the clients that were killed on purpose, or whose relays were. broken: those that ended badly or not at all,
    and how.
    """

    def __init__(self, arena: Arena, count: int, seed: int, pause_ms: int, hosts: int = 0) -> None:
        self.killed: set[str] = set()
        self.broken: dict[str, str] = {}
        self._arena = arena
        self._count = count
        self._seed = seed
        self._pause_ms = pause_ms
        self._hosts = hosts
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._relays: dict[str, int] = {}  # of hosts that were asked for them
        self._started = 0

    def __enter__(self) -> Self:
        for number in range(self._count):
            self._start(host=number < self._hosts)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.kill()
            _collect(process)

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run, by the names of their clients."""
        return {name: process.pid for name, process in self._running.items()}

    def pick(self, chance: random.Random, *, host: bool) -> str | None:
        """Return the name of a client, which is an MCP host or not; None if there is none."""
        names = sorted(name for name in self._running if name.startswith(_HOST) == host)
        return chance.choice(names) if names else None

    def relay(self, name: str) -> int:
        """Return the pid of the relay of a host, which may just be starting; 0 where it never did."""
        if name not in self._relays:
            stdout = self._running[name].stdout
            assert stdout is not None
            self._relays[name] = int(stdout.readline() or 0)
        return self._relays[name]

    def replace(self, name: str) -> int:
        """Start another client in the place of one that was killed, or whose relay was; return the relay, or 0."""
        relay = self.relay(name) if name.startswith(_HOST) else 0
        _collect(self._running.pop(name))
        self._start(host=name.startswith(_HOST))
        return relay

    def wait_for_all(self, *, after: float = 0.0) -> None:
        """Wait until every client has an answer, of later than `after`, in monotonic seconds; raises TimeoutError."""
        with until(ANSWERED_S, "the answers to all clients") as wait:
            while self._running.keys() - {one.client for one in self.entries() if one.answered and one.at > after}:
                wait()

    def finish(self) -> None:
        """Let every client finish its last call and end."""
        for process in self._running.values():
            assert process.stdin is not None
            process.stdin.close()
        bound = time.monotonic() + FINISH_S
        for name, process in self._running.items():
            try:
                code = process.wait(max(0.0, bound - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.broken[name] = f"did not end within {FINISH_S:g} s"
                process.kill()
                _collect(process)
            else:
                _collect(process)
                if code:
                    self.broken[name] = f"exit code {code}"
        self._running.clear()

    def entries(self) -> list[Entry]:
        """Return what all clients have ever written down."""
        return [entry for path in sorted(self._arena.folder.glob("*.ledger")) for entry in ledger.read(path)]

    def _start(self, *, host: bool) -> None:
        self._started += 1
        name = f"{_HOST if host else 'load-'}{self._started}"
        own = (
            f"--name={name}",
            f"--seed={self._seed * 1_000_003 + self._started}",
            f"--ledger={ledger_path(self._arena, name)}",
            f"--pause-ms={self._pause_ms}",
            f"--host={int(host)}",
        )
        command = [sys.executable, "-P", "-m", "bench.faults.load", *own, *self._arena.settings.flags()]
        self._running[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _collect(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()
    process.wait()


def ledger_path(arena: Arena, name: str) -> Path:
    """Return where the ledger of a client is."""
    return arena.folder / f"{name}.ledger"
