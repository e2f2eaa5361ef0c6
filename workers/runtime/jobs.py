"""Jobs and answers: the seam between the serving loop and the kinds of workers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from memmux.errors import CancelledError, DeadlineExceededError, MalformedMessageError, MemmuxError
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import Stage
from memmux.wire.requests import Body

BodyT = TypeVar("BodyT", bound=Body)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Job:
    """One request at one stage.

    frames: the body, then what earlier stages (or the client) appended. key: the idempotency key of a write.
    client: who asked. deadline: monotonic seconds, `math.inf` where there is none. attempt: from 1.
    degraded: what earlier stages had to do without. cancelled: tells whether nobody waits for it any more; it looks at
    what `Alive` has received, so it changes only when that is called. grant: what who asked may do. zone: its time
    zone, as a variable TZ names it; empty where it is not known. named: whether the user named the namespace.
    min_seq: the newest change of which anybody was told here, which a reader must have seen; 0 where it has all.
    """

    id: str
    operation: str
    frames: tuple[bytes, ...]
    key: str
    client: str
    deadline: float
    attempt: int
    degraded: tuple[str, ...]
    cancelled: Callable[[], bool] = _never
    grant: Grant = LOCAL
    zone: str = ""
    named: bool = False
    min_seq: int = 0
    _bodies: dict[type[Body], Body] = field(default_factory=dict, init=False, repr=False, compare=False)

    def body(self, kind: type[BodyT]) -> BodyT:
        """Return the body, read once; raise MalformedMessageError, or the RequestError that names what is wrong."""
        found = self._bodies.get(kind)
        if not isinstance(found, kind):
            if not self.frames:
                raise MalformedMessageError("the request has no body")
            found = self._bodies[kind] = kind.from_body(self.frames[0])
        return found

    def check(self) -> None:
        """Raise CancelledError if nobody waits for it, DeadlineExceededError if its time is up."""
        if self.cancelled():
            raise CancelledError
        if time.monotonic() >= self.deadline:
            raise DeadlineExceededError


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a stage: frames for the next stage or the client, and the codes of what it had to do without.

    done: how it was done, for the log of a slow request. began: when the work on it began, in monotonic seconds, if not
    in the turn of the loop in which it is yielded.
    """

    frames: tuple[bytes, ...]
    degraded: tuple[str, ...] = ()
    done: Mapping[str, object] = field(default_factory=dict)
    began: float | None = field(default=None, compare=False)


Outcome = tuple[Job, Answer | MemmuxError]
Alive = Callable[[], None]
"""Tells the router that this worker is busy, not hung, and hears what it says; call it often in long work."""


def silent() -> None:
    """Say nothing: nobody is waiting, or it takes milliseconds."""


class Worker(Protocol):
    """One kind of worker; `workers.runtime.serve` runs it."""

    stage: Stage
    credit: int  # how many jobs the router may have outstanding here
    retiring: bool  # set when a fresh process should take this one's place

    def open(self, alive: Alive = silent) -> None:
        """Get ready to work; raise the MemmuxError that says why it can't."""

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]:
        """Yield the outcome of every job that is not put off (see `Deferring`) exactly once, in any order.

        What is yielded is final: a writer yields after its commit. An exception other than these outcomes is a crash.
        """

    def facts(self) -> dict[str, object]:
        """Return what the router should know: small, and true when it is called."""

    def idle(self, alive: Alive) -> None:
        """Do upkeep; called about once a second while nothing waits. Raises DatabaseReplacedError, which ends it."""

    def close(self) -> None:
        """Leave everything tidy; the process ends next."""


@runtime_checkable
class Progressing(Protocol):
    """A worker whose start may take long, and who can say how far it is."""

    def progress(self) -> dict[str, object]:
        """Return what the router, and whoever waits for the cluster, should know until the worker is ready."""


@runtime_checkable
class Deferring(Protocol):
    """A worker that may put a job off: `handle` leaves its outcome out, and `late` yields it in a later turn."""

    @property
    def due_s(self) -> float:
        """How soon `late` wants to be called: 0 where there is work at hand, `math.inf` where nothing was put off."""

    def late(self, alive: Alive) -> Iterator[Outcome]:
        """Work on what was put off, for a moment only, and yield the outcomes that are there by now.

        It is called in every turn of the loop, so what comes in meanwhile waits for a moment only, too.
        """


def work_off(worker: Worker, jobs: Sequence[Job], alive: Alive = silent) -> Iterator[Outcome]:
    """Yield the outcome of every job, of those that were put off too; for who has no loop of his own."""
    yield from worker.handle(jobs, alive)
    while isinstance(worker, Deferring) and math.isfinite(worker.due_s):
        yield from worker.late(alive)
