"""Pools: the workers of one kind, the credit that each has left, and the requests that wait for one of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter

from memmux.errors import DatabaseUnreachableError, MemmuxError, error_from_json
from memmux.wire.operations import Stage
from router.dispatch.queues import FairQueue, Pace
from router.dispatch.slips import Lease, Slip
from router.dispatch.stats import Track

PRIMARY_UNAVAILABLE = "primary_unavailable"  # no server of the database takes writes
SLOW_S = 0.1  # for which a reader has been at one request when nothing more is sent to wait behind it
_NOUNS = {Stage.EMBED: "embedder", Stage.READ: "reader", Stage.WRITE: "writer"}


class WorkerState(StrEnum):
    """The states of a worker."""

    STARTING = "starting"
    READY = "ready"
    RETIRING = "retiring"  # works on until its successor is ready
    STOPPING = "stopping"  # finishes what it has, then exits


@dataclass(slots=True, eq=False)
class Worker:
    """One worker process.

    heard_at: when it said anything last, in monotonic seconds. credit: how many leases it may have at once.
    leases: what it has, by request id and attempt, in the order sent. alone: it has a request that a worker died of,
    and gets nothing beside it, so that only the request that kills its workers is ever given up.
    facts: what it said last of its own state. min_seq: the change that it must have seen for what it was asked last.
    at_it_since: when it began with the lease that it works on, at the earliest. busy_s: how long it had any lease,
    until it had none the last time.
    """

    id: str
    stage: Stage
    heard_at: float
    state: WorkerState = WorkerState.STARTING
    credit: int = 1
    leases: dict[tuple[str, int], Lease] = field(default_factory=dict)
    alone: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    min_seq: int = 0
    at_it_since: float = 0.0
    busy_s: float = 0.0
    _busy_since: float = 0.0
    _track: Track = field(default_factory=Track)

    def begin(self, key: tuple[str, int], lease: Lease, now: float) -> None:
        """Take on a lease."""
        if not self.leases:
            self._busy_since = self.at_it_since = now
        self.leases[key] = lease

    def end(self, key: tuple[str, int], now: float) -> Lease | None:
        """End a lease and return it; None if there is no such."""
        lease = self.leases.pop(key, None)
        self.at_it_since = now
        if lease is not None and not self.leases:
            self.busy_s += now - self._busy_since
        return lease

    def sample(self, now: float) -> None:
        """Look at how long it has been busy by now."""
        self._track.sample(self._busy(now), now)

    def _busy(self, now: float) -> float:
        return self.busy_s + (now - self._busy_since if self.leases else 0.0)

    def to_json(self, now: float) -> dict[str, object]:
        """Return what `cluster.status` says of the worker; busy: the share of the last ten seconds."""
        return {
            "state": str(self.state),
            "in_flight": len(self.leases),
            "silent_s": round(now - self.heard_at, 1),
            "busy": round(self._track.per_s(self._busy(now), now), 3),
        }


class Pool:
    """The workers of one stage and their queue.

    workers: by id, from their start to their end. facts: what one of them said last of the state that they share.
    """

    __slots__ = (
        "_failure",
        "_idle",
        "_partly",
        "_said",
        "_served",
        "_serving",
        "facts",
        "pace",
        "queue",
        "stage",
        "workers",
    )

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.workers: dict[str, Worker] = {}
        self.queue = FairQueue()
        self.pace = Pace()
        self.facts: Mapping[str, object] = {}
        self._serving: set[str] = set()  # ready or retiring
        # Those with credit, the most recently used last. An idle worker goes before one that is busy.
        self._idle: OrderedDict[str, Worker] = OrderedDict()
        self._partly: OrderedDict[str, Worker] = OrderedDict()
        self._failure = ""  # the code with which the last start failed
        self._said: Mapping[str, object] = {}  # that error, as it was told
        self._served = False  # whether any worker was ever ready

    @property
    def serving(self) -> bool:
        """Whether a request that is queued here has a worker that could take it."""
        return bool(self._serving)

    @property
    def embeds(self) -> bool:
        """Whether all its workers that serve can embed a query themselves, as they said last."""
        return bool(self._serving) and all(self.workers[worker].facts.get("embeds") is True for worker in self._serving)

    @property
    def shortfall(self) -> str:
        """The code of what is missing while the pool does not serve; empty while it does."""
        if self._serving:
            return ""
        if self._failure:
            return self._failure
        return f"{_NOUNS[self.stage]}_{'loading' if self.loading else 'unavailable'}"

    @property
    def loading(self) -> bool:
        """Whether its first workers are starting, and none has failed."""
        return not self._served and not self._failure and bool(self.workers)

    @property
    def unreachable(self) -> MemmuxError | None:
        """Why its workers can't start, where no server of the database takes them; None where it is something else."""
        here = self._failure in (PRIMARY_UNAVAILABLE, DatabaseUnreachableError.code)
        return error_from_json(dict(self._said)) if here else None

    def start(self, worker: Worker) -> None:
        """Add a worker that is starting."""
        self.workers[worker.id] = worker

    def ready(self, worker: Worker, credit: int) -> Worker | None:
        """Let a worker take requests; return the retiring worker whose place it takes, which now takes none."""
        self._failure, self._served = "", True
        worker.credit, worker.state = credit, WorkerState.READY
        self._serving.add(worker.id)
        self._place(worker)
        old = next((other for other in self.workers.values() if other.state is WorkerState.RETIRING), None)
        if old is not None:
            self.stop(old)
        return old

    def stop(self, worker: Worker) -> None:
        """Give a worker nothing more; it finishes what it has."""
        worker.state = WorkerState.STOPPING
        self._serving.discard(worker.id)
        self._place(worker)

    def failed(self, said: Mapping[str, object]) -> None:
        """Note why a worker could not start, an error as it is told; forgotten when one is ready."""
        self._said, code = said, str(said.get("code", MemmuxError.code))
        unreachable = self.stage is Stage.WRITE and code == DatabaseUnreachableError.code
        self._failure = PRIMARY_UNAVAILABLE if unreachable else code  # others may still be read

    def remove(self, worker: Worker) -> None:
        """Forget a worker that is gone."""
        del self.workers[worker.id]
        self._serving.discard(worker.id)
        self._idle.pop(worker.id, None)
        self._partly.pop(worker.id, None)

    def take(self, now: float) -> tuple[Worker, Slip] | None:
        """Remove the next request from the queue and return it with the worker for it; None while one is missing."""
        if not self.queue:
            return None
        busy = None if self._idle or self.queue.head_is_suspect else self._freshest(now)
        if busy is None and not self._idle:
            return None
        slip = self.queue.pop()
        return busy or self._idlest(bulk=slip.operation.bulk), slip

    def _freshest(self, now: float) -> Worker | None:
        """Return the busy worker with credit that has begun last with what it does, as it is likely to be done first.

        Whoever reads for long gets nothing that would wait behind that. Others take what waits together with the next.
        """
        worker = max(self._partly.values(), key=attrgetter("at_it_since"), default=None)
        slow = worker is not None and self.stage is Stage.READ and now - worker.at_it_since >= SLOW_S
        return None if slow else worker

    def _idlest(self, *, bulk: bool) -> Worker:
        """Return a worker that has nothing to do, of which there is one.

        The one that worked last: what it needs is still in the processor's caches. Bulk work goes to the one that has
        rested for longest, and leaves that one to those who wait.
        """
        return next(iter(self._idle.values()) if bulk else reversed(self._idle.values()))

    def lease(self, worker: Worker, slip: Slip, now: float) -> None:
        """Spend one of the worker's credits on a request."""
        lease = slip.lease = Lease(slip, worker.id, slip.attempt, now)
        worker.begin((slip.id, slip.attempt), lease, now)
        worker.alone = slip.deaths > 0 and not slip.operation.beside
        self._place(worker)

    def release(self, worker: Worker, request_id: str, attempt: int, now: float) -> Lease | None:
        """End a lease, since the worker answered; return it, or None if the worker has no such lease."""
        lease = worker.end((request_id, attempt), now)
        if lease is not None:
            self.pace.answered(now)
            self._place(worker)
        return lease

    def pass_over(self, worker: Worker) -> None:
        """Have an idle worker be the last that is given a request, until it has worked again."""
        if worker.id in self._idle:
            self._idle.move_to_end(worker.id, last=False)

    def _place(self, worker: Worker) -> None:
        """Put the worker where `take` will find it, if it has credit."""
        self._idle.pop(worker.id, None)
        self._partly.pop(worker.id, None)
        if worker.id not in self._serving:
            return
        if not worker.leases:
            self._idle[worker.id] = worker
        elif not worker.alone and len(worker.leases) < worker.credit:
            self._partly[worker.id] = worker
