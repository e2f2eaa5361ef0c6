"""The performer: does what the dispatcher asks for, by sockets, processes and the log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import orjson

from memmux.logs import log
from memmux.wire import protocol
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch import actions
from router.dispatch.actions import Action
from router.dispatch.dispatcher import Dispatcher
from router.io.listeners import Listeners
from router.io.workers_socket import WorkersSocket
from router.lifecycle.startup import Startup
from router.lifecycle.supervisor import Supervisor


class Performer:
    """Performs actions in order, and then those that follow from a send that failed.

    status: makes the body of `cluster.status`. drain: called with the time, the reason, and the pid of the router that
    takes over, or 0, when the router is to end.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        supervisor: Supervisor,
        listeners: Listeners,
        workers: WorkersSocket,
        *,
        startup: Startup,
        status: Callable[[float], dict[str, object]],
        drain: Callable[[float, str, int], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._listeners = listeners
        self._workers = workers
        self._startup = startup
        self._status = status
        self._drain = drain
        self._log = log.get()
        self._untold: list[tuple[actions.Log, float]] = []  # what is to be logged, and when it was

    def perform(self, first: Sequence[Action], now: float) -> None:
        """Perform these actions of the dispatcher."""
        waiting, at_s = deque(first), time.time()
        while waiting:
            waiting.extend(self._perform_one(waiting.popleft(), now, at_s))

    def started(self, workers: Iterable[tuple[str, Stage]], now: float) -> None:
        """Tell the dispatcher of workers that the supervisor has started."""
        for identity, stage in workers:
            self.perform(self._dispatcher.on_worker_start(identity, stage, now), now)

    def tell(self) -> None:
        """Log what has happened, once the answers to it are on their way, with the times at which it did."""
        if lines := self._dispatcher.tell():
            self.perform(lines, time.monotonic())
        if self._untold:
            told, self._untold = self._untold, []
            with log.together():
                for line, at_s in told:
                    getattr(self._log, line.level)(line.event, at_s=at_s, **line.fields)

    def _perform_one(self, action: Action, now: float, at_s: float) -> Sequence[Action]:
        match action:
            case actions.ToClient(routing_id, frames):
                if not self._listeners.send(routing_id, frames):
                    return self._dispatcher.on_client_gone(routing_id, now)
            case actions.ToWorker(identity, frames):
                if not self._workers.send(identity, frames):
                    self._supervisor.kill(identity)
                    return self._dispatcher.on_worker_exit(identity, now)
            case actions.Log(happened=then):
                self._untold.append((action, at_s if then is None else at_s - (time.monotonic() - then)))
            case actions.ReportStatus():
                return self._report(action, now)
            case actions.BeginDrain(reason, successor):
                self._drain(now, reason, successor)
            case _:
                self._supervise(action, now)
        return ()

    def _report(self, asked: actions.ReportStatus, now: float) -> Sequence[Action]:
        """Return the actions with which a `cluster.status` is answered."""
        self._listeners.look()  # whoever changed a key asks whether that is known
        ended = self._dispatcher.look_at_keys(now)
        status = self._status(now)
        codes = status["degraded"]
        assert isinstance(codes, list)
        header = Header(kind=Kind.RESULT, id=asked.request_id, degraded=tuple(codes))
        body = orjson.dumps(status if asked.known is None else asked.known.of(status))
        return [*ended, actions.ToClient(asked.routing_id, protocol.encode(header, body))]

    def _supervise(self, action: Action, now: float) -> None:
        """Perform what concerns a worker's process."""
        match action:
            case actions.KillWorker(identity):
                self._supervisor.kill(identity)
            case actions.ReplaceWorker(identity):
                self.started(self._supervisor.replace(identity, now), now)
            case actions.WorkerReady(identity, stage):
                self._supervisor.on_ready(identity, now)
                if self._startup.on_ready(stage, now):
                    self._read_from(now)
            case actions.WorkerFailed(identity, stage, error):
                self._supervisor.on_failed(identity, error)
                if self._startup.on_failed(stage, error, now):
                    self._read_from(now)

    def _read_from(self, now: float) -> None:
        """Start the readers, now that there is a database to read."""
        if not self._supervisor.release(Stage.READ):
            self._supervisor.add(Stage.READ, now)
