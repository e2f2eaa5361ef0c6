"""The callers: client processes that stay for the whole measurement, and are told what to do in each round."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.harness.measure import machine_cpu_s
from bench.harness.rounds import Deck, Round
from bench.harness.tasks import Done, Task
from memmux.config.settings import Settings

_OF_SERVERS = {
    "replication_asynchronous",
    "replica_behind",
}  # what says nothing of an answer, but of which server gave it
LEAD_S = 0.02  # from the signal to the common start: until then all of them have read it


class CallerError(Exception):
    """Raised when a client ends before its task is done, and when its answers are not what is to be measured."""


class Callers:
    """Client processes; a context manager that starts and ends them.

    commands: one for each, which does what it is told over its standard input, as `bench.harness.caller` does.
    """

    def __init__(self, commands: Iterable[Sequence[str]]) -> None:
        self._commands = commands
        self._deck = Deck()
        self._running: list[subprocess.Popen[bytes]] = []

    @classmethod
    def of(cls, settings: Settings, questions: Path, count: int, *, hosts: bool = False) -> Self:
        """Return so many clients of a cluster; questions: a file as `Questions.save` writes it. hosts: of MCP."""
        command = [sys.executable, "-P", "-m", "bench.harness.caller", f"--questions={questions}", *settings.flags()]
        command += ["--host=1"] if hosts else []
        return cls([*command, f"--name=caller-{number}"] for number in range(count))

    def __enter__(self) -> Self:
        for command in self._commands:
            self._running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
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

    @property
    def pids(self) -> Sequence[int]:
        """The processes."""
        return [process.pid for process in self._running]

    def connected(self) -> None:
        """Wait until each has said that it is connected; for those that do, and to be called once."""
        for process in self._running:
            _heard(process)

    def together(self, task: Task, count: int) -> Round:
        """Have so many clients do the task at the same time, each with questions of its own; raises CallerError."""
        before_s = machine_cpu_s()
        dones = self.run(self._deck.deal(task, count))
        self._deck.discard(dones)
        return Round.of(dones, machine_cpu_s() - before_s)

    def run(self, tasks: Sequence[Task], *, whole: bool = True) -> list[Done]:
        """Have each of the first clients do one of the tasks, and return what is done, in their order.

        whole: whether an answer that had to do without something counts as an error: it is not what is to be measured.
        Raises CallerError.
        """
        players = self._running[: len(tasks)]
        for player, task in zip(players, tasks, strict=True):
            _tell(player, task.to_line())
        for player in players:
            _heard(player)
        at = time.monotonic() + (LEAD_S if len(players) > 1 else 0.0)
        for player in players:
            _tell(player, f"{at!r}\n".encode())
        dones = [Done.from_line(_heard(player)) for player in players]
        if whole and (degraded := sorted({code for done in dones for code in done.degraded} - _OF_SERVERS)):
            raise CallerError(f"answers were degraded: {', '.join(degraded)}")
        return dones


def _tell(player: subprocess.Popen[bytes], line: bytes) -> None:
    assert player.stdin is not None
    try:
        player.stdin.write(line)
        player.stdin.flush()
    except BrokenPipeError:
        raise CallerError(f"a client has ended with exit code {player.wait()}") from None


def _heard(player: subprocess.Popen[bytes]) -> bytes:
    assert player.stdout is not None
    line = player.stdout.readline()
    if not line:
        raise CallerError(f"a client has ended with exit code {player.wait()}")
    return line
