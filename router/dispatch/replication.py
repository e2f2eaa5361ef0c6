"""Replication: what the router knows of a database on several servers, of which the readers' may be behind.

Each read is stamped with the newest change that was acknowledged here, so that whoever was told of a write sees it. A
server that was promoted may lack the last changes; then that number is of a history that nobody has any more, and is
forgotten: a reader would wait for it for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from memmux.wire.operations import Stage
from router.dispatch.pools import PRIMARY_UNAVAILABLE, Worker
from router.dispatch.troubles import Troubles

MIN_SEQ = "min_seq"  # in the detail of a request to a reader
SETTLED_S = 1.5  # in which a reader that rests has looked at its replica once more
_KEPT = 1_000  # changes whose time is known
_SUMS = ("waits", "waited_s", "asked_primary", "reconnects")  # of what workers say, all of them together


class Replication:
    """The newest acknowledged change, and what the writer says of the servers, as troubles of the cluster.

    writable: whether the writer has a server that takes writes, as far as it said.
    """

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles
        self._newest = 0  # 0: none, or forgotten
        self._known: deque[tuple[int, float]] = deque(maxlen=_KEPT)  # changes, and when they were heard of
        self._lag: dict[str, tuple[int, float]] = {}  # of each reader: changes and seconds
        self.writable = True

    def acknowledged(self, facts: Mapping[str, object], now: float) -> None:
        """Note the change at which a write was committed. The writer's answers come in the order of its commits."""
        self._newest = _number(facts, "seq") or self._newest
        self._note(self._newest, now)

    def stamp(self, worker: Worker) -> Mapping[str, object]:
        """Return what a reader is told beside a request."""
        if worker.stage is not Stage.READ:
            return {}
        worker.min_seq = self._newest
        return {MIN_SEQ: self._newest} if self._newest else {}

    def told(self, worker: Worker, before: Mapping[str, object], now: float) -> None:
        """Take what a worker says of itself; before: what it said the time before."""
        facts = worker.facts
        if worker.stage is Stage.READ and not worker.leases:  # one that works has looked before that
            self._lag[worker.id] = self._lacks(_number(facts, "at"), now)
        if worker.stage is Stage.WRITE:
            self._note(_number(facts, "seq"), now)
            self._newest = min(self._newest, _number(facts, "seq") or self._newest)
            said = facts.get("degraded")
            codes = [code for code in said if isinstance(code, str)] if isinstance(said, list) else []
            self._troubles.found("servers", codes)
            self.writable = PRIMARY_UNAVAILABLE not in codes
        elif _number(facts, "rewound") > _number(before, "rewound") and worker.min_seq == self._newest:
            self._newest = 0  # unless a write was acknowledged since it was asked

    def to_json(self, workers: Iterable[Worker], held: Iterable[float], now: float) -> dict[str, float]:
        """Return lag_changes and lag_s of the replica that is the last, what readers waited for, and what is held.

        workers: all that there are. held: when the writes came that are not answered yet.
        """
        workers, since = list(workers), list(held)
        self._lag = {worker.id: self._lag[worker.id] for worker in workers if worker.id in self._lag}
        changes, seconds = max(self._lag.values(), default=(0, 0.0), key=lambda lag: lag[::-1])
        sums = {name: round(sum(_amount(worker.facts, name) for worker in workers), 3) for name in _SUMS}
        oldest = round(now - min(since, default=now), 3)
        return {"lag_changes": changes, "lag_s": round(seconds, 3), **sums, "held": len(since), "held_s": oldest}

    def _note(self, seq: int, now: float) -> None:
        """Note when a change was heard of; those of a history that nobody has any more are forgotten."""
        while self._known and self._known[-1][0] > seq:
            self._known.pop()
        if not self._known or self._known[-1][0] < seq:
            self._known.append((seq, now))

    def _lacks(self, at: int, now: float) -> tuple[int, float]:
        """Return how many changes a replica lacks, and for how long the first of them; not what has just come."""
        lacking = [(seq, since) for seq, since in self._known if seq > at and now - since > SETTLED_S]
        return (lacking[-1][0] - at, now - lacking[0][1]) if lacking and at else (0, 0.0)


def _number(facts: Mapping[str, object], name: str) -> int:
    value = facts.get(name)
    return value if isinstance(value, int) else 0


def _amount(facts: Mapping[str, object], name: str) -> float:
    value = facts.get(name)
    return value if isinstance(value, int | float) else 0
