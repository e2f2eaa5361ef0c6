"""Thousands of interleavings of everything that can go wrong, and what must hold in all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.pools import WorkerState
from tests.unit.examples import examples
from tests.unit.router.dispatch.world import CLIENTS, CREDIT, LIMITS, Client, Worker, World

_CLIENT = st.sampled_from(CLIENTS)
_STAGE = st.sampled_from(Stage)
_WHICH = st.integers(0, 7)
_OPERATION = st.sampled_from(
    [
        *("memory.store", "memory.store_batch", "memory.search", "memory.match", "memory.get", "memory.delete"),
        *("memory.purge", "memory.dump", "admin.backup"),  # of which only a local client may ask
    ]
)
_WORKERS = {Stage.EMBED: 2, Stage.READ: 2, Stage.WRITE: 1}  # successors come on top


class DispatchMachine(RuleBasedStateMachine):
    """Clients and workers do as they please, in any order; `World` checks what each of them gets."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.hands_over = False  # whether that is how it ends

    @initialize(stages=st.sampled_from([set(Stage), set(Stage), {Stage.WRITE}]), hands_over=st.booleans())
    def begin(self, stages: set[Stage], *, hands_over: bool) -> None:
        self.hands_over = hands_over
        for stage in sorted(stages):
            self.world.start(stage)
        for worker in self._workers():
            self.world.get_ready(worker)
        for name in CLIENTS[: LIMITS.sessions]:
            self.world.hello(self.world.clients[name])

    def _workers(self, *, ready: bool | None = None, busy: bool = False) -> list[Worker]:
        return [
            worker
            for worker in self.world.workers.values()
            if (ready is None or worker.ready is ready) and (not busy or worker.inbox)
        ]

    def _connected(self, name: str) -> Client | None:
        client = self.world.clients[name]
        return client if client.route is not None else None

    # clients

    @rule(name=_CLIENT)
    def client_connects_or_reconnects(self, name: str) -> None:
        self.world.hello(self.world.clients[name])

    @rule(name=_CLIENT, operation=_OPERATION, vector=st.booleans(), deadline_s=st.sampled_from([1, 3, 60, 10_000]))
    def client_asks(self, name: str, operation: str, *, vector: bool, deadline_s: int) -> None:
        if (client := self._connected(name)) is not None:
            self.world.ask(client, operation, vector=vector, deadline_ms=deadline_s * 1000)

    @rule(names=st.lists(_CLIENT, min_size=1, max_size=9), operation=_OPERATION)
    def clients_ask_for_a_lot(self, names: list[str], operation: str) -> None:
        for name in names:
            if (client := self._connected(name)) is not None:
                self.world.ask(client, operation, vector=False, deadline_ms=60_000)

    @rule(name=_CLIENT, which=_WHICH)
    def client_sends_again(self, name: str, which: int) -> None:
        client = self._connected(name)
        if client is not None and client.asks:
            ask = list(client.asks.values())[which % len(client.asks)]
            self.world.say(client, ask.header, *ask.frames)

    @rule(name=_CLIENT, which=_WHICH)
    def client_cancels(self, name: str, which: int) -> None:
        client = self._connected(name)
        if client is not None and client.asks:
            self.world.say(client, Header(kind=Kind.CANCEL, id=list(client.asks)[which % len(client.asks)]))

    @rule(
        name=_CLIENT, kind=st.sampled_from([Kind.PING, Kind.CANCEL, Kind.RESULT]), request_id=st.sampled_from(["", "x"])
    )
    def client_says_something_pointless(self, name: str, kind: Kind, request_id: str) -> None:
        client = self._connected(name)
        if client is not None and not (kind is Kind.RESULT and request_id):
            self.world.say(client, Header(kind=kind, id=request_id))

    @rule(name=_CLIENT, how=st.sampled_from(["says goodbye", "dies", "loses its connection", "reconnects late"]))
    def client_goes(self, name: str, how: str) -> None:
        if (client := self._connected(name)) is None:
            return
        if how == "says goodbye":
            self.world.leave(client)
            return
        route, client.route = client.route, None
        if how == "loses its connection":
            return
        assert route is not None
        self.world.perform(self.world.dispatcher.on_client_gone(route, self.world.now))
        if how == "dies":
            client.asks.clear()
        else:
            self.world.hello(client)

    @rule(name=_CLIENT)
    def client_wants_the_status(self, name: str) -> None:
        if (client := self._connected(name)) is not None:
            self.world.ask(client, "cluster.status", vector=False, deadline_ms=1000)

    @rule(namespaces=st.sampled_from([("b",), ("b", "c"), ()]))
    def key_of_a_client_changes(self, namespaces: tuple[str, ...]) -> None:
        bob = self.world.clients["bob"]
        bob.grant = replace(bob.grant, namespaces=namespaces)
        self.world.say(bob, Header(kind=Kind.PING))

    # workers

    @rule(stage=_STAGE, how=st.sampled_from(["and is ready", "and is ready", "slowly", "and fails"]))
    def worker_starts(self, stage: Stage, how: str) -> None:
        if sum(worker.stage is stage for worker in self._workers()) >= _WORKERS[stage]:
            return
        self.world.start(stage)
        worker = self._workers()[-1]
        if how == "and is ready":
            self.world.get_ready(worker)
        elif how == "and fails":
            self.world.fail_to_start(worker)

    @precondition(lambda self: self._workers(ready=False))
    @rule(which=_WHICH)
    def worker_is_ready(self, which: int) -> None:
        starting = self._workers(ready=False)
        self.world.get_ready(starting[which % len(starting)])

    @precondition(lambda self: self._readers())
    @rule(which=_WHICH)
    def reader_has_loaded_its_model(self, which: int) -> None:
        readers = self._readers()
        self.world.load_model(readers[which % len(readers)])

    def _readers(self) -> list[Worker]:
        return [worker for worker in self._workers(ready=True) if worker.stage is Stage.READ and not worker.hung]

    @precondition(lambda self: self._workers(busy=True))
    @rule(which=_WHICH, item=_WHICH, fail=st.sampled_from([False, False, False, True]))
    def worker_works(self, which: int, item: int, *, fail: bool) -> None:
        busy = self._workers(busy=True)
        self.world.work(busy[which % len(busy)], item, fail=fail)

    @precondition(lambda self: self._workers(busy=True))
    @rule()
    def all_workers_do_all_they_have(self) -> None:
        self._work_off()

    def _work_off(self) -> None:
        for worker in self._workers(busy=True):
            for _ in range(len(worker.inbox)):
                if worker.inbox:
                    self.world.work(worker, 0)

    @precondition(lambda self: self._workers(busy=True))
    @rule(which=_WHICH, item=_WHICH)
    def worker_crashes_between_its_work_and_its_answer(self, which: int, item: int) -> None:
        busy = self._workers(busy=True)
        self.world.work(busy[which % len(busy)], item, crash=True)

    @precondition(lambda self: self._workers(busy=True))
    @rule(which=_WHICH, times=st.integers(1, 4))
    def busy_worker_crashes_and_so_does_the_next(self, which: int, times: int) -> None:
        stage = self._workers(busy=True)[which % len(self._workers(busy=True))].stage
        for _ in range(times):
            for worker in [worker for worker in self._workers(busy=True) if worker.stage is stage]:
                self.world.crash(worker)
                self.world.start(stage)
                self.world.get_ready(self._workers()[-1])

    @precondition(lambda self: self._workers())
    @rule(which=_WHICH, hangs=st.booleans())
    def worker_crashes_or_hangs(self, which: int, *, hangs: bool) -> None:
        worker = self._workers()[which % len(self._workers())]
        if hangs:
            worker.hung = True
        else:
            self.world.crash(worker)

    @precondition(lambda self: self._workers(ready=True))
    @rule(which=_WHICH)
    def worker_wants_a_successor(self, which: int) -> None:
        ready = self._workers(ready=True)
        worker = ready[which % len(ready)]
        if sum(other.stage is worker.stage for other in self._workers()) <= _WORKERS[worker.stage]:
            self.world.retire(worker)

    @precondition(lambda self: any(worker.said for worker in (*self._workers(), *self.world.dead)))
    @rule(which=st.integers(0, 30), item=_WHICH)
    def worker_repeats_itself_even_after_its_death(self, which: int, item: int) -> None:
        talkative = [worker for worker in (*self._workers(), *self.world.dead) if worker.said]
        self.world.repeat(talkative[which % len(talkative)], item)

    @rule(which=_WHICH)
    def exit_is_reported_again(self, which: int) -> None:
        if dead := self.world.dead:
            self.world.perform(self.world.dispatcher.on_worker_exit(dead[which % len(dead)].id, self.world.now))

    # the rest

    @rule(seconds=st.sampled_from([6, 25, 90]))
    def everything_stands_still(self, seconds: int) -> None:
        self.world.stand_still(seconds)

    @rule(seconds=st.sampled_from([1, 2, 5, 15]))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(
        frames=st.lists(
            st.one_of(
                st.binary(max_size=20),
                st.sampled_from([b'{"v":1,"kind":"request"}', b'{"v":1,"kind":"hello","detail":{"protocol":[1,1]}}']),
                st.sampled_from([b'{"v":2,"kind":"ready"}', b'{"v":1,"kind":"result","attempt":1}']),
            ),
            max_size=3,
        ),
        which=_WHICH,
    )
    def garbage_arrives(self, frames: list[bytes], which: int) -> None:
        dispatcher, now = self.world.dispatcher, self.world.now
        self.world.perform(dispatcher.on_client(b"nobody", frames, now))
        if workers := self._workers():
            self.world.perform(dispatcher.on_worker(workers[which % len(workers)].id, frames, now))

    @rule(sure=st.sampled_from([False] * 15 + [True]))
    def cluster_drains(self, *, sure: bool) -> None:
        if sure:
            self.world.perform(self.world.dispatcher.drain(self.world.now))

    # what always holds

    @invariant()
    def a_write_is_applied_at_most_once(self) -> None:
        assert all(count == 1 for count in self.world.applied.values())

    @invariant()
    def nothing_is_in_two_places_or_in_none(self) -> None:
        flow = self.world.dispatcher._flow
        pools = flow.stages.values()
        leases = [lease for pool in pools for worker in pool.workers.values() for lease in worker.leases.values()]
        held = [lease for lease in leases if lease.slip.lease is lease]
        assert sum(len(pool.queue) for pool in pools) + len(held) == len(flow.requests)
        assert len(flow.requests._abandoned) <= len(leases) - len(held)
        assert all((lease.abandoned_at is None) == (lease.slip.lease is lease) for lease in leases)
        for worker in self._workers():
            for pool in pools:
                if worker.id in pool.workers:
                    assert pool.workers[worker.id].leases.keys() == worker.inbox.keys()

    @invariant()
    def nothing_exceeds_its_bound(self) -> None:
        dispatcher = self.world.dispatcher
        flow, sessions = dispatcher._flow, dispatcher._frontend.sessions
        own = [slip for slip in (dispatcher._backfill.slip, dispatcher._health_check.slip) if slip and not slip.outcome]
        assert len(flow.requests) <= LIMITS.admitted + 2  # the backfill and the health check
        assert len(flow.requests._deadlines) == len(flow.requests)
        assert len(flow.requests._deadlines._heap) <= 2 * LIMITS.admitted + 70
        assert len(sessions) == len(sessions._by_identity) == sessions.users <= LIMITS.sessions
        assert all(len(session.in_flight) <= LIMITS.in_flight for session in sessions)
        in_flight: Counter[str] = Counter()
        for session in sessions:
            in_flight[session.payer] += len(session.in_flight) if session.grant.name else 0
        assert +in_flight == flow.requests.quotas.in_flight
        assert in_flight["team/"] <= 3
        leased = [lease.slip for worker in flow.stages.workers() for lease in worker.leases.values()]
        held = sum({id(slip): slip.held for slip in (*flow.requests, *leased)}.values())
        assert held == flow.requests.quotas.held == sum(flow.requests.quotas.held_by.values())
        assert sum(len(session.in_flight) for session in sessions) + len(own) == len(flow.requests)
        workers = sum(len(pool.workers) for pool in flow.stages.values())
        assert len(dispatcher._backend.liveness._workers) == len(dispatcher._backend.liveness._checks) == workers

    @invariant()
    def nobody_waits_while_a_worker_is_idle(self) -> None:
        for pool in self.world.dispatcher._flow.stages.values():
            for worker in pool.workers.values():
                if worker.state in (WorkerState.READY, WorkerState.RETIRING) and not worker.leases:
                    assert not pool.queue
                assert len(worker.leases) <= CREDIT[pool.stage]

    def teardown(self) -> None:
        """Hand over, or let everything heal; check that everyone is answered and nothing is left."""
        world = self.world
        if self.hands_over:
            self._hand_over()
            return
        for client in world.clients.values():
            if client.asks:
                world.hello(client)
        for _ in range(200):
            self._heal()
            if not self._asking() and not self._workers(busy=True):
                break
        assert not self._asking(), "somebody waits for ever"
        world.perform(world.dispatcher.drain(world.now))
        self._work_off()  # what is left is a batch of the backfill, which no drain waits for
        self._end()

    def _hand_over(self) -> None:
        """Let everything be as it is, and whatever dead workers said last come late."""
        world = self.world
        world.perform(world.dispatcher.close(world.now))
        for worker in self._workers(busy=True):
            world.work(worker, 0)
        self._end()

    def _end(self) -> None:
        """Let everybody leave."""
        world = self.world
        assert world.dispatcher.drained
        for client in world.clients.values():
            world.leave(client)
        for routing_id, _ in list(world.dispatcher.sessions()):
            world.perform(world.dispatcher.on_client_gone(routing_id, world.now))
        for worker in self._workers():
            world.crash(worker)
        self._check_nothing_is_left()

    def _asking(self) -> list[Client]:
        return [client for client in self.world.clients.values() if client.asks]

    def _heal(self) -> None:
        """Let a second pass in which everyone who is not hung does what he should."""
        world = self.world
        for stage in Stage:
            if not any(worker.stage is stage for worker in self._workers()):
                world.start(stage)
        for worker in self._workers(ready=False):
            if not worker.hung:
                world.get_ready(worker)
        for worker in self._workers(ready=True, busy=True):
            if not worker.hung:
                world.work(worker, 0)
        world.pass_time(1)
        for client in self._asking():
            if client.route is None:
                world.hello(client)

    def _check_nothing_is_left(self) -> None:
        flow = self.world.dispatcher._flow
        requests = flow.requests
        assert len(requests) == len(requests._deadlines) == len(requests._abandoned) == 0
        assert len(requests.quotas.in_flight) == len(requests.quotas.held_by) == requests.quotas.held == 0
        for pool in flow.stages.values():
            assert not pool.queue
            for table in (pool.workers, pool._serving, pool._idle, pool._partly):
                assert not table
            for lane in (pool.queue._interactive, pool.queue._bulk):
                assert not lane._turns
        assert not list(self.world.dispatcher.sessions())
        assert self.world.dispatcher.next_deadline() is None


TestDispatch = DispatchMachine.TestCase
TestDispatch.settings = settings(
    max_examples=examples(300),
    stateful_step_count=80,
    derandomize=True,  # the same interleavings on every machine: a failure is a failure, not a mood
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
