"""The supervisor: starts worker processes, notices their end, starts them again with back-off.

A slot is a place for one worker of a kind. Each process in it has an identity of its own (`read-0-1f3a…`), so that
nothing said to or by a dead process can reach its successor. A slot that keeps failing is reported as degraded and is
tried again for as long as the cluster lives: a model that is installed later heals it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from memmux.config.settings import Settings
from memmux.errors import WorkerUnavailableError
from memmux.logs import log
from memmux.processes import rss_bytes
from memmux.wire.operations import Stage
from router.lifecycle.fork_server import ForkServer
from router.lifecycle.worker_process import SpawnedProcess, WorkerProcess

STEADY_S = 1.0  # a process that worked so long was healthy: its slot starts again at once, however often it is killed
REST_S = 5.0  # that all must have worked for the fork server to end: who dies of how it was set up does so before
BACKOFF_S = 0.25  # before the second start; doubled for each further one
BACKOFF_MOST_S = 30.0
DEGRADED_AFTER = 3  # failures in a row
HELD = "--held"  # the flag of a worker that is to wait before it opens anything


@dataclass(slots=True)
class _Worker:
    """A worker that runs, or was ordered."""

    identity: str
    process: WorkerProcess
    ready: float | None = None  # since when it works


@dataclass(slots=True)
class _Slot:
    stage: Stage
    index: int
    held: bool = False  # its process gets ready to begin, and begins when it is told
    worker: _Worker | None = None
    successor: _Worker | None = None  # takes over when it is ready
    again: bool = False  # whether the successor has asked for one of its own already
    starts: int = 0
    failures: int = 0  # in a row
    due: float | None = None  # when to start again
    error: Mapping[str, object] | None = None  # why it failed last

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.index}"

    def rests(self, now: float) -> bool:
        """Return whether its worker has worked for so long that no other one is expected."""
        ready = None if self.worker is None else self.worker.ready
        return self.successor is None and ready is not None and now - ready >= REST_S

    @property
    def workers(self) -> list[_Worker]:
        return [worker for worker in (self.worker, self.successor) if worker is not None]


@dataclass(slots=True)
class Supervisor:
    """The slots of one cluster and the processes in them; every method is quick and none waits.

    settings: how many workers of which kind, and what they are told. address: the router's backend.
    new_identity: makes a suffix that no other process has had. fork_server: forks workers where the system can do that;
    they are spawned where it is None.
    """

    settings: Settings
    address: str
    new_identity: Callable[[], str]
    fork_server: ForkServer | None = None
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
            if slot.worker is not None:
                slot.worker.process.begin()
        return bool(held)

    def start_due(self, now: float) -> list[tuple[str, Stage]]:
        """Start what is due; return the identity and kind of each new process."""
        started: list[tuple[str, Stage]] = []
        for slot in self._slots:
            if slot.due is not None and slot.due <= now and not self._stopping:
                started += self._start(slot, now)
        return started

    def replace(self, identity: str, now: float) -> list[tuple[str, Stage]]:
        """Start a successor beside the process `identity`, or once it has its place; return what `start_due` would."""
        slot, worker = self._find(identity)
        if slot is None or slot.worker is None or slot.successor is not None or self._stopping:
            if slot is not None and worker is slot.successor:
                slot.again = True
            return []
        return self._start(slot, now)

    def _start(self, slot: _Slot, now: float) -> list[tuple[str, Stage]]:
        """Start the process of a slot, or the successor of the one that it has; later again if that can't be."""
        slot.due = None
        worker = self._new_worker(slot, now)
        if worker is None:
            slot.failures += 1
            self._start_later(slot, now)
            return []
        if slot.worker is None:
            slot.worker = worker
        else:
            slot.successor = worker
        return [(worker.identity, slot.stage)]

    def reap(self, now: float) -> list[str]:
        """Return the identities of the processes that have ended, and plan what takes their place."""
        if self.fork_server is not None:
            self.fork_server.look(now)
            if self._slots and all(slot.rests(now) for slot in self._slots):
                self.fork_server.rest()
        ended: list[str] = []
        for slot in self._slots:
            for worker in slot.workers:
                if (code := worker.process.poll()) is not None:
                    ended.append(worker.identity)
                    worker.process.close()
                    self._ended(slot, worker, code, now)
        return ended

    def _ended(self, slot: _Slot, worker: _Worker, code: int, now: float) -> None:
        if worker.process.never_began:
            slot.starts -= 1  # it is nobody's failure
        was_successor = worker is slot.successor
        slot.worker, slot.successor = slot.worker if was_successor else slot.successor, None
        if code == 0 or (worker.ready is not None and now - worker.ready >= STEADY_S):
            slot.failures = 0
        elif not worker.process.never_began:
            slot.failures += 1
        again, slot.again = slot.again, False
        if (slot.worker is None or was_successor or again) and not self._stopping:  # who retires asks for one only once
            self._start_later(slot, now)

    def _start_later(self, slot: _Slot, now: float) -> None:
        """Let a slot have a process again, or a successor, the later the more of them have failed in a row."""
        pause = min(BACKOFF_S * 2.0 ** min(slot.failures - 2, 16), BACKOFF_MOST_S) if slot.failures > 1 else 0.0
        slot.due = now + pause
        if pause:
            log.get().warning("slot_backed_off", slot=slot.name, failures=slot.failures, seconds=pause)

    def on_ready(self, identity: str, now: float) -> None:
        """Note that a process works: its slot's last error is history."""
        slot, worker = self._find(identity)
        if slot is not None and worker is not None:
            worker.ready, slot.error = now, None

    def on_failed(self, identity: str, error: Mapping[str, object]) -> None:
        """Note why a process could not start; its end follows."""
        slot, _ = self._find(identity)
        if slot is not None:
            slot.error = error

    def kill(self, identity: str) -> None:
        """End a process that hangs, at once; `reap` sees it."""
        _, worker = self._find(identity)
        if worker is not None:
            worker.process.kill()

    def stop(self) -> None:
        """Start nothing more; the loop has told every worker to stop, or is about to."""
        self._stopping = True

    def kill_all(self) -> None:
        """End whatever still runs and wait for it: SIGKILL can't be refused."""
        if self.fork_server is not None:
            self.fork_server.close()
        for worker in self._workers():
            worker.process.kill()
            worker.process.wait()
            worker.process.close()

    @property
    def settled(self) -> bool:
        """Whether the pid of every worker that was ordered is known, so that any other child is an orphan."""
        return self.fork_server is None or self.fork_server.settled

    def pids(self) -> set[int]:
        """Return the pids of all processes that are waited for here."""
        known = {pid for worker in self._workers() if (pid := worker.process.pid) is not None}
        return known if self.fork_server is None else known | self.fork_server.pids()

    def running(self, *stages: Stage) -> list[str]:
        """Return the identities of the processes of these kinds that run; of every kind if none is named."""
        kinds = stages or tuple(Stage)
        found = [worker for slot in self._slots if slot.stage in kinds for worker in slot.workers]
        return [worker.identity for worker in found if worker.process.poll() is None]

    def failing(self, stage: Stage) -> bool:
        """Return whether a slot of that kind has failed so often that it counts as degraded."""
        return any(slot.stage is stage and slot.failures >= DEGRADED_AFTER for slot in self._slots)

    def failing_slots(self) -> list[str]:
        """Return the names of the slots that have failed so often that they count as degraded, with nothing ready.

        A process that is being tried again changes nothing before it is.
        """
        failed = [slot for slot in self._slots if slot.failures >= DEGRADED_AFTER]
        return [slot.name for slot in failed if all(worker.ready is None for worker in slot.workers)]

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
            for worker in slot.workers:
                pid = worker.process.pid
                known = {"state": "starting", "in_flight": 0, **states.get(worker.identity, {})}
                rows.append({**_row(slot), "pid": pid, **known, "rss_bytes": rss_bytes(pid) if pid else 0})
            if not slot.workers:
                state = "degraded" if slot.failures >= DEGRADED_AFTER else "restarting"
                rows.append({**_row(slot), "pid": None, "state": state, "in_flight": 0, "rss_bytes": 0})
        return rows

    def _workers(self) -> list[_Worker]:
        return [worker for slot in self._slots for worker in slot.workers]

    def _find(self, identity: str) -> tuple[_Slot, _Worker] | tuple[None, None]:
        for slot in self._slots:
            for worker in slot.workers:
                if worker.identity == identity:
                    return slot, worker
        return None, None

    def _new_worker(self, slot: _Slot, now: float) -> _Worker | None:
        """Have a process forked, or spawn one, which imports from a safe path, in the database's folder.

        None, and the slot has the error, if the system starts none: Python may be exchanged at this moment, or there
        may be too many processes or open files.

        MCP hosts start servers inside projects that may hold a `workers/` of their own: see `memmux.interpreter`.
        """
        identity = f"{slot.name}-{self.new_identity()}"
        own, held = (str(slot.stage), f"--identity={identity}"), (HELD,) if slot.held else ()
        try:
            process: WorkerProcess | None = None
            if self.fork_server is not None:
                process = self.fork_server.fork(identity, (*own, *held), now)
            if process is None:
                flags = (f"--router={self.address}", *self.settings.flags())
                process = SpawnedProcess([*own, *flags, *held], self.settings.database.parent)
        except OSError as error:
            failure = WorkerUnavailableError(
                f"a {slot.stage} worker can't be started: {error.filename or sys.executable}: {error.strerror}; it is "
                "tried again. If memmux was moved or installed anew, run `memmux restart` from where it is now"
            )
            slot.error = failure.to_json()
            log.get().error("worker_not_started", slot=slot.name, error=failure.message)
            return None
        slot.starts += 1
        return _Worker(identity, process)


def _row(slot: _Slot) -> dict[str, object]:
    row: dict[str, object] = {"kind": str(slot.stage), "name": slot.name, "restarts": max(0, slot.starts - 1)}
    return {**row, "error": dict(slot.error)} if slot.error is not None else row
