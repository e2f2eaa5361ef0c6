"""The log of jobs: what a worker's log says of each request that it has answered."""

from __future__ import annotations

from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.wire.operations import Stage
from workers.runtime.jobs import Answer, Job


class JobLog:
    """Tells the log of each request what became of it at this stage, and where its time went.

    slow_ms: a request that was here for so long is told of once more, as a warning, with what was done for it; 0: none.
    """

    def __init__(self, stage: Stage, slow_ms: float) -> None:
        self._stage = stage
        self._slow_ms = slow_ms

    def finished(
        self, job: Job, outcome: Answer | MemmuxError, *, came: float, began: float, ended: float, at_s: float
    ) -> None:
        """Tell of a request that is answered.

        came, began, ended: monotonic seconds. at_s: the end, in seconds since 1970.

        Work begins with the turn in which the request is answered, or where the answer before it in that turn ended. So
        of requests that are worked on together, the first has the work of all, and the others have waited for it.
        """
        queue_ms = round(max(0.0, began - came) * 1000, 3)
        work_ms = round((ended - max(began, came)) * 1000, 3)
        said = {
            "request_id": job.id,
            "client": job.client,
            "operation": job.operation,
            "stage": self._stage,
            "outcome": outcome.code if isinstance(outcome, MemmuxError) else "ok",
            "attempt": job.attempt,
            "queue_ms": queue_ms,
            "work_ms": work_ms,
        }
        log.get().info("stage_finished", at_s=at_s, **said)
        if self._slow_ms and queue_ms + work_ms >= self._slow_ms:
            done = {} if isinstance(outcome, MemmuxError) else outcome.done
            log.get().warning("stage_slow", at_s=at_s, **said, **done)
