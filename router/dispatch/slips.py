"""Routing slips: each accepted request with its place on its route, and the leases under which workers hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from memmux.wire.grants import LOCAL, Grant
from memmux.wire.namespaces import NAMED
from memmux.wire.operations import Operation, Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.sessions import Session
from router.dispatch.stats import StageTime


@dataclass(slots=True, eq=False)
class Slip:
    """One accepted request on its way through the stages of its operation's route.

    session: who waits for the answer; None for what the router started itself.
    frames: the body, then what the client or the stages so far appended. held: how many bytes of them are counted.
    key: the idempotency key of a write. accepted_at, deadline: monotonic seconds.
    named: whether the client's user named the namespace.
    step: the index, in the route, of the stage that it waits for or is at.
    attempt: tells what this lease's worker says from what a former one says; from 1, one more after each death or loss.
    deaths: workers that died while they had it, at this stage. losses: workers whose server was gone when they had it.
    degraded: what it had to do without so far.
    lease: set while a worker has it; without one it waits in the queue of its stage.
    outcome: `ok` or an error's code once it is answered.
    stage_times: how long it waited and was worked on at each stage that it has come to, in the order of the route.
    answer: the frames of the RESULT of what the router started itself.
    """

    id: str
    operation: Operation
    session: Session | None
    frames: tuple[bytes, ...]
    key: str
    accepted_at: float
    deadline: float
    held: int = 0
    named: bool = False
    step: int = 0
    attempt: int = 1
    deaths: int = 0
    losses: int = 0
    degraded: set[str] = field(default_factory=set)
    lease: Lease | None = None
    outcome: str = ""
    stage_times: list[StageTime] = field(default_factory=list)
    answer: Sequence[bytes] = ()
    _since: float = 0.0

    @property
    def stage(self) -> Stage:
        """The stage that it waits for, or is at."""
        return self.operation.route[self.step]

    @property
    def final(self) -> bool:
        """Whether this stage's frames are the answer."""
        return self.step == len(self.operation.route) - 1

    @property
    def client(self) -> str:
        """The name of the client; it is written into the change log."""
        return self.session.name if self.session is not None else "router"

    @property
    def grant(self) -> Grant:
        """What the client may do now."""
        return self.session.grant if self.session is not None else LOCAL

    @property
    def _detail(self) -> dict[str, object]:
        """What a worker is told besides: the time zone of the client, where readers need it; that a name was given."""
        detail: dict[str, object] = {NAMED: True} if self.named else {}
        if self.session is not None and self.session.hello.zone and self.stage is Stage.READ:
            detail["zone"] = self.session.hello.zone
        return detail

    @property
    def owner(self) -> str:
        """Whose turn it is when this one is served."""
        return self.session.owner if self.session is not None else ""

    def advance(self) -> None:
        """Go on to the next stage."""
        self.step += 1
        self.deaths = 0

    def patient_until(self, most_s: float) -> float:
        """Return until when it waits for what it can do without: so long at most, and for half of its time."""
        return self.accepted_at + min(most_s, (self.deadline - self.accepted_at) / 2)

    def remaining_ms(self, now: float) -> int:
        """Return the time that is left, in milliseconds, at least one."""
        return max(1, int((self.deadline - now) * 1000))

    def waits(self, now: float) -> None:
        """Note that it begins to wait in a queue."""
        self._since = now

    def waited(self, now: float) -> None:
        """Note that it waits no longer."""
        self._stage_time.queue_s += now - self._since

    def worked(self, now: float) -> None:
        """Note that the worker that had it has it no longer."""
        if self.lease is not None:
            self._stage_time.work_s += now - self.lease.since
            self.lease = None

    @property
    def _stage_time(self) -> StageTime:
        stage, known = self.operation.route[self.step], self.stage_times
        if not known or known[-1].stage is not stage:
            known.append(StageTime(stage))
        return known[-1]

    def times(self) -> dict[str, object]:
        """Return how long it waited and was worked on, in milliseconds: in all, and at each stage."""
        return {
            "queue_ms": _ms(sum(stage_time.queue_s for stage_time in self.stage_times)),
            "work_ms": _ms(sum(stage_time.work_s for stage_time in self.stage_times)),
            "stages": {
                str(stage_time.stage): [_ms(stage_time.queue_s), _ms(stage_time.work_s)]
                for stage_time in self.stage_times
            },
        }

    def request(self, more: Mapping[str, object], now: float) -> Header:
        """Return the header with which a worker is asked for its stage; more: what the worker is told besides."""
        return Header(
            kind=Kind.REQUEST,
            id=self.id,
            operation=self.operation.name,
            stage=self.operation.route[self.step],
            deadline_ms=self.remaining_ms(now),
            key=self.key,
            client=self.client,
            grant=_stamp(self.grant),
            attempt=self.attempt,
            degraded=tuple(sorted(self.degraded)),
            detail={**self._detail, **more} if more else self._detail,
        )

    def to_log(self) -> Mapping[str, object]:
        """Return the fields that identify it in the log."""
        return {"request_id": self.id, "client": self.client, "operation": self.operation.name}


@dataclass(slots=True, eq=False)
class Lease:
    """One credit of a worker, spent on one attempt of a request; it ends when the worker answers or is dead.

    since: monotonic seconds. abandoned_at: when the request ended without the worker's answer, if it did; the worker
    may still be busy with it, so the credit stays spent.
    """

    slip: Slip
    worker_id: str
    attempt: int
    since: float
    abandoned_at: float | None = None


def _stamp(grant: Grant) -> Mapping[str, object]:
    """Return a grant as workers are told it; nothing for a client that may do everything, as nearly all may."""
    return grant.to_json() if grant.name or grant.limited or grant.memories is not None else {}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
