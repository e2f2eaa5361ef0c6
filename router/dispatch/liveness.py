"""Liveness: who or what must show up by when, without ever looking at more than what is due."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from memmux.wire.operations import Stage
from router.dispatch.pools import Worker, WorkerState
from router.dispatch.queues import Limits

_SLACK = 64  # entries that are no longer valid and that a heap of any size may hold


class Deadlines:
    """Points in monotonic time by key: of requests by their id, of workers by theirs.

    A heap with lazy deletion: a key that is moved or dropped leaves its old entry behind, which is skipped when it
    surfaces. The heap is rebuilt when most of it is such leftovers, so it never holds more than twice what is valid.
    Setting, dropping and asking are O(log n), amortised.
    """

    __slots__ = ("_heap", "_times")

    def __init__(self) -> None:
        self._times: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._times)

    def set(self, key: str, at: float) -> None:
        """Let `key` be due at that time, and at no other."""
        self._times[key] = at
        heappush(self._heap, (at, key))
        if len(self._heap) > 2 * len(self._times) + _SLACK:
            self._heap = [(time, known) for known, time in self._times.items()]
            heapify(self._heap)

    def drop(self, key: str) -> None:
        """Forget `key`, if it is known."""
        self._times.pop(key, None)

    def next(self) -> float | None:
        """Return the earliest time at which something is due; None when nothing ever is."""
        heap = self._heap
        while heap:
            at, key = heap[0]
            if self._times.get(key) == at:
                return at
            heappop(heap)
        return None

    def due(self, now: float) -> list[str]:
        """Return the keys whose time has come, earliest first, and forget them."""
        found: list[str] = []
        while (at := self.next()) is not None and at <= now:
            _, key = heappop(self._heap)
            del self._times[key]
            found.append(key)
        return found


class Liveness:
    """The watch over workers: one that says nothing hangs, as a live one sends something each second."""

    __slots__ = ("_checks", "_limits", "_workers")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._workers: dict[str, Worker] = {}
        self._checks = Deadlines()

    def watch(self, worker: Worker) -> None:
        """Look after a worker, from its start, and anew when it is ready."""
        self._workers[worker.id] = worker
        self._checks.set(worker.id, self._silent_at(worker))

    def forget(self, worker: Worker) -> None:
        """Look after a worker no longer."""
        del self._workers[worker.id]
        self._checks.drop(worker.id)

    def renew(self, now: float) -> None:
        """Give every worker its whole time again: nobody listened to them."""
        for worker in self._workers.values():
            worker.heard_at = now
            self._checks.set(worker.id, self._silent_at(worker))

    def next_check(self) -> float | None:
        """Return when `hung` must be asked next."""
        return self._checks.next()

    def hung(self, now: float) -> list[tuple[Worker, str]]:
        """Return the workers that hang, and how: `silent`, or `overdue` with a request that they were told to leave.

        A worker is not looked at when it speaks, only when it could have been silent for too long by now.
        """
        found: list[tuple[Worker, str]] = []
        for worker_id in self._checks.due(now):
            worker = self._workers[worker_id]
            if (silent_at := self._silent_at(worker)) <= now:
                found.append((worker, "silent"))
            elif self._overdue(worker, now):
                found.append((worker, "overdue"))
            else:
                self._checks.set(worker_id, silent_at)
        return found

    def _silent_at(self, worker: Worker) -> float:
        starting = worker.state is WorkerState.STARTING
        return worker.heard_at + (self._limits.start_s if starting else self._limits.stall_s)

    def _overdue(self, worker: Worker, now: float) -> bool:
        """Return whether the worker keeps a request that ended long ago: it must have lost it, and a credit with it.

        A writer keeps what it has begun for as long as that takes, as a backup or a rebuild: what ends there is redone.
        """
        if worker.stage is Stage.WRITE:
            return False
        since = now - self._limits.overdue_s
        return any(lease.abandoned_at is not None and lease.abandoned_at <= since for lease in worker.leases.values())
