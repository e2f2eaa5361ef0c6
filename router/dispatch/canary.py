"""The canary: a memory that the router sends all the way through its workers, to see whether the cluster is fit.

That a process lives does not mean that it can write. So, now and then, a memory is stored, found, read and removed,
behind all that clients ask for and by the same operations, and what comes of it is the health of the cluster: that of
reading and that of writing, for the one often fails without the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from memmux.errors import CancelledError, NotFoundError
from memmux.wire.canary import CanaryMemory
from memmux.wire.operations import OPERATIONS, Stage
from router.dispatch.actions import Outbox
from router.dispatch.slips import Slip
from router.dispatch.troubles import Troubles

STEP_S = 10.0  # that one step may take
_STORE, _SEARCH, _GET, _REMOVE = "canary.store", "canary.search", "canary.get", "canary.remove"
_READS = (_SEARCH, _GET)


@dataclass(slots=True)
class Health:
    """The health of one kind of work, reading or writing.

    kind: read or write. failures: of the canary, in a row; None before it was there. succeeded_at, failed_at: when the
    last success and the last failure were, in monotonic seconds. code, step: of that failure: an error's code, and what
    was to be done. ms: how long the work of the last success took.
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


@dataclass(slots=True)
class _Flight:
    """One canary on its way. stored: whether it is there to be found. wrong: the first failure of each kind."""

    canary_memory: CanaryMemory
    began: float
    steps: list[str] = field(default_factory=lambda: [_STORE, _SEARCH, _GET, _REMOVE])
    stored: bool = False
    wrong: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: {"read": 0.0, "write": 0.0})


class Canary:
    """Sends a canary each `every_s` seconds, one at a time; 0 for never.

    slip: the step in flight. health: of reading and of writing.
    """

    def __init__(self, new_id: Callable[[], str], troubles: Troubles, out: Outbox, *, every_s: float) -> None:
        self.slip: Slip | None = None
        self.health = {kind: Health(kind) for kind in ("read", "write")}
        self._new_id = new_id
        self._troubles = troubles
        self._out = out
        self._every_s = every_s
        self._due: float | None = None
        self._flight: _Flight | None = None

    def settle(self, now: float) -> None:
        """Take what came of the step in flight, if it has ended."""
        if self.slip is None or not self.slip.outcome:
            return
        slip, self.slip = self.slip, None
        flight, step = self._flight, slip.operation.name
        assert flight is not None
        if slip.outcome == CancelledError.code:  # the router gave it up, and that says nothing of anybody's health
            self._flight = None
            return
        kind = "read" if step in _READS else "write"
        code = "" if slip.outcome == "ok" else slip.outcome
        if step in _READS and flight.stored and not code and not any(map(flight.canary_memory.is_in, slip.answer)):
            code = NotFoundError.code  # it was answered, and with something else
        flight.seconds[kind] += now - slip.accepted_at
        if code:
            flight.wrong.setdefault(kind, (code, step.removeprefix("canary.")))
        if step == _STORE:
            flight.stored = not code
            if code:  # whether anything can be read is to be seen all the same
                flight.steps = [_SEARCH]
        if not flight.steps:
            self._flight = None
            for known in self.health.values():
                self._judge(known, flight, now)

    def next(self, now: float, *, attended: bool) -> Slip | None:
        """Return the next step, if it is time for one; attended: whether anybody is there to whom it matters."""
        if not self._every_s or self.slip is not None:
            return None
        if self._flight is None:
            if self._due is None or (now >= self._due and not attended):
                self._due = now + self._every_s
            if now < self._due:
                return None
            self._due = now + self._every_s
            self._flight = _Flight(CanaryMemory.of(self._new_id(), "the router"), now)
        self.slip = self._slip(self._flight, now)
        return self.slip

    def _slip(self, flight: _Flight, now: float) -> Slip:
        request_id, operation, canary_memory = self._new_id(), OPERATIONS[flight.steps.pop(0)], flight.canary_memory
        match operation.name:
            case "canary.store":
                body = canary_memory.store_body()
            case "canary.search":
                body = canary_memory.search_body()
            case _:
                body = canary_memory.named_body()
        return Slip(
            id=request_id,
            operation=operation,
            session=None,
            frames=(body,),
            key=request_id if Stage.WRITE in operation.route else "",
            accepted_at=now,
            deadline=now + STEP_S,
        )

    def _judge(self, health: Health, flight: _Flight, now: float) -> None:
        """Say how healthy one kind of work is; the log hears of a change, not of each canary."""
        failing = bool(health.failures)
        if (wrong := flight.wrong.get(health.kind)) is not None:
            health.code, health.step = wrong
            health.failed_at, health.failures = now, (health.failures or 0) + 1
            if not failing:
                self._out.log("warning", "canary_failed", health=health.kind, code=health.code, step=health.step)
        else:
            if failing:
                self._out.log("info", "canary_recovered", health=health.kind, failures=health.failures)
            health.succeeded_at, health.failures = now, 0
            health.ms = round(flight.seconds[health.kind] * 1000, 3)
        self._troubles.put(health.trouble, wrong=bool(health.failures))
