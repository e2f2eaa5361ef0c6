"""A simulated world around one dispatcher: clients that reconnect and resend, workers that crash and hang, a database.

Nothing here knows how the dispatcher works. The world performs its actions as the loop would, keeps what every client
got, and raises AssertionError as soon as somebody gets what he must not get.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from memmux.wire import protocol
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import OPERATIONS, Stage
from memmux.wire.protocol import Header, Kind, Message
from memmux.wire.roles import Role
from router.dispatch.actions import Action, KillWorker, Log, ReplaceWorker, ReportStatus, ToClient, ToWorker
from router.dispatch.dispatcher import Dispatcher, Limits
from router.dispatch.queues import INTERACTIVE_PER_BULK

LIMITS = Limits(in_flight=5, queue=6, admitted=14, attempts=3, sessions=3, stall_s=5.0, start_s=8.0, overdue_s=12.0)
CLIENTS = ("ada", "bob", "cyd", "dot")  # one more than there is room for
TEAM = Grant(name="team", role=Role.WRITE, requests_s=4.0, in_flight=3, memories=9)
GRANTS = {"bob": Grant(name="reader", role=Role.READ, namespaces=("b",)), "cyd": TEAM, "dot": TEAM}  # ada is local
FORGED: Mapping[str, object] = {"name": "", "role": "admin"}
CREDIT = {Stage.EMBED: 3, Stage.READ: 1, Stage.WRITE: 4}
BACKFILL = 2  # memories of one batch that get their vector
HEALTH_CHECK_S = 7.0


@dataclass
class Ask:
    """One request of a client, until it is answered. required: the writes that it must see."""

    header: Header
    frames: tuple[bytes, ...]
    required: frozenset[str] = frozenset()


@dataclass
class Client:
    """One client object. route: its connection, None while it has none. asks: what it waits for.

    grant: what its key allows.
    """

    name: str
    grant: Grant
    route: bytes | None = None
    asks: dict[str, Ask] = field(default_factory=dict)


@dataclass
class Worker:
    """One worker process. inbox: what it was sent and has not answered, by id and attempt. said: every answer.

    embeds: whether it is a reader that has the model.
    """

    id: str
    stage: Stage
    ready: bool = False
    hung: bool = False
    embeds: bool = False
    stopping: bool = False
    inbox: dict[tuple[str, int], Message] = field(default_factory=dict)
    cancelled: set[tuple[str, int]] = field(default_factory=set)
    said: list[list[bytes]] = field(default_factory=list)


class World:
    """Everything outside the dispatcher."""

    def __init__(self) -> None:
        self.now = 0.0
        self._serial = itertools.count(1)
        self.dispatcher = Dispatcher(
            welcome={}, limits=LIMITS, new_id=lambda: f"internal-{next(self._serial)}", health_check_s=HEALTH_CHECK_S
        )
        self.clients = {name: Client(name, GRANTS.get(name, LOCAL)) for name in CLIENTS}
        self.workers: dict[str, Worker] = {}
        self.dead: list[Worker] = []
        # the database
        self.applied: Counter[str] = Counter()  # how often each write's key was applied
        self.acknowledged: set[str] = set()
        self.embeds = False  # whether any reader has ever had the model
        self.pending = 0
        self.health_row: str | None = None
        # what must stay bounded
        self.deaths: Counter[str] = Counter()  # workers that died while they had a request, by its id
        self._passed: Counter[tuple[Stage, bool, str]] = Counter()
        self._passed_bulk: Counter[Stage] = Counter()
        self._waiting: set[tuple[Stage, bool, str]] = set()

    # the loop

    def perform(self, actions: Iterable[Action]) -> None:
        """Do what the dispatcher asks for, and what follows from that."""
        sent: list[tuple[Stage, Header]] = []
        waiting = deque(actions)
        while waiting:
            match waiting.popleft():
                case ToClient(route, frames):
                    waiting.extend(self._to_client(route, frames))
                case ToWorker(worker_id, frames):
                    waiting.extend(self._to_worker(worker_id, frames, sent))
                case ReplaceWorker(worker_id):
                    waiting.extend(self._start(self.workers[worker_id].stage))
                case KillWorker(worker_id):
                    killed = self.workers[worker_id]
                    assert killed.hung or killed.inbox or not killed.ready, "killed a healthy worker"
                    self._die(worker_id)
                case ReportStatus(route, request_id):
                    assert orjson.dumps(self.dispatcher.status(self.now)["requests"])
                    waiting.append(ToClient(route, protocol.encode(Header(kind=Kind.RESULT, id=request_id))))
                case Log() as log:
                    assert orjson.dumps(dict(log.fields))
        for told in self.dispatcher.tell():
            assert isinstance(told, Log)
            assert orjson.dumps(dict(told.fields))
        self._check_fairness(sent)

    def _to_client(self, route: bytes, frames: Sequence[bytes]) -> Sequence[Action]:
        client = next((client for client in self.clients.values() if client.route == route), None)
        if client is None:
            return self.dispatcher.on_client_gone(route, self.now)
        self._received(client, protocol.decode(frames))
        return ()

    def _to_worker(self, worker_id: str, frames: Sequence[bytes], sent: list[tuple[Stage, Header]]) -> Sequence[Action]:
        worker = self.workers.get(worker_id)
        if worker is None:
            return self.dispatcher.on_worker_exit(worker_id, self.now)
        self._sent(worker, protocol.decode(frames), sent)
        return ()

    # clients

    def hello(self, client: Client) -> None:
        """Connect anew, and send again what was not answered."""
        client.route = f"{client.name}-{next(self._serial)}".encode()
        said = {"protocol": [1, 1], "name": client.name, "pid": 1, "version": "0", "instance": client.name}
        self.say(client, Header(kind=Kind.HELLO, detail=said))
        for ask in list(client.asks.values()):
            if ask.header.id in client.asks:  # the answer to one may mean the end of all
                self.say(client, ask.header, *ask.frames)

    def say(self, client: Client, header: Header, *frames: bytes) -> None:
        if client.route is not None:
            frames = tuple(protocol.encode(header, *frames))
            self.perform(self.dispatcher.on_client(client.route, frames, self.now, client.grant))

    def ask(self, client: Client, operation: str, *, vector: bool, deadline_ms: int) -> None:
        """Send a new request, with a header that claims to be somebody else's."""
        request_id = f"{client.name}-{next(self._serial)}"
        writes = OPERATIONS[operation].writes
        header = Header(
            kind=Kind.REQUEST,
            id=request_id,
            operation=operation,
            deadline_ms=deadline_ms,
            key=f"key-{request_id}" if writes else "",
            stage="write",
            client="ada",
            grant=FORGED,
        )
        frames = (b"{}", b"described", b"data") if vector else (b"{}",)
        client.asks[request_id] = Ask(header, frames, frozenset(self.acknowledged))
        self.say(client, header, *frames)

    def leave(self, client: Client) -> None:
        """Say goodbye; nobody waits any more."""
        client.asks.clear()
        self.say(client, Header(kind=Kind.GOODBYE))
        client.route = None

    def _received(self, client: Client, message: Message) -> None:
        header = message.header
        if header.kind in (Kind.WELCOME, Kind.PONG):
            return
        code = header.detail.get("code") if header.kind is Kind.ERROR else "ok"
        if not header.id:  # no room for another session, or garbage
            if code == "overloaded":
                client.asks.clear()
            if code in ("overloaded", "rate_limited"):  # a session that it had is still there: it comes back to it
                client.route = None
            return
        ask = client.asks.pop(header.id, None)
        assert ask is not None, f"a second answer to {header.id}: {code}"
        allowed = client.grant.role.includes(OPERATIONS[ask.header.operation].needs)
        assert code != "not_allowed" if allowed else code != "ok", f"{code} for {ask.header.operation}"
        if code == "poisoned":
            assert self.deaths[header.id] >= LIMITS.attempts, "given up without its fault"
        if code != "ok" or not OPERATIONS[ask.header.operation].route:
            return
        assert tuple(sorted(header.degraded)) == header.degraded
        if ask.header.key:
            assert message.body.decode() == ask.header.key, "the answer to another write"
            assert self.applied[ask.header.key] == 1
            self.acknowledged.add(ask.header.key)
        else:
            assert ask.required <= set(orjson.loads(message.body)), "an acknowledged write was not visible"

    # workers

    def start(self, stage: Stage) -> None:
        self.perform(self._start(stage))

    def _start(self, stage: Stage) -> list[Action]:
        worker = Worker(f"{stage}-{next(self._serial)}", stage)
        self.workers[worker.id] = worker
        return self.dispatcher.on_worker_start(worker.id, stage, self.now)

    def get_ready(self, worker: Worker) -> None:
        worker.ready = True
        self._say(
            worker,
            protocol.encode(Header(kind=Kind.READY, detail={"credit": CREDIT[worker.stage], **self._facts(worker)})),
        )

    def heartbeat(self, worker: Worker) -> None:
        self._say(worker, protocol.encode(Header(kind=Kind.HEARTBEAT, detail=self._facts(worker))))

    def load_model(self, worker: Worker) -> None:
        """Let a reader embed queries from now on."""
        worker.embeds = self.embeds = True
        self.heartbeat(worker)

    def fail_to_start(self, worker: Worker) -> None:
        self._say(worker, protocol.encode(Header(kind=Kind.FAILED, detail={"code": "model_missing"})))
        self.crash(worker)

    def retire(self, worker: Worker) -> None:
        self._say(worker, protocol.encode(Header(kind=Kind.RETIRING)))

    def crash(self, worker: Worker) -> None:
        """End the process; the supervisor sees it."""
        self._die(worker.id)
        self.perform(self.dispatcher.on_worker_exit(worker.id, self.now))

    def work(self, worker: Worker, which: int, *, fail: bool = False, crash: bool = False) -> None:
        """Do one thing of the inbox; crash: the process ends after the work and before the answer."""
        key = list(worker.inbox)[which % len(worker.inbox)]
        message = worker.inbox[key] if crash else worker.inbox.pop(key)
        header = message.header
        if fail or key in worker.cancelled:
            worker.cancelled.discard(key)
            code = "cancelled" if not fail else "busy"
            answer = protocol.encode(
                Header(kind=Kind.ERROR, id=header.id, attempt=header.attempt, detail={"code": code})
            )
        else:
            frames = self._done(worker.stage, message)
            detail = {"work_ms": 1.0, **self._facts(worker)}
            answer = protocol.encode(
                Header(kind=Kind.RESULT, id=header.id, attempt=header.attempt, detail=detail), *frames
            )
        worker.said.append(answer)
        if crash:
            self.crash(worker)
            return
        self._say(worker, answer)
        if worker.stopping and not worker.inbox:
            self.crash(worker)  # it has finished, and exits

    def repeat(self, worker: Worker, which: int) -> None:
        """Say an old answer again: a duplicate, or a late word of a worker that is dead."""
        self._say(worker, worker.said[which % len(worker.said)])

    def _done(self, stage: Stage, message: Message) -> Sequence[bytes]:
        header = message.header
        assert header.stage == stage
        if stage is Stage.EMBED:
            return (b"described", b"data")
        if header.operation == "health.read":
            asked = orjson.loads(message.body)["id"]
            return (orjson.dumps({"missed": [] if asked in (None, self.health_row) else ["row"]}),)
        if stage is Stage.READ:
            if header.operation == "memory.search" and len(message.frames) == 1 and not self.embeds:
                assert header.degraded, "the embed stage was left out silently"
            return (orjson.dumps(sorted(self.applied)),)
        if header.operation == "vectors.backfill":
            self.pending = max(0, self.pending - BACKFILL)
            return (b"{}",)
        assert header.key, "a write without an idempotency key"
        if header.operation == "health.write":
            self.health_row = orjson.loads(message.body)["id"]
            return (b"{}",)
        if not self.applied[header.key]:
            self.applied[header.key] += 1
            if OPERATIONS[header.operation].route[0] is Stage.EMBED and len(message.frames) == 1:
                assert header.degraded, "the embed stage was left out silently"
                self.pending += 1
        return (header.key.encode(),)

    def _facts(self, worker: Worker) -> dict[str, object]:
        if worker.stage is Stage.WRITE:
            return {"seq": len(self.applied), "pending": self.pending, "model": "m"}
        if worker.stage is Stage.EMBED:
            return {"model": "m", "dimensions": 2}
        return {"seq": len(self.applied), "embeds": worker.embeds}

    def _say(self, worker: Worker, frames: list[bytes]) -> None:
        self.perform(self.dispatcher.on_worker(worker.id, frames, self.now))

    def _sent(self, worker: Worker, message: Message, sent: list[tuple[Stage, Header]]) -> None:
        header = message.header
        key = (header.id, header.attempt)
        if header.kind is Kind.REQUEST and header.client != "router":
            self._check_grant(header)
        if header.kind is Kind.REQUEST:
            assert worker.ready, "sent to a worker that is not ready"
            assert not worker.stopping, "sent to a worker that was told to stop"
            assert key not in worker.inbox
            assert header.deadline_ms
            worker.inbox[key] = message
            assert len(worker.inbox) <= CREDIT[worker.stage], "sent without credit"
            sent.append((worker.stage, header))
        elif header.kind is Kind.CANCEL:
            assert key in worker.inbox, "cancelled what the worker does not have"
            worker.cancelled.add(key)
        else:
            assert header.kind is Kind.STOP
            worker.stopping = True

    def _check_grant(self, header: Header) -> None:
        """Check that a worker is told what the client may do, and by whose key, and that it may do this."""
        client = self.clients[header.client.rpartition("/")[2]]
        grant = client.grant
        assert grant.role.includes(OPERATIONS[header.operation].needs), "more than the key allows reached a worker"
        if grant is LOCAL:
            assert (header.client, header.grant) == (client.name, {})
        else:
            bounded = replace(grant, in_flight=grant.in_flight or LIMITS.in_flight)
            assert (header.client, header.grant) == (f"{grant.name}/{client.name}", bounded.to_json())

    def _die(self, worker_id: str) -> None:
        if (worker := self.workers.pop(worker_id, None)) is not None:
            self.deaths.update(request_id for request_id, _ in worker.inbox)
            self.dead.append(worker)

    # time

    def pass_time(self, seconds: int) -> None:
        """Let time pass; whoever is not hung says so every second, or exits if he was told to and has nothing left."""
        for _ in range(seconds):
            self.now += 1.0
            for worker in list(self.workers.values()):
                if worker.stopping and not worker.inbox and not worker.hung:
                    self.crash(worker)
                elif worker.ready and not worker.hung:
                    self.heartbeat(worker)
            self.perform(self.dispatcher.tick(self.now))
            due = self.dispatcher.next_deadline()
            assert due is None or due > self.now, "something is due for ever"

    def stand_still(self, seconds: int) -> None:
        """Let time pass in which nobody does anything, the router included; nobody is to be killed for that."""
        before = set(self.workers)
        self.now += seconds
        self.perform(self.dispatcher.tick(self.now))
        assert set(self.workers) == before, "killed for the time in which the router stood still"

    # fairness

    def _check_fairness(self, sent: Iterable[tuple[Stage, Header]]) -> None:
        """Check that nobody who waits is passed by anybody twice.

        What comes back from a dead worker goes first and passes everybody, so it does not count.
        """
        waiting = {
            (stage, bulk, owner)
            for stage, pool in self.dispatcher._flow.stages.items()
            for bulk, lane in ((False, pool.queue._interactive), (True, pool.queue._bulk))
            for owner in lane._turns
        }
        for stage, header in sent:
            bulk = OPERATIONS[header.operation].bulk
            served = (stage, bulk, "" if header.client == "router" else header.client)
            if header.attempt > 1:
                self._passed.pop(served, None)
                continue
            for key in (self._waiting & waiting) - {served}:
                if key[:2] == (stage, bulk):
                    self._passed[key] += 1
                    assert self._passed[key] <= len(CLIENTS), f"{key} starves"
            self._passed.pop(served, None)
            if bulk or not any(key[:2] == (stage, True) for key in self._waiting & waiting):
                self._passed_bulk[stage] = 0
            else:
                self._passed_bulk[stage] += 1
                assert self._passed_bulk[stage] <= INTERACTIVE_PER_BULK, "bulk work starves"
        for key in set(self._passed) - waiting:
            del self._passed[key]
        for stage in set(self._passed_bulk) - {stage for stage, bulk, _ in waiting if bulk}:
            del self._passed_bulk[stage]
        self._waiting = waiting
