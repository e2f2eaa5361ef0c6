"""The loop: sockets, clock and signals around the pure dispatcher. One thread, no blocking call but the poll.

Whatever arrives is handed to the dispatcher with the time; what it answers is performed (`performer`). Nothing is
decided here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import zmq

from memmux import processes
from memmux.errors import AddressUnavailableError, ClusterStartError, MemmuxError
from memmux.logs import log
from memmux.wire.operations import Stage
from router.dispatch.dispatcher import Dispatcher
from router.io.gateway_poll import GatewayPoll
from router.io.listeners import Listeners
from router.io.performer import Performer
from router.io.stop_workers import HASTE_S, stop_workers
from router.io.wakeup import Wakeup
from router.io.workers_socket import WorkersSocket
from router.lifecycle.gateways import Gateways
from router.lifecycle.handover import Handover, Successor
from router.lifecycle.standby import Standby
from router.lifecycle.startup import Startup
from router.lifecycle.supervisor import Supervisor

SWEEP_S = 1.0  # between two looks for clients whose process has died
DRAIN_MESSAGES = 8  # taken from one socket before the other gets its turn: some 2 ms, which a short request may wait
LOOK_S = 0.01  # between two looks whether another router has handed over, or taken over


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
        self._looks = looks
        self._gateways = gateways
        self._log = log.get()
        self._startup = startup
        self._drain_began = 0.0
        self._drain_until: float | None = None
        self._next_sweep = 0.0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._listeners = listeners(self._context)
        self._workers = WorkersSocket(self._context, supervisor.address)
        self._wakeup = Wakeup()
        self._poller = zmq.Poller()
        self._gateway_poll = GatewayPoll(gateways, self._poller)
        self._performer = Performer(
            dispatcher, supervisor, self._listeners, self._workers, startup=startup, status=status, drain=self._leave_to
        )

    def run(self) -> bool:
        """Serve until told to stop, handed over, or idle for long; return False if a successor ended too soon.

        Raises the MemmuxError that keeps the writer from starting.
        """
        self._poll(self._workers.socket, self._wakeup.fileno())
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
                self._performer.tell()
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
            self._performer.tell()
            # The timeout is computed from the clock each time: after a signal, a poll's own count is off. It is rounded
            # up: a poll that returns a little early would be called again and again.
            self._gateway_poll.update(time.monotonic())
            events = dict(self._poller.poll(max(0, math.ceil((due - time.monotonic()) * 1000))))
            self._gateway_poll.hear(events, time.monotonic())
            if self._workers.socket in events:
                self._hear_workers()
            if any(source in events for source in self._listeners.polled):
                self._hear_clients()
            now = time.monotonic()
        self._stop_workers()
        if self._successor_pid and self._startup.failure is None:
            self._supervisor.kill_all()  # nothing of ours has the database open when the lock goes
            self._stand_by()

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
            self._performer.perform(self._dispatcher.on_worker_exit(identity, now), now)
        if self._supervisor.settled:
            processes.collect_orphans(self._supervisor.pids() | self._gateways.pids())

    def _upkeep(self, now: float) -> None:
        """Do what is due by now, and look at what has no time of its own."""
        if self._successor is not None:
            self._succeed(self._successor, now)
        self._performer.started(self._supervisor.start_due(now), now)
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
        self._performer.perform(self._dispatcher.tick(now), now)

    def _look(self, now: float) -> None:
        """Tell the dispatcher what is wrong beside it."""
        self._workers.look()
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
        self._performer.perform(self._dispatcher.look_at_keys(now), now)

    def _leave(self, gone: Iterable[bytes], now: float) -> None:
        """Do without clients that are gone."""
        for routing_id in gone:
            self._performer.perform(self._dispatcher.on_client_gone(routing_id, now), now)

    def _due(self) -> float:
        """Return when `_upkeep` has something to do at the latest."""
        due = [self._next_sweep, self._dispatcher.next_deadline(), self._supervisor.next_start(), self._drain_until]
        due.append(self._gateways.due(time.monotonic()))
        if self._startup.serving_since is None:
            due.append(self._startup.serve_by)
        if self._successor is not None:
            due.append(time.monotonic() + LOOK_S)
        return min(at for at in due if at is not None)

    def _hear_workers(self) -> None:
        for identity, frames in self._workers.messages(DRAIN_MESSAGES):
            now = time.monotonic()
            self._performer.perform(self._dispatcher.on_worker(identity, frames, now), now)

    def _hear_clients(self) -> None:
        for routing_id, frames, grant in self._listeners.messages(DRAIN_MESSAGES, time.monotonic()):
            now = time.monotonic()
            self._performer.perform(self._dispatcher.on_client(routing_id, frames, now, grant), now)
        self._leave(self._listeners.gone(), time.monotonic())

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
        self._performer.perform(self._dispatcher.close(time.monotonic()), began)
        self._listeners.shut()
        self._handover.release()
        poller = zmq.Poller()
        poller.register(self._listeners.polled[0], zmq.POLLIN)
        standby = Standby(self._handover, self._gateways, self._successor_pid, began)
        while not self._wakeup.told_to_stop and standby.step(time.monotonic()):
            poller.poll(round(LOOK_S * 1000))
            self._hear_clients()
            self._performer.tell()
        self._handover_failed = standby.failed

    def _leave_to(self, now: float, reason: str, successor: int) -> None:
        """Begin to end, and note the pid of the router that takes over, if one does."""
        self._successor_pid = self._successor_pid or successor
        self._begin_drain(now, reason)

    def _begin_drain(self, now: float, reason: str) -> None:
        if self._drain_until is None:
            drain_s = min(self._drain_s, HASTE_S) if self._successor_pid else self._drain_s
            self._drain_began, self._drain_until = now, now + drain_s
            if self._successor_pid:
                self._log.info("hand_over_began", successor=self._successor_pid)
            else:
                self._log.info("stop_began", reason=reason)
                self._gateways.leave()
            self._performer.perform(self._dispatcher.drain(now), now)

    def _stop_workers(self) -> None:
        workers = self._dispatcher.status(time.monotonic())["workers"]
        ready = {identity for identity, worker in workers.items() if worker["state"] != "starting"}
        stop_workers(self._supervisor, self._workers, self._wakeup, ready, hand_over=bool(self._successor_pid))

    def _close(self) -> None:
        if self._successor is not None:
            self._successor.close()
        self._listeners.close()
        self._workers.close()
        self._context.term()
