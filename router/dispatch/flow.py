"""The flow of accepted requests: they queue, are leased to a worker, go on to their next stage, and are answered.

Whatever happens to a request, it leaves the flow in exactly one way: it is answered once (`answers`), or dropped, when
there is nobody left to answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memmux.errors import (
    ERRORS,
    CancelledError,
    DatabaseCorruptError,
    DatabaseReplacedError,
    DatabaseUnreachableError,
    DeadlineExceededError,
    MemmuxError,
    MessageTooLargeError,
    PoisonedError,
    StorageBusyError,
    StorageFullError,
    WorkerUnavailableError,
)
from memmux.wire import protocol
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.actions import Outbox
from router.dispatch.answers import Answers, handed_over
from router.dispatch.open_requests import OpenRequests
from router.dispatch.pools import Pool, Worker, WorkerState
from router.dispatch.queues import Limits
from router.dispatch.slips import Slip
from router.dispatch.stages import Stages
from router.dispatch.stats import Stats
from router.dispatch.troubles import Troubles

# Codes with which a worker fails as later ones will, or until somebody does something: no request waits for those.
_HOPELESS = (DatabaseCorruptError.code, DatabaseReplacedError.code, StorageFullError.code)


class Flow:
    """The steps of accepted requests through the stages of their routes.

    requests: those that have no answer yet. stages: the workers, and what waits for them. answers: the ends of
    requests. troubles: what is wrong with the cluster as a whole, said with every answer.
    """

    def __init__(self, bounds: Limits, stats: Stats, out: Outbox, *, replicated: bool = False) -> None:
        self.troubles = Troubles()
        self.requests = OpenRequests(bounds)
        self.stages = Stages(bounds, self.troubles, out, replicated=replicated)
        self.answers = Answers(self.requests, self.troubles, stats, out, slow_s=bounds.slow_s)
        self._bounds = bounds
        self._stats = stats
        self._out = out

    def accept(self, slip: Slip, now: float) -> None:
        """Take on a request; from here on it is answered, or its client is gone."""
        self.requests.add(slip)
        self._enter(slip, now)

    def on_outcome(self, worker: Worker, header: Header, frames: Sequence[bytes], now: float) -> None:
        """Take a worker's RESULT or ERROR for one of its leases."""
        pool = self.stages[worker.stage]
        lease = pool.release(worker, header.id, header.attempt, now)
        if lease is None:
            self._stats.events["frames_dropped"] += 1
            return
        slip = lease.slip
        if slip.lease is not lease:
            self.requests.end_abandoned(lease)
        else:
            slip.worked(now)
            if header.kind is Kind.ERROR:
                if header.detail.get("code") == DatabaseCorruptError.code:
                    self.troubles.put(DatabaseCorruptError.code, wrong=True)  # until the views are built anew
                if header.detail.get("code") == DatabaseReplacedError.code:
                    self.stages.on_replaced(worker)
                if header.detail.get("code") != DatabaseUnreachableError.code or not self._sends_again(slip, now):
                    self.answers.error(slip, header.detail, now)
                else:
                    pool.pass_over(worker)
            else:
                if self.stages.replication is not None and worker.stage is Stage.WRITE:
                    self.stages.replication.acknowledged(header.detail, now)
                if slip.operation.name == "admin.rebuild":
                    self.troubles.put(DatabaseCorruptError.code, wrong=False)
                self._advance(slip, header, frames, now)
        self._pump(pool, now)

    def hear(self, worker: Worker, facts: Mapping[str, object], now: float) -> None:
        """Note what a worker says of itself, and send what has waited for a server."""
        self.stages.hear(worker, facts, now)
        if self.stages.replication is not None and self.stages.has_server(pool := self.stages[worker.stage]):
            self._pump(pool, now)

    def _sends_again(self, slip: Slip, now: float) -> bool:
        """Let a request wait whose server is gone: a write for a primary, a read for another reader, a few times."""
        slip.losses += 1
        if self.stages.replication is None or (slip.stage is not Stage.WRITE and slip.losses >= self._bounds.attempts):
            return False
        if slip.stage is Stage.WRITE:
            self.stages.replication.writable = False
        self._stats.events["requeued"] += 1
        slip.attempt += 1
        slip.waits(now)
        self.stages[slip.stage].queue.give_back(slip)
        return True

    def on_ready(self, stage: Stage, now: float) -> None:
        """Serve what waited for a worker of this kind."""
        self.stages.look_for_workers()
        self.look_for_models(now)
        self._pump(self.stages[stage], now)

    def look_for_models(self, now: float) -> None:
        """Let the searches go on that wait for a model, once the readers have it before the embedder does."""
        waiting = self.stages[Stage.EMBED]
        if waiting.queue and not waiting.serving and self.stages[Stage.READ].embeds:
            for slip in waiting.queue.clear():
                slip.waited(now)
                self._enter(slip, now)

    def on_death(self, worker: Worker, now: float) -> None:
        """Take back what a dead worker had: it goes to the head of the queue, in its old order."""
        pool = self.stages[worker.stage]
        pool.remove(worker)
        self.stages.look_for_workers()
        for lease in reversed(worker.leases.values()):
            slip = lease.slip
            if slip.lease is not lease:
                self.requests.end_abandoned(lease)
                continue
            slip.worked(now)
            # A worker that is told to stop finishes what it has, and leaves what it does beside that.
            slip.deaths += not (slip.operation.beside and worker.state is WorkerState.STOPPING)
            slip.attempt += 1
            if slip.deaths >= self._bounds.attempts:
                self._stats.events["poisoned"] += 1
                self._out.log("error", "request_poisoned", **slip.to_log(), stage=str(slip.stage), deaths=slip.deaths)
                self.answers.error(slip, PoisonedError().to_json(), now)
            else:
                self._stats.events["requeued"] += 1
                self._out.log("warning", "request_requeued", **slip.to_log(), worker=worker.id, attempt=slip.attempt)
                slip.waits(now)
                pool.queue.put_back(slip)
        if not pool.serving and (pool.stage is Stage.EMBED or pool.shortfall in _HOPELESS):
            for slip in pool.queue.clear():  # they can do without, or must
                slip.waited(now)
                self._enter(slip, now)
        self._pump(pool, now)

    def cancel(self, slip: Slip, now: float) -> None:
        """End a request because its client asked for that, unless a writer has it, or may have applied it."""
        begun = slip.lease is not None or slip.deaths or slip.losses
        if slip.stage is not Stage.WRITE or not begun:
            self._leave(slip, now)
            self.answers.error(slip, CancelledError().to_json(), now)

    def drop(self, slip: Slip, now: float) -> None:
        """End a request that nobody waits for any more; what a writer already has is left to finish."""
        self._leave(slip, now, cancel=slip.stage is not Stage.WRITE)
        self.requests.remove(slip, CancelledError.code)

    def close(self, now: float) -> None:
        """Answer everything with `handed_over`; no worker works on it any more."""
        for slip in list(self.requests):
            self._leave(slip, now, cancel=False)
            self.answers.error(slip, handed_over().to_json(), now)

    def expire(self, now: float) -> None:
        """Answer the requests whose time is up; let those go on that have waited long enough for a model."""
        for slip in self.requests.late(now):
            leased = slip.lease is not None
            self._leave(slip, now)
            self._expired(slip, leased=leased, now=now)
        for slip in self.requests.impatient(now):
            if slip.stage is Stage.EMBED and slip.lease is None and not self.stages[slip.stage].serving:
                self._leave(slip, now)
                self._enter(slip, now)

    def renew(self, late_s: float) -> None:
        """Leave out that time of what workers had to do, and of what the router asked for itself: it stood still."""
        self.requests.renew(late_s)
        for lease in self.stages.leases():
            lease.since += late_s
            if lease.abandoned_at is not None:
                lease.abandoned_at += late_s

    def make_way(self, now: float) -> None:
        """End the reads that a large log waits for: it can't begin anew before the oldest snapshot has ended."""
        self.troubles.put("log_large", wrong=self.stages.log_is_large)
        if not self.stages.log_is_large:
            return
        for worker in self.stages[Stage.READ].workers.values():
            lease = next(iter(worker.leases.values()), None)  # the one that it works on
            if lease is None or lease.slip.lease is not lease or now - lease.since < self._bounds.read_s:
                continue
            slip = lease.slip
            self._stats.events["made_way"] += 1
            self._out.log("warning", "read_made_way", **slip.to_log(), worker=worker.id)
            self._leave(slip, now)
            error = StorageBusyError("this read held up the writer for too long; ask for less, or send it again")
            self.answers.error(slip, error.to_json(), now)

    def _enter(self, slip: Slip, now: float) -> None:
        """Let a request wait for its stage, or skip an embed stage: readers embed, or nobody does soon enough."""
        stage = slip.stage
        pool = self.stages[stage]
        if stage is Stage.EMBED and slip.operation.one_hop and self.stages[Stage.READ].embeds:
            slip.advance()
            pool = self.stages[slip.stage]
        elif stage is Stage.EMBED and not pool.serving:
            if slip.step:  # what was read for it to embed has nowhere else to go
                self.answers.error(slip, WorkerUnavailableError().to_json(), now)
                return
            if pool.loading and self._waits_for_model(slip, now):
                slip.waits(now)
                pool.queue.push(slip)
                return
            slip.degraded.add(pool.shortfall)
            slip.advance()
            pool = self.stages[slip.stage]
        if pool.shortfall in _HOPELESS:
            self.answers.error(slip, ERRORS[pool.shortfall]().to_json(), now)
            return
        slip.waits(now)
        pool.queue.push(slip)
        self._pump(pool, now)

    def _waits_for_model(self, slip: Slip, now: float) -> bool:
        """Return whether a request still waits for a model that is loading, and note until when.

        A search by words alone is the lesser answer; what is stored gets its vectors later.
        """
        until = slip.patient_until(self._bounds.loading_s)
        if slip.session is None or slip.operation.writes or now >= until:
            return False
        self.requests.waits_until(slip, until)
        return True

    def _pump(self, pool: Pool, now: float) -> None:
        """Send what waits to workers with credit, and never more."""
        while self.stages.has_server(pool) and (taken := pool.take(now)) is not None:
            worker, slip = taken
            slip.waited(now)
            if slip.deadline <= now:
                self._expired(slip, leased=False, now=now)
                continue
            pool.lease(worker, slip, now)
            more = {} if self.stages.replication is None else self.stages.replication.stamp(worker)
            self._out.worker(worker.id, slip.request(more, now), *slip.frames)

    def _advance(self, slip: Slip, header: Header, frames: Sequence[bytes], now: float) -> None:
        """Answer with what the last stage returned, or add what an earlier one returned and go on."""
        slip.degraded.update(header.degraded)
        if slip.final:
            self.answers.result(slip, header.detail, frames, now)
            return
        slip.frames = (*slip.frames, *frames)
        self.requests.hold(slip)
        try:
            protocol.check_size((b"", *slip.frames))
        except MessageTooLargeError as error:
            self.answers.error(slip, error.to_json(), now)
            return
        slip.advance()
        self._enter(slip, now)

    def _expired(self, slip: Slip, *, leased: bool, now: float) -> None:
        """Answer a request whose time is up; leased: whether a worker had it until now."""
        self._stats.events["expired"] += 1
        where = "in_flight" if leased else "queued"
        self._out.log("warning", "request_expired", **slip.to_log(), stage=str(slip.stage), where=where)
        pool = self.stages[slip.stage]
        error: MemmuxError = DeadlineExceededError()
        if not (leased or pool.serving):
            error = pool.unreachable or WorkerUnavailableError()
        self.answers.error(slip, error.to_json(), now)

    def _leave(self, slip: Slip, now: float, *, cancel: bool = True) -> None:
        """Take a request out of its queue, or from its worker, whose credit stays spent until it answers or dies."""
        lease = slip.lease
        if lease is None:
            slip.waited(now)
            self.stages[slip.stage].queue.remove(slip)
            return
        slip.worked(now)
        self.requests.abandon(lease, now)
        if cancel:
            self._out.cancel(lease.worker_id, slip.id, lease.attempt)
