"""Replication: what the router knows of a database on several servers, of which the readers' may be behind.

Each read is stamped with the newest change that was acknowledged here, so that whoever was told of a write sees it. A
server that was promoted may lack the last changes; then that number is of a history that nobody has any more, and is
forgotten: a reader would wait for it for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from memmux.wire.operations import Stage
from router.dispatch.pools import PRIMARY_UNAVAILABLE, Worker
from router.dispatch.troubles import Troubles

MIN_SEQ = "min_seq"  # in the detail of a request to a reader


class Replication:
    """The newest acknowledged change, and what the writer says of the servers, as troubles of the cluster.

    writable: whether the writer has a server that takes writes, as far as it said.
    """

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles
        self._newest = 0  # 0: none, or forgotten
        self.writable = True

    def acknowledged(self, facts: Mapping[str, object]) -> None:
        """Note the change at which a write was committed. The writer's answers come in the order of its commits."""
        self._newest = _number(facts, "seq") or self._newest

    def stamp(self, worker: Worker) -> Mapping[str, object]:
        """Return what a reader is told beside a request."""
        if worker.stage is not Stage.READ:
            return {}
        worker.min_seq = self._newest
        return {MIN_SEQ: self._newest} if self._newest else {}

    def told(self, worker: Worker, before: Mapping[str, object]) -> None:
        """Take what a worker says of itself; before: what it said the time before."""
        facts = worker.facts
        if worker.stage is Stage.WRITE:
            self._newest = min(self._newest, _number(facts, "seq") or self._newest)
            said = facts.get("degraded")
            codes = [code for code in said if isinstance(code, str)] if isinstance(said, list) else []
            self._troubles.found("servers", codes)
            self.writable = PRIMARY_UNAVAILABLE not in codes
        elif _number(facts, "rewound") > _number(before, "rewound") and worker.min_seq == self._newest:
            self._newest = 0  # unless a write was acknowledged since it was asked


def _number(facts: Mapping[str, object], name: str) -> int:
    value = facts.get(name)
    return value if isinstance(value, int) else 0
