"""Workers: the conversation with them over the backend. They start, work, make room for a successor, hang or die."""

from __future__ import annotations

from memmux.errors import DatabaseReplacedError, MalformedMessageError, MemmuxError
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind, Message
from router.dispatch.actions import KillWorker, Outbox, ReplaceWorker, WorkerFailed, WorkerReady
from router.dispatch.flow import Flow
from router.dispatch.liveness import Liveness
from router.dispatch.pools import Worker, WorkerState
from router.dispatch.queues import Limits


class Backend:
    """The conversation with workers, and the end of those that say nothing; answers go into the flow."""

    def __init__(self, flow: Flow, limits: Limits, out: Outbox) -> None:
        self.liveness = Liveness(limits)
        self._flow = flow
        self._out = out

    def start(self, worker_id: str, stage: Stage, now: float) -> None:
        """Wait for a new worker to be ready."""
        worker = Worker(worker_id, stage, heard_at=now)
        self._flow.stages[stage].start(worker)
        self._flow.stages.look_for_workers()
        self.liveness.watch(worker)

    def on_message(self, worker: Worker, message: Message, now: float) -> None:
        """Take what a worker says; raise MalformedMessageError for what no worker says."""
        header = message.header
        pool = self._flow.stages[worker.stage]
        match header.kind:
            case Kind.RESULT | Kind.ERROR:
                if header.kind is Kind.RESULT:
                    self._flow.hear(worker, header.detail or pool.facts, now)
                self._flow.look_for_models(now)
                self._flow.on_outcome(worker, header, message.frames, now)
            case Kind.HEARTBEAT:
                self._flow.hear(worker, header.detail or pool.facts, now)
                self._flow.look_for_models(now)
            case Kind.READY:
                if worker.state is WorkerState.STARTING:
                    self._flow.hear(worker, header.detail, now)
                    self._ready(worker, header.detail.get("credit"), now)
            case Kind.RETIRING:
                if worker.state is WorkerState.READY:
                    self._retire(worker)
            case Kind.FAILED:
                pool.failed(header.detail)
                if header.detail.get("code") == DatabaseReplacedError.code:
                    self._flow.stages.on_replaced(worker)
                self._out.add(WorkerFailed(worker.id, worker.stage, header.detail))
                self.on_exit(worker, now)
            case _:
                raise MalformedMessageError(f"a worker does not say {header.kind}")

    def on_malformed(self, worker: Worker, attempt: tuple[str, int] | None, now: float) -> None:
        """End the lease that a message is about which can't be read: there is no other answer.

        attempt: what it names; None if not even that can be read. Then the worker is killed if it has any lease.
        """
        if attempt is None:
            if worker.leases:
                self._kill(worker, "malformed", now)
        elif attempt in worker.leases:
            error = MemmuxError("the worker's answer can't be read; the router's log says why")
            header = Header(kind=Kind.ERROR, id=attempt[0], attempt=attempt[1], detail=error.to_json())
            self._flow.on_outcome(worker, header, (), now)

    def on_exit(self, worker: Worker, now: float) -> None:
        """Do without a worker that is gone."""
        expected = worker.state is WorkerState.STOPPING and not worker.leases
        level = "info" if expected else "warning"
        self._out.log(level, "worker_lost", worker=worker.id, state=str(worker.state), in_flight=len(worker.leases))
        self._lose(worker, now)

    def check(self, now: float) -> None:
        """Kill the workers that hang."""
        for worker, reason in self.liveness.hung(now):
            self._kill(worker, reason, now)

    def _ready(self, worker: Worker, credit: object, now: float) -> None:
        replaced = self._flow.stages[worker.stage].ready(
            worker, credit if isinstance(credit, int) and credit > 0 else 1
        )
        self.liveness.watch(worker)
        self._out.log("info", "worker_ready", worker=worker.id, credit=worker.credit)
        self._out.add(WorkerReady(worker.id, worker.stage))
        if replaced is not None:
            self._out.worker(replaced.id, Header(kind=Kind.STOP))
        self._flow.on_ready(worker.stage, now)

    def _retire(self, worker: Worker) -> None:
        """Let a worker work on until its successor is ready; of writers there is one at any time, so it stops first."""
        if worker.stage is Stage.WRITE:
            self._flow.stages[worker.stage].stop(worker)
            self._out.worker(worker.id, Header(kind=Kind.STOP))
        else:
            worker.state = WorkerState.RETIRING
            self._out.add(ReplaceWorker(worker.id))

    def _kill(self, worker: Worker, reason: str, now: float) -> None:
        self._out.log("error", "worker_stalled", worker=worker.id, reason=reason, in_flight=len(worker.leases))
        self._out.add(KillWorker(worker.id, reason))
        self._lose(worker, now)

    def _lose(self, worker: Worker, now: float) -> None:
        self.liveness.forget(worker)
        self._flow.on_death(worker, now)
