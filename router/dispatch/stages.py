"""Stages: the pool of each, and what is so of all workers together: what is missing, and what their database lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from memmux.errors import DatabaseReplacedError
from memmux.wire.operations import Stage
from router.dispatch.actions import BeginDrain, Outbox
from router.dispatch.open_requests import OpenRequests
from router.dispatch.pools import Pool, Worker
from router.dispatch.queues import Limits
from router.dispatch.replication import Replication
from router.dispatch.slips import Lease
from router.dispatch.troubles import Troubles


class Stages(dict[Stage, Pool]):
    """The pool of each stage.

    replication: what is known of a database on servers; None where it is a file.
    """

    def __init__(self, bounds: Limits, troubles: Troubles, out: Outbox, *, replicated: bool) -> None:
        super().__init__({stage: Pool(stage) for stage in Stage})
        self.replication = Replication(troubles) if replicated else None
        self._bounds = bounds
        self._troubles = troubles
        self._out = out
        self._replaced = False  # whether the database is another file by now, which ends the cluster

    def workers(self) -> Iterator[Worker]:
        """Give every worker from its start to its end."""
        return (worker for pool in self.values() for worker in pool.workers.values())

    def find(self, worker_id: str) -> Worker | None:
        """Return the worker with that id; None once it is given up."""
        for pool in self.values():
            if (worker := pool.workers.get(worker_id)) is not None:
                return worker
        return None

    def leases(self) -> Iterator[Lease]:
        """Give every lease, abandoned ones too."""
        return (lease for worker in self.workers() for lease in worker.leases.values())

    def hear(self, worker: Worker, facts: Mapping[str, object], now: float) -> None:
        """Note what a worker says of itself, and of what it shares with the others of its kind."""
        before = worker.facts
        worker.facts = self[worker.stage].facts = facts
        if self.replication is not None:
            self.replication.told(worker, before, now)

    def has_server(self, pool: Pool) -> bool:
        """Return whether the workers of a pool have a server for what waits: for writes, a primary."""
        return self.replication is None or pool.stage is not Stage.WRITE or self.replication.writable

    def look_for_workers(self) -> None:
        """Note which kinds of workers are missing; what only begins is no trouble yet."""
        missing = [pool.shortfall for pool in self.values() if pool.shortfall]
        self._troubles.found("pools", [code for code in missing if not code.endswith("_loading")])

    @property
    def beginning(self) -> bool:
        """Whether the first workers that read or write are still starting, and none of a kind has failed."""
        return self[Stage.READ].loading or self[Stage.WRITE].loading

    @property
    def log_is_large(self) -> bool:
        """Whether the write-ahead log has grown beyond its bound, as the writer said last."""
        writes = self[Stage.WRITE]
        size = writes.facts.get("wal_bytes", 0)
        return writes.serving and isinstance(size, int) and size > self._bounds.log_bytes

    def on_replaced(self, worker: Worker) -> None:
        """Have the cluster end, once: a worker found that the database is another file by now."""
        if not self._replaced:
            self._replaced = True
            self._out.log("error", "database_replaced", worker=worker.id, error=DatabaseReplacedError().message)
            self._out.add(BeginDrain(DatabaseReplacedError.code))

    def replicated(self, requests: OpenRequests, now: float) -> Mapping[str, float]:
        """Return what is known of the servers, and of the writes that wait for one; nothing where there is a file."""
        if self.replication is None:
            return {}
        # of writes for which a client waits
        held = [slip.accepted_at for slip in requests if slip.session is not None and slip.stage is Stage.WRITE]
        return self.replication.to_json(self.workers(), held, now)
