"""Queues: the requests that wait for one kind of worker, their order, and the bounds of everything that is kept."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from memmux import limits
from router.dispatch.slips import Slip

INTERACTIVE_PER_BULK = 8  # interactive requests that may pass a waiting bulk request before it gets its turn
_RETRY_LEAST_MS = 50
_RETRY_MOST_MS = 5000
_PACE_ANSWERS = 64  # the latest answers that an estimate looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The dispatcher's bounds; nothing that it keeps grows past them.

    in_flight, requests_s, memories: of a client whose key says nothing of it: requests that are not answered yet, how
    many a second, and how many live memories a namespace may hold when it stores another; None for no bound.
    queue: requests waiting for one kind of worker, when another is let in.
    client_bytes, admitted_bytes: of a client's requests, and of those of all clients, when another is let in.
    admitted: requests of all clients together. attempts: workers that may die of one request. sessions: clients.
    stall_s: a worker that says nothing for so long is killed. start_s: the same while it starts.
    overdue_s: a reader or embedder that has not answered so long after its request was cancelled or ran out of time is
    killed.
    log_bytes: a write-ahead log from which on reads that have run for read_s make way, as it can't shrink behind them.
    loading_s: so long a search waits for a model that is loading, and no longer than half of its time.
    slow_s: a request that took so long is logged with its route and where the time went; 0: none is.
    """

    in_flight: int = limits.IN_FLIGHT
    queue: int = limits.QUEUE
    admitted: int = 2 * limits.QUEUE
    client_bytes: int = limits.IN_FLIGHT_BYTES
    admitted_bytes: int = limits.ADMITTED_BYTES
    attempts: int = limits.ATTEMPTS
    sessions: int = limits.SESSIONS
    stall_s: float = 10.0
    start_s: float = 120.0
    overdue_s: float = 60.0
    log_bytes: int = 256 << 20
    read_s: float = 5.0
    loading_s: float = 3.0
    slow_s: float = 1.0
    requests_s: float | None = None
    memories: int | None = None


class FairQueue:
    """The requests that wait for one kind of worker.

    Clients take turns, and each client's requests keep their order. Interactive requests pass bulk ones, but not for
    ever. A request that a worker gave back, or died with, is served before all others, but for one that is done beside
    others. Every method is O(1).
    """

    __slots__ = ("_bulk", "_interactive", "_passed", "_returned")

    def __init__(self) -> None:
        self._returned: OrderedDict[str, Slip] = OrderedDict()
        self._interactive = _Lane()
        self._bulk = _Lane()
        self._passed = 0  # interactive requests served since the last bulk one

    def __len__(self) -> int:
        return len(self._returned) + self._interactive.size + self._bulk.size

    @property
    def head_is_suspect(self) -> bool:
        """Whether a worker died with the request that is next."""
        return bool(self._returned) and next(iter(self._returned.values())).deaths > 0

    def push(self, slip: Slip) -> None:
        """Let a request wait for its turn."""
        (self._bulk if slip.operation.bulk else self._interactive).push(slip)

    def put_back(self, slip: Slip) -> None:
        """Let a request be the next.

        One that is done beside others waits for its turn: what was beside it when its worker died is done first, alone.
        """
        if slip.operation.beside:
            self.push(slip)
            return
        self._returned[slip.id] = slip
        self._returned.move_to_end(slip.id, last=False)

    def give_back(self, slip: Slip) -> None:
        """Let a request be served before all that were not sent yet, and after those that were given back before."""
        self._returned[slip.id] = slip

    def pop(self) -> Slip:
        """Remove and return the request whose turn it is; raise KeyError when none waits."""
        if self._returned:
            return self._returned.popitem(last=False)[1]
        if self._bulk.size and (self._passed >= INTERACTIVE_PER_BULK or not self._interactive.size):
            self._passed = 0
            return self._bulk.pop()
        self._passed = self._passed + 1 if self._bulk.size else 0
        return self._interactive.pop()

    def remove(self, slip: Slip) -> None:
        """Remove a request that waits here, wherever it stands."""
        if self._returned.pop(slip.id, None) is None:
            (self._bulk if slip.operation.bulk else self._interactive).remove(slip)

    def clear(self) -> list[Slip]:
        """Remove and return all requests, in the order in which they would have been served."""
        return [self.pop() for _ in range(len(self))]


class _Lane:
    """Round robin between clients, first in first out within one."""

    __slots__ = ("_turns", "size")

    def __init__(self) -> None:
        self._turns: OrderedDict[str, OrderedDict[str, Slip]] = OrderedDict()
        self.size = 0

    def push(self, slip: Slip) -> None:
        waiting = self._turns.get(slip.owner)
        if waiting is None:
            waiting = self._turns[slip.owner] = OrderedDict()
        waiting[slip.id] = slip
        self.size += 1

    def pop(self) -> Slip:
        owner, waiting = self._turns.popitem(last=False)
        _, slip = waiting.popitem(last=False)
        if waiting:
            self._turns[owner] = waiting  # at the end: the others come first
        self.size -= 1
        return slip

    def remove(self, slip: Slip) -> None:
        waiting = self._turns[slip.owner]
        del waiting[slip.id]
        if not waiting:
            del self._turns[slip.owner]
        self.size -= 1


class Pace:
    """The pace of a pool, from its latest answers."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: deque[float] = deque(maxlen=_PACE_ANSWERS)

    def answered(self, now: float) -> None:
        """Note an answer."""
        self._answers.append(now)

    def retry_after_ms(self, waiting: int, now: float) -> int:
        """Return when to try again: about when what waits now is done, within sensible bounds."""
        if not self._answers:
            return _RETRY_MOST_MS
        seconds_each = (now - self._answers[0]) / len(self._answers)
        return max(_RETRY_LEAST_MS, min(_RETRY_MOST_MS, int(seconds_each * waiting * 1000)))
