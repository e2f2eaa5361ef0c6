"""A hand on the dispatcher: says what clients and workers say, moves the clock, and keeps what comes out."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from memmux.wire import protocol
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind, Message
from router.dispatch.actions import Action, Log, ToClient, ToWorker
from router.dispatch.dispatcher import Dispatcher, Limits
from router.dispatch.named_keys import NamedKeys

FACTS = {
    Stage.EMBED: {"model": "m", "dimensions": 3},
    Stage.READ: {"seq": 0},
    Stage.WRITE: {"seq": 0, "memories": 0, "pending": 0, "model": "m", "dimensions": 3},
}
"""What workers say of themselves when all is well and nothing waits for a vector."""


class Driver:
    """A dispatcher and everything it ever said, by whom it said it to; `others` are the actions that are no message."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        health_check_s: float = 0.0,
        metered: bool = False,
        keys: NamedKeys | None = None,
        replicated: bool = False,
    ) -> None:
        self.now = 100.0
        counter = itertools.count(1)
        self.dispatcher = Dispatcher(
            welcome={"version": "1.2.3"},
            limits=limits or Limits(),
            new_id=lambda: f"internal-{next(counter)}",
            health_check_s=health_check_s,
            metered=metered,
            keys=keys,
            replicated=replicated,
        )
        self.clients: dict[bytes, list[Message]] = defaultdict(list)
        self.workers: dict[str, list[Message]] = defaultdict(list)
        self.logs: list[Log] = []
        self.others: list[Action] = []
        self.grants: dict[bytes, Grant] = {}  # of the clients that have a key, by where they are

    def perform(self, actions: Sequence[Action]) -> None:
        for action in (*actions, *self.dispatcher.tell()):
            match action:
                case ToClient(routing_id, frames):
                    self.clients[routing_id].append(protocol.decode(frames))
                case ToWorker(worker_id, frames):
                    self.workers[worker_id].append(protocol.decode(frames))
                case Log():
                    self.logs.append(action)
                case _:
                    self.others.append(action)

    # clients

    def client(self, routing_id: bytes, header: Header, *frames: bytes) -> None:
        grant = self.grants.get(routing_id, LOCAL)
        self.perform(self.dispatcher.on_client(routing_id, protocol.encode(header, *frames), self.now, grant))

    def hello(self, routing_id: bytes, instance: str = "", **detail: object) -> None:
        name = routing_id.decode()
        said = {"protocol": [1, 1], "name": name, "pid": 7, "version": "0", "instance": instance or name, **detail}
        self.client(routing_id, Header(kind=Kind.HELLO, detail=said))

    def request(
        self,
        routing_id: bytes,
        request_id: str,
        operation: str = "memory.get",
        *blobs: bytes,
        deadline_ms: int | None = None,
        key: str = "",
        body: bytes = b"{}",
    ) -> None:
        header = Header(kind=Kind.REQUEST, id=request_id, operation=operation, deadline_ms=deadline_ms, key=key)
        self.client(routing_id, header, body, *blobs)

    def cancel(self, routing_id: bytes, request_id: str) -> None:
        self.client(routing_id, Header(kind=Kind.CANCEL, id=request_id))

    # workers

    def start(self, worker_id: str, stage: Stage) -> None:
        self.perform(self.dispatcher.on_worker_start(worker_id, stage, self.now))

    def ready(self, worker_id: str, stage: Stage, credit: int = 1, **facts: object) -> None:
        """Start a worker and let it be ready."""
        self.start(worker_id, stage)
        self.worker(worker_id, Header(kind=Kind.READY, detail={"credit": credit, **FACTS[stage], **facts}))

    def worker(self, worker_id: str, header: Header, *frames: bytes) -> None:
        self.perform(self.dispatcher.on_worker(worker_id, protocol.encode(header, *frames), self.now))

    def heartbeat(self, worker_id: str, **facts: object) -> None:
        self.worker(worker_id, Header(kind=Kind.HEARTBEAT, detail=facts))

    def answer(
        self, worker_id: str, request: Message, *frames: bytes, degraded: Sequence[str] = (), **facts: object
    ) -> None:
        header = request.header
        result = Header(kind=Kind.RESULT, id=header.id, attempt=header.attempt, degraded=tuple(degraded), detail=facts)
        self.worker(worker_id, result, *(frames or (b"answer",)))

    def fail(self, worker_id: str, request: Message, code: str) -> None:
        header = request.header
        detail = {"code": code, "message": "no", "retryable": False}
        self.worker(worker_id, Header(kind=Kind.ERROR, id=header.id, attempt=header.attempt, detail=detail))

    def exit(self, worker_id: str) -> None:
        self.perform(self.dispatcher.on_worker_exit(worker_id, self.now))

    # time

    def tick(self, seconds: float = 0.0) -> None:
        """Let time pass, as the loop does: no second goes by without a tick."""
        until = self.now + seconds
        while self.now + 1.0 < until:
            self.now += 1.0
            self.perform(self.dispatcher.tick(self.now))
        self.now = until
        self.perform(self.dispatcher.tick(self.now))

    def stand_still(self, seconds: float) -> None:
        """Let time pass without anybody doing anything, the router included."""
        self.now += seconds
        self.perform(self.dispatcher.tick(self.now))

    # questions

    def requests(self, worker_id: str) -> list[Message]:
        """What the worker was asked to do, ever."""
        return [message for message in self.workers[worker_id] if message.header.kind is Kind.REQUEST]

    def asked(self, worker_id: str) -> list[str]:
        """The ids of what the worker was asked to do, ever."""
        return [message.header.id for message in self.requests(worker_id)]

    def cancelled(self, worker_id: str) -> list[str]:
        return [message.header.id for message in self.workers[worker_id] if message.header.kind is Kind.CANCEL]

    def last(self, routing_id: bytes) -> Message:
        return self.clients[routing_id][-1]

    def outcomes(self, routing_id: bytes) -> list[tuple[str, str]]:
        """What the client's requests ended in: the id, and `ok` or the error's code."""
        return [
            (message.header.id, "ok" if message.header.kind is Kind.RESULT else str(message.header.detail["code"]))
            for message in self.clients[routing_id]
            if message.header.kind in (Kind.RESULT, Kind.ERROR)
        ]

    def events(self) -> list[str]:
        return [log.event for log in self.logs]

    def leftovers(self) -> dict[str, int]:
        """How much is left in each table; all zero once every request and every worker is done."""
        flow = self.dispatcher._flow
        pools = flow.stages.values()
        sessions = self.dispatcher._frontend.sessions
        return {
            "slips": len(flow.requests),
            "abandoned": len(flow.requests._abandoned),
            "deadlines": len(flow.requests._deadlines),
            "patience": len(flow.requests._patience),
            "queued": sum(len(pool.queue) for pool in pools),
            "turns": sum(len(lane._turns) for p in pools for lane in (p.queue._interactive, p.queue._bulk)),
            "leases": sum(len(worker.leases) for pool in pools for worker in pool.workers.values()),
            "in_flight": sum(len(session.in_flight) for session in sessions),
            "payers": len(flow.requests.quotas.in_flight),
            "bytes": flow.requests.quotas.held + len(flow.requests.quotas.held_by),
        }
