"""The dispatcher: what the router does when a client or a worker says something, or time passes.

It is a pure state machine. It has no socket, clock, randomness or process: each input comes with the time, and is
answered by the list of actions that `router.loop` then performs. So every interleaving of crash, stall, duplicate and
expiry can be played through in a test, and is (tests/unit/router/test_dispatch_machine.py).

This module is the conversation. Its parts, in the order in which a request meets them:

- `sessions`: who is there (HELLO, reconnect, GOODBYE);
- `admission`: whether one more request is let in, and whose turn it is;
- `slips`: a request and its place on its route through the stages;
- `flow`: queue → lease → next stage → answer, and what happens when a worker dies on the way;
- `pools`: the workers of a stage and their credit;
- `liveness`: who must show up by when; `backfill`: the only request that nobody asked for; `stats`, `snapshot`: for
  people to look at.

The invariants: every accepted request gets exactly one final answer, or its client is gone. A write is sent again only
under its idempotency key. Nothing grows without bound. No client can starve another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import orjson

from memmux import limits as shared
from memmux import protocol
from memmux.errors import (
    ArgumentInvalidError,
    DeadlineExceededError,
    DrainingError,
    MalformedMessageError,
    MemmuxError,
    ProtocolVersionError,
    UnknownSessionError,
)
from memmux.operations import Operation, Stage, operation
from memmux.protocol import Header, Kind, Message
from router.actions import (
    Action,
    BeginDrain,
    KillWorker,
    Outbox,
    ReplaceWorker,
    ReportStatus,
    WorkerFailed,
    WorkerReady,
)
from router.admission import Limits
from router.backfill import Backfill
from router.flow import Flow
from router.liveness import Liveness
from router.pools import Worker, WorkerState
from router.sessions import Hello, Session, Sessions
from router.slips import Slip
from router.snapshot import Snapshot, snapshot
from router.stats import Stats

__all__ = ["Dispatcher", "Limits"]

DEADLINE_MS = 30_000  # of a request that names none


class Dispatcher:
    """The state of one router; `now` is always monotonic seconds and never goes back.

    welcome: what WELCOME says beside the model and the limits. new_id: makes the ids of the router's own requests.
    """

    def __init__(self, *, welcome: Mapping[str, object], limits: Limits, new_id: Callable[[], str]) -> None:
        self._welcome = dict(welcome)
        self._limits = limits
        self._out = Outbox()
        self._stats = Stats()
        self._sessions = Sessions(limits.sessions)
        self._flow = Flow(limits, self._stats, self._out)
        self._backfill = Backfill(self._flow.pools, new_id)
        self._liveness = Liveness(limits)
        self._draining = False
        self._drain_finished = False
        self._idle_since: float | None = None

    # what clients say

    def on_client(self, routing_id: bytes, frames: Sequence[bytes], now: float) -> list[Action]:
        """Take a message from a client."""
        try:
            message = protocol.decode(frames)
        except MemmuxError as error:
            self._malformed(error, client=routing_id.hex())
            # Whoever can't be told what the answer belongs to is not told, unless the version is the whole trouble.
            request_id = _salvaged_id(frames)
            if request_id or isinstance(error, ProtocolVersionError):
                self._out.refuse(routing_id, error, request_id)
            return self._out.take()
        try:
            self._client_says(routing_id, message, now)
        except MemmuxError as error:
            self._refuse(routing_id, message.header, error)
        return self._finish(now)

    def on_client_gone(self, routing_id: bytes, now: float) -> list[Action]:
        """Note that a client is gone: its process is dead, or nothing can be sent to it."""
        if (session := self._sessions.find(routing_id)) is not None:
            self._close(session, "gone", now)
        return self._finish(now)

    def _client_says(self, routing_id: bytes, message: Message, now: float) -> None:
        header = message.header
        session = self._sessions.heard(routing_id)
        match header.kind:
            case Kind.REQUEST:
                if session is None:
                    raise UnknownSessionError
                self._request(session, message, now)
            case Kind.PING:
                self._out.client(routing_id, Header(kind=Kind.PONG, id=header.id))
            case Kind.HELLO:
                self._hello(routing_id, header, now)
            case Kind.CANCEL:
                slip = self._flow.find(header.id)
                if session is not None and slip is not None and slip.session is session:
                    self._flow.cancel(slip, now)
            case Kind.GOODBYE:
                if session is not None:
                    self._close(session, "goodbye", now)
            case _:
                raise MalformedMessageError(f"a client does not say {header.kind}")

    def _hello(self, routing_id: bytes, header: Header, now: float) -> None:
        """Open a session, or go on with the one that this client had on another connection."""
        hello = Hello.from_detail(header.detail)
        here = self._sessions.find(routing_id)
        if here is not None and here.hello.instance != hello.instance:
            self._close(here, "replaced", now)
        session = self._sessions.resume(routing_id, hello)
        resumed = session is not None
        if session is None:
            if (idlest := self._sessions.make_room()) is not None:
                self._close(idlest, "idle", now)
            session = self._sessions.open(routing_id, hello)
        self._out.client(routing_id, Header(kind=Kind.WELCOME, id=header.id, detail=self._welcomed()))
        self._out.log("info", "session_opened", client=hello.name, client_pid=hello.pid, resumed=resumed)

    def _welcomed(self) -> dict[str, object]:
        embedder = self._flow.pools[Stage.EMBED].facts
        limits = {
            "in_flight": self._limits.in_flight,
            "deadline_ms": shared.DEADLINE_MS,
            "message_bytes": shared.MESSAGE_BYTES,
            "content_bytes": shared.CONTENT_BYTES,
            "batch_memories": shared.BATCH_MEMORIES,
        }
        model = {"model": embedder.get("model"), "dimensions": embedder.get("dimensions")}
        return {**self._welcome, **model, "limits": limits}

    def _close(self, session: Session, reason: str, now: float) -> None:
        """End a session; nobody waits for what it asked for."""
        dropped = len(session.in_flight)
        for request_id in sorted(session.in_flight):
            if (slip := self._flow.find(request_id)) is not None:
                self._flow.drop(slip, now)
        self._sessions.close(session)
        hello = session.hello
        self._out.log("info", "session_closed", client=hello.name, client_pid=hello.pid, reason=reason, dropped=dropped)

    def _request(self, session: Session, message: Message, now: float) -> None:
        """Accept a request, or raise the error with which it is refused."""
        header = message.header
        if not header.id:
            raise MalformedMessageError("a request has an id")
        if (known := self._flow.find(header.id)) is not None:
            if known.session is not session:
                raise ArgumentInvalidError("this request id is in use by another client; make ids with uuid7")
            return  # sent again because the client lost its connection: the answer will find it
        asked = operation(header.operation)
        session.requests += 1
        if not asked.route:
            self._ask_router(session, asked, header.id, now)
            return
        if self._draining:
            raise DrainingError
        self._flow.check_room(session, asked, now)
        deadline_ms = header.deadline_ms if isinstance(header.deadline_ms, int) else DEADLINE_MS
        if deadline_ms <= 0:
            raise DeadlineExceededError
        brings_vector = asked.route[0] is Stage.EMBED and bool(message.blobs)
        slip = Slip(
            id=header.id,
            operation=asked,
            session=session,
            frames=message.frames or (b"",),
            key=(header.key or header.id) if asked.writes else "",
            accepted_at=now,
            deadline=now + min(deadline_ms, shared.DEADLINE_MS) / 1000,
            step=1 if brings_vector else 0,
        )
        self._flow.accept(slip, now)

    def _ask_router(self, session: Session, asked: Operation, request_id: str, now: float) -> None:
        """Answer an operation that needs no worker."""
        self._stats.finished(asked.name, "ok", 0.0)
        if asked.name == "cluster.status":
            self._out.add(ReportStatus(session.routing_id, request_id))
            return
        self._out.client(session.routing_id, Header(kind=Kind.RESULT, id=request_id), b"{}")
        self._begin_drain(now)
        self._out.add(BeginDrain())

    # what workers say

    def on_worker_start(self, worker_id: str, stage: Stage, now: float) -> list[Action]:
        """Note that the supervisor has started a worker."""
        worker = Worker(worker_id, stage, heard_at=now)
        self._flow.pools[stage].start(worker)
        self._liveness.watch(worker)
        return self._finish(now)

    def on_worker(self, worker_id: str, frames: Sequence[bytes], now: float) -> list[Action]:
        """Take a message from a worker; what a worker says that was given up is dropped."""
        worker = self._worker(worker_id)
        if worker is None:
            self._stats.events["frames_dropped"] += 1
            return []
        worker.heard_at = now
        try:
            message = protocol.decode(frames)
            self._worker_says(worker, message, now)
        except MemmuxError as error:
            self._malformed(error, worker=worker_id)
        return self._finish(now)

    def on_worker_exit(self, worker_id: str, now: float) -> list[Action]:
        """Note that a worker's process has ended or can't be reached."""
        if (worker := self._worker(worker_id)) is not None:
            level = "info" if worker.state is WorkerState.STOPPING and not worker.leases else "warning"
            self._out.log(level, "worker_lost", worker=worker.id, state=str(worker.state), in_flight=len(worker.leases))
            self._lose(worker, now)
        return self._finish(now)

    def _worker_says(self, worker: Worker, message: Message, now: float) -> None:
        header = message.header
        pool = self._flow.pools[worker.stage]
        match header.kind:
            case Kind.RESULT | Kind.ERROR:
                if header.kind is Kind.RESULT:
                    pool.facts = header.detail or pool.facts
                self._flow.on_outcome(worker, header, message.frames, now)
            case Kind.HEARTBEAT:
                pool.facts = header.detail or pool.facts
            case Kind.READY:
                if worker.state is WorkerState.STARTING:
                    pool.facts = header.detail
                    self._ready(worker, header.detail, now)
            case Kind.RETIRING:
                if worker.state is WorkerState.READY:
                    worker.state = WorkerState.RETIRING
                    self._out.add(ReplaceWorker(worker.id))
            case Kind.FAILED:
                pool.failed(str(header.detail.get("code", MemmuxError.code)))
                self._out.log("error", "worker_lost", worker=worker.id, state="failed", in_flight=len(worker.leases))
                self._out.add(WorkerFailed(worker.id, worker.stage, header.detail))
                self._lose(worker, now)
            case _:
                raise MalformedMessageError(f"a worker does not say {header.kind}")

    def _ready(self, worker: Worker, detail: Mapping[str, object], now: float) -> None:
        credit = detail.get("credit")
        old = self._flow.pools[worker.stage].ready(worker, credit if isinstance(credit, int) and credit > 0 else 1)
        self._liveness.watch(worker)
        self._out.log("info", "worker_ready", worker=worker.id, credit=worker.credit)
        self._out.add(WorkerReady(worker.id, worker.stage))
        if old is not None:
            self._out.worker(old.id, Header(kind=Kind.STOP))
        self._flow.on_ready(worker.stage, now)

    def _worker(self, worker_id: str) -> Worker | None:
        for pool in self._flow.pools.values():
            if (worker := pool.workers.get(worker_id)) is not None:
                return worker
        return None

    def _lose(self, worker: Worker, now: float) -> None:
        self._liveness.forget(worker)
        self._flow.on_death(worker, now)

    # time, and the end

    def tick(self, now: float) -> list[Action]:
        """Do what is due."""
        self._flow.expire(now)
        for worker, reason in self._liveness.hung(now):
            self._out.log("error", "worker_stalled", worker=worker.id, reason=reason, in_flight=len(worker.leases))
            self._out.add(KillWorker(worker.id, reason))
            self._lose(worker, now)
        return self._finish(now)

    def drain(self, now: float) -> list[Action]:
        """Accept nothing more; what was accepted is still answered."""
        self._begin_drain(now)
        return self._finish(now)

    def _begin_drain(self, now: float) -> None:
        if self._draining:
            return
        self._draining = True
        if self._backfill.slip is not None:
            self._flow.drop(self._backfill.slip, now)
        self._out.log("info", "drain_began", in_flight=len(self._flow))

    def _finish(self, now: float) -> list[Action]:
        """Do what follows from any input, and return the actions."""
        self._backfill.settle(now)
        if not self._draining:
            if (batch := self._backfill.next(now)) is not None:
                self._flow.accept(batch, now)
        elif self.drained and not self._drain_finished:
            self._drain_finished = True
            self._out.log("info", "drain_finished")
        if len(self._sessions):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return self._out.take()

    def _malformed(self, error: MemmuxError, **sender: str) -> None:
        """Count a message that is none."""
        self._stats.events["malformed"] += 1
        self._out.log("warning", "message_malformed", **sender, code=error.code, error=error.message)

    def _refuse(self, routing_id: bytes, header: Header, error: MemmuxError) -> None:
        """Answer a message that can't be acted on; a request that is refused was never accepted."""
        if header.kind is Kind.REQUEST and header.id:
            self._stats.events["refused"] += 1
            fields = {"request_id": header.id, "operation": header.operation, "code": error.code}
            self._out.log("info", "request_refused", **fields)
        else:
            self._malformed(error, client=routing_id.hex())
        if header.id or header.kind is Kind.HELLO:
            self._out.refuse(routing_id, error, header.id)

    # questions

    def next_deadline(self) -> float | None:
        """Return the earliest time at which `tick` must run, if there is one."""
        request, worker = self._flow.next_deadline(), self._liveness.next_check()
        return request if worker is None else worker if request is None else min(request, worker)

    def idle_since(self) -> float | None:
        """Return since when there has been no session; None while there is one."""
        return self._idle_since

    @property
    def drained(self) -> bool:
        """Whether the end has come: no new request is accepted, and every accepted one is answered."""
        return self._draining and not len(self._flow)

    def sessions(self) -> Iterable[tuple[bytes, int]]:
        """Return the routing id and the pid of each client, to look for dead ones."""
        return [(session.routing_id, session.hello.pid) for session in self._sessions]

    def snapshot(self, now: float) -> Snapshot:
        """Return what the dispatcher knows, for `cluster.status`."""
        return snapshot(self._flow, self._sessions, self._stats, draining=self._draining)


def _salvaged_id(frames: Sequence[bytes]) -> str:
    """Return the request id in the header of a message that can't be read otherwise; empty if there is none."""
    if not frames or len(frames[0]) > shared.HEADER_BYTES:
        return ""
    try:
        fields = orjson.loads(frames[0])
    except orjson.JSONDecodeError:
        return ""
    request_id = fields.get("id") if isinstance(fields, dict) else None
    return request_id if isinstance(request_id, str) else ""
