"""The supervisor: starts worker processes, notices their end, starts them again with back-off.

A slot is a place for one worker of a kind. Each process in it has an identity of its own (`read-0-1f3a…`), so that
nothing said to or by a dead process can reach its successor. A slot that keeps failing is reported as degraded and is
tried again for as long as the cluster lives: a model that is installed later heals it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from memmux import interpreter
from memmux.config.settings import Settings
from memmux.errors import WorkerUnavailableError
from memmux.logs import log
from memmux.processes import rss_bytes
from memmux.wire.operations import Stage

STEADY_S = 1.0  # a process that worked so long was healthy: its slot starts again at once, however often it is killed
BACKOFF_S = 0.25  # before the second start; doubled for each further one
BACKOFF_MOST_S = 30.0
DEGRADED_AFTER = 3  # failures in a row
HELD = "--held"  # the flag of a worker that is to wait before it opens anything
# glibc raises this threshold by itself, and then keeps the memory of large arrays that are gone: 9 MB a reader.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000"}


@dataclass(slots=True)
class _Process:
    """A running worker. The pipe to its standard input stays open for as long as we live: its end is ours."""

    identity: str
    popen: subprocess.Popen[bytes]
    ready: float | None = None  # since when it works


@dataclass(slots=True)
class _Slot:
    stage: Stage
    index: int
    held: bool = False  # its process gets ready to begin, and begins when it is told
    process: _Process | None = None
    successor: _Process | None = None  # takes over when it is ready
    starts: int = 0
    failures: int = 0  # in a row
    due: float | None = None  # when to start again
    error: Mapping[str, object] | None = None  # why it failed last

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.index}"

    @property
    def processes(self) -> list[_Process]:
        return [process for process in (self.process, self.successor) if process is not None]


@dataclass(slots=True)
class Supervisor:
    """The slots of one cluster and the processes in them; every method is quick and none waits.

    settings: how many workers of which kind, and what they are told. address: the router's backend.
    new_identity: makes a suffix that no other process has had.
    """

    settings: Settings
    address: str
    new_identity: Callable[[], str]
    _slots: list[_Slot] = field(default_factory=list)
    _stopping: bool = False

    def add(self, stage: Stage, now: float, *, held: bool = False) -> None:
        """Make the slots of one kind of worker; `start_due` starts their processes.

        held: they import what they need and wait for `release`.
        """
        counts = {Stage.READ: self.settings.readers, Stage.EMBED: self.settings.embedders, Stage.WRITE: 1}
        self._slots.extend(_Slot(stage, index, held, due=now) for index in range(counts[stage]))

    def release(self, stage: Stage) -> bool:
        """Let the workers of that kind that were held begin; return whether there were any."""
        held = [slot for slot in self._slots if slot.stage is stage and slot.held]
        for slot in held:
            slot.held = False
            if slot.process is not None and slot.process.popen.stdin is not None:
                with suppress(OSError):  # it has just ended, and another one takes its place
                    os.write(slot.process.popen.stdin.fileno(), b"\n")
        return bool(held)

    def start_due(self, now: float) -> list[tuple[str, Stage]]:
        """Start what is due; return the identity and kind of each new process."""
        started: list[tuple[str, Stage]] = []
        for slot in self._slots:
            if slot.due is not None and slot.due <= now and not self._stopping:
                started += self._start(slot, now)
        return started

    def replace(self, identity: str, now: float) -> list[tuple[str, Stage]]:
        """Start a successor beside the process `identity`; return what `start_due` would."""
        slot, _ = self._find(identity)
        if slot is None or slot.process is None or slot.successor is not None or self._stopping:
            return []
        return self._start(slot, now)

    def _start(self, slot: _Slot, now: float) -> list[tuple[str, Stage]]:
        """Start the process of a slot, or the successor of the one that it has; later again if that can't be."""
        slot.due = None
        process = self._spawn(slot)
        if process is None:
            slot.failures += 1
            self._start_later(slot, now)
            return []
        if slot.process is None:
            slot.process = process
        else:
            slot.successor = process
        return [(process.identity, slot.stage)]

    def reap(self, now: float) -> list[str]:
        """Return the identities of the processes that have ended, and plan what takes their place."""
        ended: list[str] = []
        for slot in self._slots:
            for process in (slot.process, slot.successor):
                if process is not None and process.popen.poll() is not None:
                    ended.append(process.identity)
                    _close(process)
                    self._ended(slot, process, now)
        return ended

    def _ended(self, slot: _Slot, process: _Process, now: float) -> None:
        if process is slot.successor:
            slot.successor = None
            return
        slot.process, slot.successor = slot.successor, None
        if process.popen.returncode == 0 or (process.ready is not None and now - process.ready >= STEADY_S):
            slot.failures = 0
        else:
            slot.failures += 1
        if slot.process is None and not self._stopping:
            self._start_later(slot, now)

    def _start_later(self, slot: _Slot, now: float) -> None:
        """Let a slot without a process have one again, the later the more of them have failed in a row."""
        pause = min(BACKOFF_S * 2.0 ** min(slot.failures - 2, 16), BACKOFF_MOST_S) if slot.failures > 1 else 0.0
        slot.due = now + pause
        if pause:
            log.get().warning("slot_backed_off", slot=slot.name, failures=slot.failures, seconds=pause)

    def on_ready(self, identity: str, now: float) -> None:
        """Note that a process works: its slot's last error is history."""
        slot, process = self._find(identity)
        if slot is not None and process is not None:
            process.ready, slot.error = now, None

    def on_failed(self, identity: str, error: Mapping[str, object]) -> None:
        """Note why a process could not start; its end follows."""
        slot, _ = self._find(identity)
        if slot is not None:
            slot.error = error

    def kill(self, identity: str) -> None:
        """End a process that hangs, at once; `reap` sees it."""
        _, process = self._find(identity)
        if process is not None:
            process.popen.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        """Start nothing more; the loop has told every worker to stop, or is about to."""
        self._stopping = True

    def kill_all(self) -> None:
        """End whatever still runs and wait for it: SIGKILL can't be refused."""
        for process in self._running():
            process.popen.kill()
            process.popen.wait()
            _close(process)

    def running(self, *stages: Stage) -> list[str]:
        """Return the identities of the processes of these kinds that run; of every kind if none is named."""
        kinds = stages or tuple(Stage)
        found = [process for slot in self._slots if slot.stage in kinds for process in (slot.process, slot.successor)]
        return [process.identity for process in found if process is not None and process.popen.poll() is None]

    def failing(self, stage: Stage) -> bool:
        """Return whether a slot of that kind has failed so often that it counts as degraded."""
        return any(slot.stage is stage and slot.failures >= DEGRADED_AFTER for slot in self._slots)

    def failing_slots(self) -> list[str]:
        """Return the names of the slots that have failed so often that they count as degraded, with nothing ready.

        A process that is being tried again changes nothing before it is.
        """
        failed = [slot for slot in self._slots if slot.failures >= DEGRADED_AFTER]
        return [slot.name for slot in failed if all(process.ready is None for process in slot.processes)]

    def error(self, stage: Stage) -> str:
        """Return what the last process of that kind failed of that could not be started or said why it can't work."""
        errors = [slot.error for slot in self._slots if slot.stage is stage and slot.error is not None]
        return str(errors[0].get("message", "")) if errors else ""

    def next_start(self) -> float | None:
        """Return when the next process is due, in monotonic seconds."""
        return min((slot.due for slot in self._slots if slot.due is not None), default=None)

    def status(self, states: Mapping[str, Mapping[str, object]]) -> list[dict[str, object]]:
        """Return one object per process, or per slot that has none, for `cluster.status`.

        states: what the dispatcher knows of each identity: state and in_flight.
        """
        rows: list[dict[str, object]] = []
        for slot in self._slots:
            for process in filter(None, (slot.process, slot.successor)):
                pid = process.popen.pid
                known = {"state": "starting", "in_flight": 0, **states.get(process.identity, {})}
                rows.append({**_row(slot), "pid": pid, **known, "rss_bytes": rss_bytes(pid)})
            if slot.process is None and slot.successor is None:
                state = "degraded" if slot.failures >= DEGRADED_AFTER else "restarting"
                rows.append({**_row(slot), "pid": None, "state": state, "in_flight": 0, "rss_bytes": 0})
        return rows

    def _running(self) -> list[_Process]:
        return [process for slot in self._slots for process in (slot.process, slot.successor) if process is not None]

    def _find(self, identity: str) -> tuple[_Slot, _Process] | tuple[None, None]:
        for slot in self._slots:
            for process in (slot.process, slot.successor):
                if process is not None and process.identity == identity:
                    return slot, process
        return None, None

    def _spawn(self, slot: _Slot) -> _Process | None:
        """Start a process with a safe import path and the database's folder as its working directory.

        None, and the slot has the error, if the system starts none: Python may be exchanged at this moment, or there
        may be too many processes or open files.

        MCP hosts start servers inside projects that may hold a `workers/` of their own: see `memmux.interpreter`.
        """
        identity = f"{slot.name}-{self.new_identity()}"
        command = [sys.executable, "-P", "-m", "workers", slot.stage, f"--identity={identity}"]
        try:
            popen = subprocess.Popen(
                [*command, f"--router={self.address}", *self.settings.flags(), *([HELD] if slot.held else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                cwd=Path(self.settings.database).parent,
                env={**MEMORY, **interpreter.environment()},
                process_group=0,  # Ctrl-C at a terminal is for the router, which stops its workers
            )
        except OSError as error:
            failure = WorkerUnavailableError(
                f"a {slot.stage} worker can't be started: {error.filename or sys.executable}: {error.strerror}; it is "
                "tried again. If memmux was moved or installed anew, run `memmux restart` from where it is now"
            )
            slot.error = failure.to_json()
            log.get().error("worker_not_started", slot=slot.name, error=failure.message)
            return None
        slot.starts += 1
        return _Process(identity, popen)


def _row(slot: _Slot) -> dict[str, object]:
    row: dict[str, object] = {"kind": str(slot.stage), "name": slot.name, "restarts": max(0, slot.starts - 1)}
    return {**row, "error": dict(slot.error)} if slot.error is not None else row


def _close(process: _Process) -> None:
    if process.popen.stdin is not None:
        process.popen.stdin.close()
