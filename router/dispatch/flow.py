"""The flow of accepted requests: they queue, are leased to a worker, go on to their next stage, and are answered.

Whatever happens to a request, it leaves the flow in exactly one way: `_answer`, which answers its client once, or
`drop`, when there is nobody left to answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memmux import limits
from memmux.errors import (
    ERRORS,
    CancelledError,
    DatabaseCorruptError,
    DatabaseReplacedError,
    DatabaseUnreachableError,
    DeadlineExceededError,
    MemmuxError,
    MessageTooLargeError,
    NotAllowedError,
    OverloadedError,
    PoisonedError,
    StorageBusyError,
    StorageFullError,
    WorkerUnavailableError,
)
from memmux.wire.grants import Grant
from memmux.wire.operations import Operation, Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.actions import BeginDrain, Outbox
from router.dispatch.liveness import Deadlines
from router.dispatch.pools import Pool, Worker
from router.dispatch.queues import Limits
from router.dispatch.quotas import Quotas
from router.dispatch.replication import Replication
from router.dispatch.sessions import Session
from router.dispatch.slips import Lease, Slip
from router.dispatch.stats import Stats
from router.dispatch.troubles import Troubles

# Codes with which a worker fails as later ones will, or until somebody does something: no request waits for those.
_HOPELESS = (DatabaseCorruptError.code, DatabaseReplacedError.code, StorageFullError.code)
_FRAMES_BYTES = limits.MESSAGE_BYTES - limits.HEADER_BYTES  # that surely fit beside a header


class Flow:
    """All accepted requests that are not answered yet, and the pools that they flow through.

    troubles: what is wrong with the cluster as a whole, said with every answer.
    """

    def __init__(self, bounds: Limits, stats: Stats, out: Outbox, *, replicated: bool = False) -> None:
        self.pools = {stage: Pool(stage) for stage in Stage}
        self.quotas = Quotas(bounds)
        self._bounds = bounds
        self.troubles = Troubles()
        self.replication = Replication(self.troubles) if replicated else None
        self._stats = stats
        self._out = out
        self._slips: dict[str, Slip] = {}
        self._deadlines = Deadlines()
        self._patience = Deadlines()  # of requests that wait for a model that is loading
        # Requests that ended while workers had them, and the attempts that those still work on. Should the same id be
        # sent again, the new request gets a later attempt than all of them: no answer and no CANCEL of an old one is
        # taken for one of the new.
        self._abandoned: dict[str, set[int]] = {}
        self._untold: list[tuple[Slip, float]] = []  # what was answered and is not counted and logged yet, and when
        self.replaced = False  # whether the database is another file by now, which ends the cluster

    def __len__(self) -> int:
        return len(self._slips)

    def find(self, request_id: str) -> Slip | None:
        """Return the unanswered request with that id, if there is one."""
        return self._slips.get(request_id)

    def next_deadline(self) -> float | None:
        """Return when the next request runs out of time, or of patience."""
        return min((at for at in (self._deadlines.next(), self._patience.next()) if at is not None), default=None)

    def check_room(self, session: Session, operation: Operation, now: float) -> None:
        """Raise OverloadedError unless one more request of that kind may be let in.

        Every queue on its way must have room now. Later it is never turned back, so a queue may exceed its bound by
        the requests that were on their way to it: `Limits.admitted` bounds them all.
        """
        self.quotas.check(session)
        full = next((stage for stage in operation.route if len(self.pools[stage].queue) >= self._bounds.queue), None)
        if len(self._slips) >= self._bounds.admitted:
            reason = f"the cluster has {len(self._slips)} requests in flight, which is the most"
        elif full is not None:
            reason = f"{len(self.pools[full].queue)} requests wait for a {full} worker, which is the most"
        else:
            return
        pool = self.pools[full or operation.route[-1]]
        retry_after_ms = pool.pace.retry_after_ms(len(pool.queue) + 1, now)
        raise OverloadedError(f"{reason}; send it again after retry_after_ms", retry_after_ms=retry_after_ms)

    def accept(self, slip: Slip, now: float) -> None:
        """Take on a request; from here on it is answered, or its client is gone."""
        slip.attempt = max(self._abandoned.get(slip.id, ()), default=0) + 1
        self._slips[slip.id] = slip
        self._deadlines.set(slip.id, slip.deadline)
        if slip.session is not None:
            slip.session.in_flight.add(slip.id)
            self.quotas.began(slip.session)
        self._enter(slip, now)

    def on_outcome(self, worker: Worker, header: Header, frames: Sequence[bytes], now: float) -> None:
        """Take a worker's RESULT or ERROR for one of its leases."""
        pool = self.pools[worker.stage]
        lease = pool.release(worker, header.id, header.attempt, now)
        if lease is None:
            self._stats.events["frames_dropped"] += 1
            return
        slip = lease.slip
        if slip.lease is not lease:
            self._end_abandoned(lease)
        else:
            slip.worked(now)
            if header.kind is Kind.ERROR:
                if header.detail.get("code") == DatabaseCorruptError.code:
                    self.troubles.put(DatabaseCorruptError.code, wrong=True)  # until the views are built anew
                if header.detail.get("code") == DatabaseReplacedError.code:
                    self.on_replaced(worker)
                if header.detail.get("code") != DatabaseUnreachableError.code or not self._sends_again(slip, now):
                    self._fail(slip, header.detail, now)
            else:
                if self.replication is not None and worker.stage is Stage.WRITE:
                    self.replication.acknowledged(header.detail, now)
                if slip.operation.name == "admin.rebuild":
                    self.troubles.put(DatabaseCorruptError.code, wrong=False)
                self._advance(slip, header, frames, now)
        self._pump(pool, now)

    def hear(self, worker: Worker, facts: Mapping[str, object], now: float) -> None:
        """Note what a worker says of itself, and of what it shares with the others of its kind."""
        pool, before = self.pools[worker.stage], worker.facts
        worker.facts = pool.facts = facts
        if self.replication is not None:
            self.replication.told(worker, before, now)
            if self._may_be_sent(pool):
                self._pump(pool, now)

    def _sends_again(self, slip: Slip, now: float) -> bool:
        """Let a request wait whose server is gone: a write for a primary, a read for another reader, a few times."""
        slip.losses += 1
        if self.replication is None or (slip.stage is not Stage.WRITE and slip.losses >= self._bounds.attempts):
            return False
        if slip.stage is Stage.WRITE:
            self.replication.writable = False
        self._stats.events["requeued"] += 1
        slip.attempt += 1
        slip.waits(now)
        self.pools[slip.stage].queue.give_back(slip)
        return True

    def _may_be_sent(self, pool: Pool) -> bool:
        """Return whether its workers have a server for what waits."""
        return pool.stage is not Stage.WRITE or self.replication is None or self.replication.writable

    def on_replaced(self, worker: Worker) -> None:
        """Have the cluster end, once: a worker found that the database is another file by now."""
        if not self.replaced:
            self.replaced = True
            self._out.log("error", "database_replaced", worker=worker.id, error=DatabaseReplacedError().message)
            self._out.add(BeginDrain(DatabaseReplacedError.code))

    def on_ready(self, stage: Stage, now: float) -> None:
        """Serve what waited for a worker of this kind."""
        self.look_for_workers()
        self.look_for_models(now)
        self._pump(self.pools[stage], now)

    def look_for_models(self, now: float) -> None:
        """Let the searches go on that wait for a model, once the readers have it before the embedder does."""
        waiting = self.pools[Stage.EMBED]
        if waiting.queue and not waiting.serving and self.pools[Stage.READ].embeds:
            for slip in waiting.queue.clear():
                slip.waited(now)
                self._enter(slip, now)

    def on_death(self, worker: Worker, now: float) -> None:
        """Take back what a dead worker had: it goes to the head of the queue, in its old order."""
        pool = self.pools[worker.stage]
        pool.remove(worker)
        self.look_for_workers()
        for lease in reversed(worker.leases.values()):
            slip = lease.slip
            if slip.lease is not lease:
                self._end_abandoned(lease)
                continue
            slip.worked(now)
            slip.deaths += 1
            slip.attempt += 1
            if slip.deaths >= self._bounds.attempts:
                self._stats.events["poisoned"] += 1
                self._out.log("error", "request_poisoned", **slip.to_log(), stage=str(slip.stage), deaths=slip.deaths)
                self._fail(slip, PoisonedError().to_json(), now)
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
        """End a request because its client asked for that, unless a writer already has it."""
        if slip.lease is None or slip.stage is not Stage.WRITE:
            self._leave(slip, now)
            self._fail(slip, CancelledError().to_json(), now)

    def drop(self, slip: Slip, now: float) -> None:
        """End a request that nobody waits for any more; what a writer already has is left to finish."""
        self._leave(slip, now, cancel=slip.stage is not Stage.WRITE)
        self._forget(slip, CancelledError.code)

    def expire(self, now: float) -> None:
        """Answer the requests whose time is up; let those go on that have waited long enough for a model."""
        for request_id in self._deadlines.due(now):
            slip = self._slips[request_id]
            leased = slip.lease is not None
            self._leave(slip, now)
            self._expired(slip, leased=leased, now=now)
        for request_id in self._patience.due(now):
            slip = self._slips[request_id]
            if slip.stage is Stage.EMBED and slip.lease is None and not self.pools[slip.stage].serving:
                self._leave(slip, now)
                self._enter(slip, now)

    def renew(self, late_s: float) -> None:
        """Leave out that time of what workers had to do, and of what the router asked for itself: it stood still."""
        for slip in self._slips.values():
            if slip.session is None:
                slip.deadline += late_s
                self._deadlines.set(slip.id, slip.deadline)
        for pool in self.pools.values():
            for worker in pool.workers.values():
                for lease in worker.leases.values():
                    lease.since += late_s
                    if lease.abandoned_at is not None:
                        lease.abandoned_at += late_s

    def replicated(self, now: float) -> Mapping[str, float]:
        """Return what is known of the servers, and of the writes that wait for one; nothing where there is a file."""
        if self.replication is None:
            return {}
        workers = [worker for pool in self.pools.values() for worker in pool.workers.values()]
        slips = (slip for slip in self._slips.values() if slip.session is not None)  # whose clients wait
        held = [slip.accepted_at for slip in slips if slip.stage is Stage.WRITE]
        return self.replication.to_json(workers, held, now)

    @property
    def log_is_large(self) -> bool:
        """Whether the write-ahead log has grown beyond its bound, as the writer said last."""
        size = self.pools[Stage.WRITE].facts.get("wal_bytes", 0)
        return isinstance(size, int) and size > self._bounds.log_bytes

    def make_way(self, now: float) -> None:
        """End the reads that a large log waits for: it can't begin anew before the oldest snapshot has ended."""
        self.troubles.put("log_large", wrong=self.log_is_large)
        if not self.log_is_large:
            return
        for worker in self.pools[Stage.READ].workers.values():
            lease = next(iter(worker.leases.values()), None)  # the one that it works on
            if lease is None or lease.slip.lease is not lease or now - lease.since < self._bounds.read_s:
                continue
            slip = lease.slip
            self._stats.events["made_way"] += 1
            self._out.log("warning", "read_made_way", **slip.to_log(), worker=worker.id)
            self._leave(slip, now)
            error = StorageBusyError("this read held up the writer for too long; ask for less, or send it again")
            self._fail(slip, error.to_json(), now)

    def look_for_workers(self) -> None:
        """Note which kinds of workers are missing; what only begins is no trouble yet."""
        missing = [pool.shortfall for pool in self.pools.values() if pool.shortfall]
        self.troubles.found("pools", [code for code in missing if not code.endswith("_loading")])

    def _enter(self, slip: Slip, now: float) -> None:
        """Let a request wait for its stage, or skip an embed stage: readers embed, or nobody does soon enough."""
        pool = self.pools[slip.stage]
        if slip.stage is Stage.EMBED and slip.operation.one_hop and self.pools[Stage.READ].embeds:
            slip.advance()
            pool = self.pools[slip.stage]
        elif slip.stage is Stage.EMBED and not pool.serving:
            if slip.step:  # what was read for it to embed has nowhere else to go
                self._fail(slip, WorkerUnavailableError().to_json(), now)
                return
            if pool.loading and self._waits_for_model(slip, now):
                slip.waits(now)
                pool.queue.push(slip)
                return
            slip.degraded.add(pool.shortfall)
            slip.advance()
            pool = self.pools[slip.stage]
        if pool.shortfall in _HOPELESS:
            self._fail(slip, ERRORS[pool.shortfall]().to_json(), now)
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
        self._patience.set(slip.id, until)
        return True

    def _pump(self, pool: Pool, now: float) -> None:
        """Send what waits to workers with credit, and never more."""
        while self._may_be_sent(pool) and (taken := pool.take(now)) is not None:
            worker, slip = taken
            slip.waited(now)
            if slip.deadline <= now:
                self._expired(slip, leased=False, now=now)
                continue
            pool.lease(worker, slip, now)
            header = Header(
                kind=Kind.REQUEST,
                id=slip.id,
                operation=slip.operation.name,
                stage=slip.stage,
                deadline_ms=slip.remaining_ms(now),
                key=slip.key,
                client=slip.client,
                grant=_stamp(slip.grant),
                attempt=slip.attempt,
                degraded=tuple(sorted(slip.degraded)),
                detail=slip.detail if self.replication is None else {**slip.detail, **self.replication.stamp(worker)},
            )
            self._out.worker(worker.id, header, *slip.frames)

    def _advance(self, slip: Slip, header: Header, frames: Sequence[bytes], now: float) -> None:
        """Answer with what the last stage returned, or add what an earlier one returned and go on."""
        slip.degraded.update(header.degraded)
        if slip.final:
            detail = slip.times()
            if isinstance(seq := header.detail.get("seq"), int):
                detail["seq"] = seq
            degraded = self.troubles.beside(slip.degraded)
            self._answer(slip, Header(kind=Kind.RESULT, id=slip.id, degraded=degraded, detail=detail), frames, now)
            return
        slip.frames = (*slip.frames, *frames)
        if sum(map(len, slip.frames)) > _FRAMES_BYTES:
            error = MessageTooLargeError(f"with its embedding the request has over {_FRAMES_BYTES} bytes; send less")
            self._fail(slip, error.to_json(), now)
            return
        slip.advance()
        self._enter(slip, now)

    def _expired(self, slip: Slip, *, leased: bool, now: float) -> None:
        """Answer a request whose time is up; leased: whether a worker had it until now."""
        self._stats.events["expired"] += 1
        where = "in_flight" if leased else "queued"
        self._out.log("warning", "request_expired", **slip.to_log(), stage=str(slip.stage), where=where)
        pool = self.pools[slip.stage]
        error: MemmuxError = DeadlineExceededError()
        if not (leased or pool.serving):
            error = pool.unreachable or WorkerUnavailableError()
        self._fail(slip, error.to_json(), now)

    def _leave(self, slip: Slip, now: float, *, cancel: bool = True) -> None:
        """Take a request out of its queue, or from its worker, whose credit stays spent until it answers or dies."""
        lease = slip.lease
        if lease is None:
            slip.waited(now)
            self.pools[slip.stage].queue.remove(slip)
            return
        slip.worked(now)
        lease.abandoned_at = now
        self._abandoned.setdefault(slip.id, set()).add(lease.attempt)
        if cancel:
            self._out.cancel(lease.worker_id, slip.id, lease.attempt)

    def _end_abandoned(self, lease: Lease) -> None:
        """Forget an abandoned lease that has ended."""
        attempts = self._abandoned.get(lease.slip.id, set())
        attempts.discard(lease.attempt)
        if not attempts:
            self._abandoned.pop(lease.slip.id, None)

    def _fail(self, slip: Slip, error: Mapping[str, object], now: float) -> None:
        """Answer with an error."""
        if error.get("code") == NotAllowedError.code:  # a worker found that its body goes beyond its grant
            self.denied(slip.grant, slip.to_log(), str(error.get("message", "")))
        degraded = self.troubles.beside(slip.degraded)
        self._answer(slip, Header(kind=Kind.ERROR, id=slip.id, degraded=degraded, detail=error), (), now)

    def denied(self, grant: Grant, asked: Mapping[str, object], reason: str) -> None:
        """Count and log a request that its client's key does not allow."""
        self._stats.events["denied"] += 1
        self._out.log("warning", "request_denied", key=grant.name, **asked, reason=reason)

    def _answer(self, slip: Slip, header: Header, frames: Sequence[bytes], now: float) -> None:
        """Send the one final answer of a request."""
        self._forget(slip, "ok" if header.kind is Kind.RESULT else _known(header.detail.get("code")))
        if slip.session is not None:
            self._out.client(slip.session.routing_id, header, *frames)
        else:
            slip.answer = frames
        self._untold.append((slip, now))

    def tell(self) -> None:
        """Count and log what was answered since this was last called; whoever waits for an answer has it by then."""
        told, self._untold = self._untold, []
        for slip, answered in told:
            self._out.happened = answered
            self._tell(slip, answered)
        self._out.happened = None

    def _tell(self, slip: Slip, answered: float) -> None:
        total_s = answered - slip.accepted_at
        if slip.session is not None:
            slip.session.client_stats.finished(slip.outcome, total_s, slip.stage_times)
        if not slip.operation.uncounted:
            self._stats.finished(slip.operation.name, slip.outcome, total_s, slip.stage_times)
        said = {
            **slip.to_log(),
            **slip.times(),
            "outcome": slip.outcome,
            "total_ms": round(total_s * 1000, 3),
            "attempt": slip.attempt,
            "degraded": sorted(slip.degraded),
        }
        self._out.log("info", "request_finished", **said)
        if self._bounds.slow_s and total_s >= self._bounds.slow_s:
            route = [str(stage) for stage in slip.operation.route]
            self._out.log("warning", "request_slow", **said, route=route)

    def _forget(self, slip: Slip, outcome: str) -> None:
        """Remove a request from every table."""
        slip.outcome = outcome
        del self._slips[slip.id]
        self._deadlines.drop(slip.id)
        self._patience.drop(slip.id)
        if slip.session is not None:
            slip.session.in_flight.discard(slip.id)
            self.quotas.ended(slip.session)


def _stamp(grant: Grant) -> Mapping[str, object]:
    """Return a grant as workers are told it; nothing for a client that may do everything, as nearly all may."""
    return grant.to_json() if grant.name or grant.limited or grant.memories is not None else {}


def _known(code: object) -> str:
    """Return an error's code; what is not in the table counts as internal, so that no statistic has endless keys."""
    return code if isinstance(code, str) and code in ERRORS else MemmuxError.code
