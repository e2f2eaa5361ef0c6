"""The client processes of one peer, which are there for the whole measurement and are told what to do in each round."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.peer_interface import Address
from bench.rounds import Deck, Round
from bench.tasks import Done, Task

LEAD_S = 0.02  # from the signal to the common start: until then all of them have read it


class PeerClientError(Exception):
    """Raised when a client process ends before it has done its task; what it wrote says why."""


class PeerClients:
    """Client processes; a context manager that starts and ends them.

    module, address: whom they ask. queries: a file of vectors. count: how many clients.
    """

    def __init__(self, module: str, address: Address, queries: Path, count: int) -> None:
        self._command = [sys.executable, "-P", "-m", "bench.peer_process", module, str(queries), *address]
        self._count = count
        self._deck = Deck()
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._running.append(subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running:
            assert process.stdin is not None
            process.stdin.close()  # of all first, so that they end at the same time
            if error is not None:
                process.kill()
        for process in self._running:
            assert process.stdout is not None
            process.stdout.close()
            process.wait()

    def connected(self) -> None:
        """Wait until all of them are; to be called once."""
        for process in self._running:
            _heard(process)

    def together(self, task: Task, count: int) -> Round:
        """Have the first `count` clients do the task at the same time, each with queries of its own."""
        players = self._running[:count]
        for player, dealt in zip(players, self._deck.deal(task, count), strict=True):
            _tell(player, dealt.to_line())
        for player in players:
            _heard(player)
        at = time.monotonic() + LEAD_S
        for player in players:
            _tell(player, f"{at!r}\n".encode())
        dones = [Done.from_line(_heard(player)) for player in players]
        self._deck.discard(dones)
        return Round.of(dones)


def _tell(player: subprocess.Popen[bytes], line: bytes) -> None:
    assert player.stdin is not None
    try:
        player.stdin.write(line)
        player.stdin.flush()
    except BrokenPipeError:
        raise PeerClientError(f"a client has ended with exit code {player.wait()}") from None


def _heard(player: subprocess.Popen[bytes]) -> bytes:
    assert player.stdout is not None
    line = player.stdout.readline()
    if not line:
        raise PeerClientError(f"a client has ended with exit code {player.wait()}")
    return line
