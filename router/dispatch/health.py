"""Health checks: now and then the router has a row written and read, and a known memory found.

That a process lives does not mean that it can write. So a check goes the way of what clients ask for, and behind all of
it, and what comes of it is the health of the cluster: that of reading and that of writing, for the one often fails
without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from memmux.errors import CancelledError, NotFoundError
from memmux.wire.operations import OPERATIONS
from router.dispatch.actions import Outbox
from router.dispatch.slips import Slip
from router.dispatch.troubles import Troubles

STEP_S = 10.0  # that one step may take
AGAIN_S = 5.0  # from a failure to the next check, at most: every answer tells of it until then
_WRITE, _READ = OPERATIONS["health.write"], OPERATIONS["health.read"]


@dataclass(slots=True)
class Health:
    """The health of one kind of work, reading or writing.

    kind: read or write. failures: of checks, in a row; None before there was one. succeeded_at, failed_at: when the
    last success and the last failure were, in monotonic seconds. code, step: of that failure: an error's code, and what
    failed, which is the work itself or what was not found. ms: how long the work of the last success took.
    """

    kind: str
    failures: int | None = None
    succeeded_at: float | None = None
    failed_at: float | None = None
    code: str = ""
    step: str = ""
    ms: float = 0.0

    @property
    def trouble(self) -> str:
        """The code of the cluster's trouble while it is not healthy."""
        return f"{self.kind}_unhealthy"

    def to_json(self, now: float) -> dict[str, object]:
        """Return what `cluster.status` says of it; times in seconds ago."""
        state = "unknown" if self.failures is None else "failing" if self.failures else "ok"
        told: dict[str, object] = {"state": state}
        if self.succeeded_at is not None:
            told |= {"succeeded_s": round(now - self.succeeded_at, 1), "ms": self.ms}
        if self.failed_at is not None:
            told |= {"failed_s": round(now - self.failed_at, 1), "code": self.code, "step": self.step}
        return {**told, "failures": self.failures or 0}


class HealthCheck:
    """Checks the cluster each `every_s` seconds, and sooner after a failure, one check at a time; 0 for never.

    What is due while nobody is there is done as soon as somebody is. Who asks how the cluster is does not wait for the
    first check to be due.

    slip: the step in flight, a write or the read that follows it. health: of reading and of writing.
    """

    def __init__(self, new_id: Callable[[], str], troubles: Troubles, out: Outbox, *, every_s: float) -> None:
        self.slip: Slip | None = None
        self.health = {kind: Health(kind) for kind in ("read", "write")}
        self._new_id = new_id
        self._troubles = troubles
        self._out = out
        self._every_s = every_s
        self._due: float | None = None
        self._asked = False
        self._row: dict[str, str | None] | None = None  # what is to be read next: the row of this id, or of any

    def ask(self) -> None:
        """Note that somebody wants to know how the cluster is."""
        self._asked = True

    def to_json(self, now: float) -> dict[str, dict[str, object]]:
        """Return what `cluster.status` says of reading and of writing."""
        told = {kind: health.to_json(now) for kind, health in self.health.items()}
        return told if self._every_s else {kind: {**known, "state": "off"} for kind, known in told.items()}

    def settle(self, now: float) -> None:
        """Take what came of the step in flight, if it has ended."""
        if self.slip is None or not self.slip.outcome:
            return
        slip, self.slip = self.slip, None
        if slip.outcome == CancelledError.code:  # the router gave it up, and that says nothing of anybody's health
            return
        writes, well = slip.operation is _WRITE, slip.outcome == "ok"
        step = "write" if writes else "read"
        if writes:  # where that failed, whether anything can be read is to be seen all the same
            self._row = {"id": slip.id if well else None}
        missed = _missed(slip.answer) if well and not writes else ""
        code = NotFoundError.code if missed else "" if well else slip.outcome
        self._judge(self.health[step], code, missed or step, now - slip.accepted_at, now)

    def next(self, now: float, *, attended: bool) -> Slip | None:
        """Return the next step, if it is time for one; attended: whether anybody is there to whom it matters."""
        if not self._every_s or self.slip is not None:
            return None
        row, self._row = self._row, None
        if row is None:
            asked, self._asked = self._asked, False
            if self._due is None:
                self._due = now + self._every_s
            known = self.health["write"].failures is not None
            if (now < self._due and (known or not asked)) or not (attended or asked):
                return None
            self._due = now + self._every_s
        request_id = self._new_id()
        self.slip = Slip(
            id=request_id,
            operation=_WRITE if row is None else _READ,
            session=None,
            frames=(orjson.dumps(row or {"id": request_id}),),
            key=request_id if row is None else "",
            accepted_at=now,
            deadline=now + STEP_S,
        )
        return self.slip

    def _judge(self, health: Health, code: str, step: str, seconds: float, now: float) -> None:
        """Say how healthy one kind of work is; the log hears of a change, not of each check."""
        failing = bool(health.failures)
        if code:
            health.code, health.step = code, step
            health.failed_at, health.failures = now, (health.failures or 0) + 1
            self._due = now + min(AGAIN_S, self._every_s)
            if not failing:
                self._out.log("warning", "health_check_failed", health=health.kind, code=code, step=step)
        else:
            if failing:
                self._out.log("info", "health_check_recovered", health=health.kind, failures=health.failures)
            health.succeeded_at, health.failures = now, 0
            health.ms = round(seconds * 1000, 3)
        self._troubles.put(health.trouble, wrong=bool(code))


def _missed(answer: Sequence[bytes]) -> str:
    """Return the first thing that a reader did not find, by its answer."""
    try:
        return str(next(iter(orjson.loads(b"".join(answer))["missed"]), ""))
    except (ValueError, TypeError, KeyError):
        return "read"  # it was answered, and with something else
