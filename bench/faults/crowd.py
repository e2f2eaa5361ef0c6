"""The crowd: the client processes that load a cluster; some are killed, and others take their place."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.faults import ledger
from bench.faults.ledger import Entry
from bench.harness.arena import Arena

FINISH_S = 60.0  # what a client may take for its last call: longer than any call may


class Crowd:
    """Client processes of one arena, each with a ledger; a context manager that starts and ends them.

    pause_ms: what a client waits between two calls, on average.
    killed: the clients that were killed on purpose. broken: those that ended badly or not at all, and how.
    """

    def __init__(self, arena: Arena, count: int, seed: int, pause_ms: int) -> None:
        self.killed: set[str] = set()
        self.broken: dict[str, str] = {}
        self._arena = arena
        self._count = count
        self._seed = seed
        self._pause_ms = pause_ms
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started = 0

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._start()
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

    def kill_one(self, chance: random.Random) -> bool:
        """Kill a client in whatever it is doing, and start another one; return whether there was one to kill."""
        name = chance.choice(sorted(self._running))
        process = self._running.pop(name)
        struck = self._arena.strike(process.pid, signal.SIGKILL)
        _collect(process)
        if struck:
            self.killed.add(name)
        else:
            self.broken[name] = f"exit code {process.returncode}"
        self._start()
        return struck

    def finish(self) -> None:
        """Let every client finish its last call and end."""
        for process in self._running.values():
            assert process.stdin is not None
            process.stdin.close()
        until = time.monotonic() + FINISH_S
        for name, process in self._running.items():
            try:
                code = process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.broken[name] = f"did not end within {FINISH_S:g} s"
                process.kill()
                _collect(process)
            else:
                if code:
                    self.broken[name] = f"exit code {code}"
        self._running.clear()

    def entries(self) -> list[Entry]:
        """Return what all clients have ever written down."""
        return [entry for path in sorted(self._arena.folder.glob("*.ledger")) for entry in ledger.read(path)]

    def _start(self) -> None:
        self._started += 1
        name = f"load-{self._started}"
        own = (
            f"--name={name}",
            f"--seed={self._seed * 1_000_003 + self._started}",
            f"--ledger={ledger_path(self._arena, name)}",
            f"--pause-ms={self._pause_ms}",
        )
        command = [sys.executable, "-P", "-m", "bench.faults.load", *own, *self._arena.settings.flags()]
        self._running[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def _collect(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def ledger_path(arena: Arena, name: str) -> Path:
    """Return where the ledger of a client is."""
    return arena.folder / f"{name}.ledger"
