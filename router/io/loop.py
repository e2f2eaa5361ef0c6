"""The loop: sockets, clock and signals around the pure dispatcher. One thread, no blocking call but the poll.

Whatever arrives is handed to the dispatcher with the time; what it answers is performed here. Nothing is decided here.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress

import orjson
import zmq

from memmux import processes
from memmux.errors import AddressUnavailableError, ClusterStartError, MemmuxError
from memmux.logs import log
from memmux.wire import protocol, sockets
from memmux.wire.addresses import path_of
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch import actions
from router.dispatch.actions import Action
from router.dispatch.dispatcher import Dispatcher
from router.io.listeners import LINGER_MS, Listeners
from router.io.local_listener import have_path
from router.io.wakeup import Wakeup
from router.lifecycle.gateways import Gateways
from router.lifecycle.handover import Handover, Successor
from router.lifecycle.startup import Startup
from router.lifecycle.supervisor import Supervisor

SWEEP_S = 1.0  # between two looks for clients whose process has died
DRAIN_MESSAGES = 8  # taken from one socket before the other gets its turn: some 2 ms, which a short request may wait
STOP_S = 5.0  # for the workers to checkpoint and end
LOOK_S = 0.01  # between two looks whether another router has handed over, or taken over
HASTE_S = 1.0  # instead of drain_s, and of STOP_S, where a successor waits: it does again what was not done
ANSWER_S = 10.0  # more for a gateway that still answers over HTTP
LINGER_S = 0.5  # for clients that have not noticed that a successor serves them


class Loop:
    """One cluster's router while it lives.

    on_serving: called once, when the cluster can be used: its write worker is ready, and every other kind of worker is
    too, or has failed, or takes longer than COMPLETE_S. on_starting: called every SWEEP_S until then. status: makes the
    body of `cluster.status` from the dispatcher's and the supervisor's view. looks: called every SWEEP_S while the
    cluster serves; each returns codes of what is wrong. handover: gives the database to a router that takes over.
    successor: set where another router serves the database and is to hand it over; clients are heard once it has.
    listeners: makes the sockets for clients. gateways: the socket for relays of MCP hosts, and who serves it.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        supervisor: Supervisor,
        listeners: Callable[[zmq.Context[zmq.Socket[bytes]]], Listeners],
        *,
        startup: Startup,
        idle_exit_s: float,
        drain_s: float,
        on_starting: Callable[[float], None],
        on_serving: Callable[[], None],
        status: Callable[[float], dict[str, object]],
        looks: Sequence[Callable[[float], Sequence[str]]] = (),
        gateways: Gateways,
        handover: Handover,
        successor: Successor | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._handover = handover
        self._successor = successor
        self._successor_pid = 0  # the pid of the router that takes over from this one
        self._handover_failed = False
        self._idle_exit_s = idle_exit_s
        self._drain_s = drain_s
        self._on_starting = on_starting
        self._on_serving = on_serving
        self._status = status
        self._looks = looks
        self._gateways = gateways
        self._waited_for = -1  # the descriptor at which relays wait for a gateway, while it is polled
        self._asked_at = -1  # the one at which a successor asks for the HTTP socket
        self._log = log.get()
        self._untold: list[tuple[actions.Log, float]] = []  # what is to be logged, and when it was
        self._startup = startup
        self._drain_began = 0.0
        self._drain_until: float | None = None
        self._next_sweep = 0.0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._listeners = listeners(self._context)
        self._backend = _backend(self._context, supervisor.address)
        self._wakeup = Wakeup()
        self._poller = zmq.Poller()

    def run(self) -> bool:
        """Serve until told to stop, handed over, or idle for long; return False if a successor ended too soon.

        Raises the MemmuxError that keeps the writer from starting.
        """
        self._poll(self._backend, self._wakeup.fileno())
        self._gateways.listen()
        model_at = time.monotonic() + self._gateways.head_start_s
        self._gateways.look(time.monotonic())
        with self._wakeup:
            try:
                if self._successor is None:
                    self._welcome()
                self._live(model_at)
            finally:
                self._supervisor.kill_all()
                self._gateways.close()
                self._tell()
                self._close()
        if self._startup.failure is not None:
            raise self._startup.failure
        return not self._handover_failed

    def _poll(self, *sources: zmq.Socket[bytes] | int) -> None:
        for source in sources:
            self._poller.register(source, zmq.POLLIN)

    def _welcome(self) -> None:
        """Let clients come in."""
        self._listeners.open()
        self._poll(*self._listeners.polled)

    def _live(self, model_at: float) -> None:
        """Begin, serve, and end in good order; model_at: when the embedders are started."""
        now = time.monotonic()
        self._supervisor.add(Stage.WRITE, now, held=self._successor is not None)
        self._supervisor.add(Stage.EMBED, model_at)
        if self._successor is not None:
            self._supervisor.add(Stage.READ, now, held=True)
        events: Mapping[object, int] = {}
        while not self._finished(now):
            woken, due = self._wakeup.fileno() in events and self._wakeup.came(), self._due()
            if woken or now >= self._next_sweep:
                self._reap(now)
            if woken or now >= due or self._startup.serving_since is None:
                self._upkeep(now)
                due = self._due()
            self._tell()
            # The timeout is computed from the clock each time: after a signal, a poll's own count is off. It is rounded
            # up: a poll that returns a little early would be called again and again.
            self._poll_gateways(time.monotonic())
            events = dict(self._poller.poll(max(0, math.ceil((due - time.monotonic()) * 1000))))
            self._have_gateway(events)
            if self._backend in events:
                self._hear_workers()
            if any(source in events for source in self._listeners.polled):
                self._hear_clients()
            now = time.monotonic()
        self._stop_workers()
        if self._successor_pid and self._startup.failure is None:
            self._supervisor.kill_all()  # nothing of ours has the database open when the lock goes
            self._stand_by()

    def _poll_gateways(self, now: float) -> None:
        """Poll for relays that wait while no gateway hears them, and for a successor that asks for the HTTP socket."""
        self._gateways.start_due(now)
        if self._asked_at < 0 and (asked := self._gateways.http.polled()) is not None:
            self._asked_at = asked
            self._poll(asked)
        wanted = self._gateways.polled(now)
        if (wanted if wanted is not None else -1) == self._waited_for:
            return
        if self._waited_for >= 0:
            self._poller.unregister(self._waited_for)
        self._waited_for = -1 if wanted is None else wanted
        if wanted is not None:
            self._poll(wanted)

    def _have_gateway(self, events: Container[object]) -> None:
        """Start a gateway if somebody waits for one."""
        if self._waited_for in events:
            self._gateways.start(time.monotonic())
        if self._asked_at in events:
            self._gateways.http.pass_on()

    def _finished(self, now: float) -> bool:
        if self._startup.failure is not None:
            return True
        if self._drain_until is None:
            return False
        return self._dispatcher.drained or now >= self._drain_until

    def _reap(self, now: float) -> None:
        """Do without the processes that have ended; asked after a signal, and now and then in case one was missed."""
        self._gateways.look(now)
        for identity in self._supervisor.reap(now):
            self._perform(self._dispatcher.on_worker_exit(identity, now), now)
        if self._supervisor.settled:
            processes.collect_orphans(self._supervisor.pids() | self._gateways.pids())

    def _upkeep(self, now: float) -> None:
        """Do what is due by now, and look at what has no time of its own."""
        if self._successor is not None:
            self._succeed(self._successor, now)
        self._started(self._supervisor.start_due(now), now)
        if self._startup.completed(now):
            self._on_serving()
        if self._startup.serve_by is None and self._supervisor.failing(Stage.WRITE):
            why = self._supervisor.error(Stage.WRITE) or "router.err in the state folder says why"
            self._startup.failure = ClusterStartError(f"the write worker keeps failing; {why}")
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_S
            if self._startup.serving_since is None:
                self._on_starting(now)
            self._look(now)
            self._sweep(now)
        if self._wakeup.told_to_stop:
            self._begin_drain(now, self._wakeup.told_to_stop)
        if self._idle_exit_s and self._startup.idle_s(self._dispatcher.idle_since(), now) >= self._idle_exit_s:
            self._begin_drain(now, "idle")
        self._perform(self._dispatcher.tick(now), now)

    def _look(self, now: float) -> None:
        """Tell the dispatcher what is wrong beside it."""
        with suppress(OSError, MemmuxError, zmq.ZMQError):  # it is tried again
            have_path(self._backend, self._supervisor.address)
        found = [
            *self._listeners.troubles(now),
            *self._gateways.troubles(),
            *(code for look in self._looks for code in look(now)),
        ]
        self._dispatcher.troubled([*found, *(f"{slot}_failing" for slot in self._supervisor.failing_slots())])

    def _sweep(self, now: float) -> None:
        """Look for clients that are gone."""
        self._listeners.look()
        self._leave([*self._listeners.gone(), *self._listeners.missing(dict(self._dispatcher.sessions()), now)], now)
        self._perform(self._dispatcher.look_at_keys(now), now)

    def _leave(self, gone: Iterable[bytes], now: float) -> None:
        """Do without clients that are gone."""
        for routing_id in gone:
            self._perform(self._dispatcher.on_client_gone(routing_id, now), now)

    def _due(self) -> float:
        """Return when `_upkeep` has something to do at the latest."""
        due = [self._next_sweep, self._dispatcher.next_deadline(), self._supervisor.next_start(), self._drain_until]
        due.append(self._gateways.due(time.monotonic()))
        if self._startup.serving_since is None:
            due.append(self._startup.serve_by)
        if self._successor is not None:
            due.append(time.monotonic() + LOOK_S)
        return min(at for at in due if at is not None)

    def _started(self, started: Iterable[tuple[str, Stage]], now: float) -> None:
        for identity, stage in started:
            self._perform(self._dispatcher.on_worker_start(identity, stage, now), now)

    def _hear_workers(self) -> None:
        for sender, *frames in sockets.waiting(self._backend, DRAIN_MESSAGES):
            now = time.monotonic()
            identity = sender.decode("ascii", errors="replace")
            self._perform(self._dispatcher.on_worker(identity, frames, now), now)

    def _hear_clients(self) -> None:
        for routing_id, frames, grant in self._listeners.messages(DRAIN_MESSAGES, time.monotonic()):
            now = time.monotonic()
            self._perform(self._dispatcher.on_client(routing_id, frames, now, grant), now)
        self._leave(self._listeners.gone(), time.monotonic())

    def _perform(self, first: Sequence[Action], now: float) -> None:
        """Perform actions in order, and then those that follow from a send that failed."""
        waiting, at_s = deque(first), time.time()
        while waiting:
            waiting.extend(self._perform_one(waiting.popleft(), now, at_s))

    def _perform_one(self, action: Action, now: float, at_s: float) -> Sequence[Action]:
        match action:
            case actions.ToClient(routing_id, frames):
                if not self._listeners.send(routing_id, frames):
                    return self._dispatcher.on_client_gone(routing_id, now)
            case actions.ToWorker(identity, frames):
                if not sockets.send(self._backend, identity.encode(), frames):
                    self._supervisor.kill(identity)
                    return self._dispatcher.on_worker_exit(identity, now)
            case actions.Log(happened=then):
                self._untold.append((action, at_s if then is None else at_s - (time.monotonic() - then)))
            case actions.ReportStatus(routing_id, request_id, known):
                self._listeners.look()  # whoever changed a key asks whether that is known
                ended = self._dispatcher.look_at_keys(now)
                status = self._status(now)
                codes = status["degraded"]
                assert isinstance(codes, list)
                header = Header(kind=Kind.RESULT, id=request_id, degraded=tuple(codes))
                body = orjson.dumps(status if known is None else known.of(status))
                return [*ended, actions.ToClient(routing_id, protocol.encode(header, body))]
            case actions.BeginDrain(reason, successor):
                self._successor_pid = self._successor_pid or successor
                self._begin_drain(now, reason)
            case _:
                self._supervise(action, now)
        return ()

    def _tell(self) -> None:
        """Log what has happened, once the answers to it are on their way, with the times at which it did."""
        if lines := self._dispatcher.tell():
            self._perform(lines, time.monotonic())
        if self._untold:
            told, self._untold = self._untold, []
            with log.together():
                for line, at_s in told:
                    getattr(self._log, line.level)(line.event, at_s=at_s, **line.fields)

    def _supervise(self, action: Action, now: float) -> None:
        """Perform what concerns a worker's process."""
        match action:
            case actions.KillWorker(identity):
                self._supervisor.kill(identity)
            case actions.ReplaceWorker(identity):
                self._started(self._supervisor.replace(identity, now), now)
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

    def _succeed(self, successor: Successor, now: float) -> None:
        """Ask the router that serves to hand over, once all workers could begin; take its place when it has."""
        try:
            able = self._startup.able(self._dispatcher.status(now)["facts"])
            warm = self._gateways.warm and self._startup.warm
            if not successor.step(self._context, now, able=able, warm=warm):
                return
            self._welcome()
            self._gateways.publish()
        except AddressUnavailableError as error:  # the other one's listener may take a moment to close
            self._startup.failure = error if now >= successor.until else None
        except MemmuxError as error:
            self._startup.failure = error
        else:
            successor.close()
            self._successor = None
            self._supervisor.release(Stage.WRITE)
            self._log.info("database_taken_over", waited_s=successor.waited_s(now))

    def _stand_by(self) -> None:
        """Tell clients to come again, until the successor serves them and for a moment more, or has ended."""
        began = self._drain_began
        self._perform(self._dispatcher.close(time.monotonic()), began)
        self._listeners.shut()
        self._handover.release()
        poller = zmq.Poller()
        poller.register(self._listeners.polled[0], zmq.POLLIN)
        until = math.inf
        while not self._wakeup.told_to_stop and ((now := time.monotonic()) < until or self._answering(now, until)):
            if until == math.inf and (taken := self._handover.taken_over(self._successor_pid)) is not None:
                self._handover_failed = not taken
                until = now + LINGER_S if taken else now
                if taken:
                    self._gateways.move()
                seconds = round(now - began, 3)
                if taken:
                    self._log.info("hand_over_finished", successor=self._successor_pid, seconds=seconds)
                else:
                    self._log.error("hand_over_failed", successor=self._successor_pid, seconds=seconds)
            poller.poll(round(LOOK_S * 1000))
            self._hear_clients()
            self._tell()

    def _answering(self, now: float, until: float) -> bool:
        """Return whether the gateway of before still answers over HTTP; after a while it is not waited for."""
        self._gateways.look(now)
        return not self._handover_failed and self._gateways.busy and now < until + ANSWER_S

    def _begin_drain(self, now: float, reason: str) -> None:
        if self._drain_until is None:
            drain_s = min(self._drain_s, HASTE_S) if self._successor_pid else self._drain_s
            self._drain_began, self._drain_until = now, now + drain_s
            if self._successor_pid:
                self._log.info("hand_over_began", successor=self._successor_pid)
            else:
                self._log.info("stop_began", reason=reason)
                self._gateways.leave()
            self._perform(self._dispatcher.drain(now), now)

    def _stop_workers(self) -> None:
        """Let the workers finish and end, the writer last: it takes the log in once nobody reads from it any more."""
        self._supervisor.stop()
        until = time.monotonic() + (HASTE_S if self._successor_pid else STOP_S)
        if self._successor_pid:  # a kill does these no harm, and clients are waiting
            for identity in self._supervisor.running(Stage.EMBED, Stage.READ):
                self._supervisor.kill(identity)
        self._stop_kinds((Stage.EMBED, Stage.READ), until)
        self._stop_kinds((Stage.WRITE,), until)
        self._supervisor.reap(time.monotonic())

    def _stop_kinds(self, stages: Sequence[Stage], until: float) -> None:
        """Stop some kinds of workers; one that is still starting has nothing to finish. The rest `run` kills."""
        frames = protocol.encode(Header(kind=Kind.STOP))
        workers = self._dispatcher.status(time.monotonic())["workers"]
        ready = {identity for identity, worker in workers.items() if worker["state"] != "starting"}
        for identity in self._supervisor.running(*stages):
            if identity not in ready or not sockets.send(self._backend, identity.encode(), frames):
                self._supervisor.kill(identity)
        while self._supervisor.running(*stages) and (left := until - time.monotonic()) > 0:
            self._wakeup.came(min(left, 0.1))  # SIGCHLD; the short bound is for one that came just before

    def _close(self) -> None:
        if self._successor is not None:
            self._successor.close()
        self._listeners.close()
        self._backend.close(linger=LINGER_MS)
        self._context.term()


def _backend(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """Return the socket for workers; raise ClusterStartError if it can't be bound."""
    try:
        return sockets.router(context, address)
    except zmq.ZMQError as error:
        raise ClusterStartError(
            f"the cluster can't listen at {path_of(address)}: {error.strerror}; remove what is there, or set "
            "MEMMUX_RUNTIME_DIR to another folder"
        ) from None
