"""The requests of a client that have no answer yet, and when each of them is to be looked at again."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from memmux.client.calls import Call
from memmux.errors import DeadlineExceededError, MemmuxError, WorkerUnavailableError

GRACE_S = 0.1  # after a request's time: the cluster's own answer, if it still comes, says more than ours


@dataclass(slots=True, kw_only=True)
class Pending:
    """A request without an answer yet.

    deadline: monotonic; infinite until there is a connection, if the caller named no time. refusals: how often the
    router said "later". error: why it is not being served, if that is known. wake: when to send it, or to give it up.
    """

    id: str
    call: Call[Any]
    key: str
    timeout_s: float
    deadline: float
    refusals: int = 0
    error: MemmuxError | None = None
    wake: float = math.inf
    number: int = 0

    @property
    def give_up(self) -> float:
        """When it fails, monotonic."""
        return self.deadline + GRACE_S

    def wait_for_model(self) -> None:
        """Note that it is not sent before it is known which model its vector must be of."""
        self.error = WorkerUnavailableError(
            "the cluster's embedder is not ready, so it is not known which model the vector must be of; wait until "
            "`memmux status` names the model, or send the text alone"
        )

    def failure(self, unreachable: MemmuxError | None = None) -> MemmuxError:
        """Return what it fails of when its time is over; unreachable: that no cluster answers, if that is known."""
        return (
            self.error
            or unreachable
            or DeadlineExceededError(
                f"{self.call.operation} had no answer within {self.timeout_s:g} s; give it more time, or ask for less"
                + (". It may still be applied" if self.call.writes else "")
            )
        )


class PendingRequests:
    """A table of pending requests with one timer each; those that are due together come in the order of arrival."""

    def __init__(self) -> None:
        self._by_id: dict[str, Pending] = {}
        self._numbers = itertools.count()
        # An entry whose time is not its request's `wake` is out of date, and dropped when it is met.
        self._timers: list[tuple[float, int, str]] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._by_id.values())

    def get(self, request_id: str) -> Pending | None:
        """Return the request of that id."""
        return self._by_id.get(request_id)

    def add(self, pending: Pending, now: float) -> None:
        """Take a new request, to be looked at now."""
        pending.number = next(self._numbers)
        self._by_id[pending.id] = pending
        self.look_at(pending, now)

    def pop(self, request_id: str) -> Pending | None:
        """Take the request of that id out of the table."""
        return self._by_id.pop(request_id, None)

    def clear(self) -> list[Pending]:
        """Take all requests out of the table."""
        taken = list(self._by_id.values())
        self._by_id.clear()
        self._timers.clear()
        return taken

    def look_at(self, pending: Pending, at: float) -> None:
        """Set the request's timer: to then, or to when it is given up."""
        pending.wake = min(at, pending.give_up)
        heapq.heappush(self._timers, (pending.wake, pending.number, pending.id))

    def soonest(self) -> float:
        """Return when the next request is due; infinite if none ever is."""
        while self._timers and self._out_of_date(self._timers[0]):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else math.inf

    def due(self, now: float) -> Iterator[Pending]:
        """Return the requests whose time has come; the caller sets a new timer for each, or pops it."""
        while self.soonest() <= now:
            yield self._by_id[heapq.heappop(self._timers)[2]]

    def _out_of_date(self, timer: tuple[float, int, str]) -> bool:
        pending = self._by_id.get(timer[2])
        return pending is None or pending.wake != timer[0]
