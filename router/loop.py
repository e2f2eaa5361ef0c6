"""The loop: sockets, clock and signals around the pure dispatcher. One thread, no blocking call but the poll.

Whatever arrives is handed to the dispatcher with the time; what it answers is performed here. Nothing is decided here.
"""

from __future__ import annotations

import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import orjson
import zmq

from memmux import logs, protocol, sockets
from memmux.errors import ClusterStartError, DatabaseCorruptError, MemmuxError, error_from_json
from memmux.lookout import Lookout
from memmux.operations import Stage
from memmux.processes import alive
from memmux.protocol import Header, Kind
from router import actions
from router.actions import Action
from router.dispatch import Dispatcher
from router.supervisor import Supervisor

SWEEP_S = 1.0  # between two looks for clients whose process has died
DRAIN_MESSAGES = 8  # taken from one socket before the other gets its turn: some 2 ms, which a short request may wait
STOP_S = 5.0  # for the workers to checkpoint and end
COMPLETE_S = 2.0  # what a new cluster waits for its readers and its model before it serves without them
_WOKEN = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Loop:
    """One cluster's router while it lives.

    on_serving: called once, when the cluster can be used: its write worker is ready, and every other kind of worker is
    too, or has failed, or takes longer than COMPLETE_S. on_starting: called every SWEEP_S until then.
    status: makes the body of `cluster.status` from the dispatcher's and the supervisor's view. looks: called every
    SWEEP_S while the cluster serves; each returns codes of what is wrong.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        supervisor: Supervisor,
        clients: str,
        *,
        idle_exit_s: float,
        drain_s: float,
        on_starting: Callable[[float], None],
        on_serving: Callable[[], None],
        status: Callable[[float], dict[str, object]],
        looks: Sequence[Callable[[float], Sequence[str]]] = (),
    ) -> None:
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._idle_exit_s = idle_exit_s
        self._drain_s = drain_s
        self._on_starting = on_starting
        self._on_serving = on_serving
        self._status = status
        self._looks = looks
        self._log = logs.get()
        self._settled: set[Stage] = set()  # the kinds of which one worker has been ready, or has failed
        self._serve_by: float | None = None  # set when the write worker is ready
        self._serving_since: float | None = None
        self._drain_until: float | None = None
        self._told_to_stop = ""  # by which signal
        self._next_sweep = 0.0
        self._failure: MemmuxError | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._frontend = sockets.router(self._context, clients)
        self._backend = sockets.router(self._context, supervisor.address)
        self._wakeup, self._wake = socket.socketpair()

    def run(self) -> None:
        """Serve until told to stop or idle for long; raise the MemmuxError that keeps the writer from starting."""
        lookout = Lookout(self._backend, self._frontend, self._wakeup.fileno())
        restore = self._catch_signals()
        try:
            now = time.monotonic()
            self._supervisor.add(Stage.WRITE, now)
            self._supervisor.add(Stage.EMBED, now)
            while not self._finished(now):
                woken, due = self._drain_wakeups(), self._due()
                if woken or now >= self._next_sweep:
                    self._reap(now)
                if woken or now >= due or self._serving_since is None:
                    self._upkeep(now)
                    due = self._due()
                # The timeout is computed from the clock each time: after a signal, a poll's own count is off.
                lookout.wait(due - time.monotonic())
                self._receive(self._backend, self._from_worker)
                self._receive(self._frontend, self._from_client)
                now = time.monotonic()
            self._stop_workers()
        finally:
            self._supervisor.kill_all()
            restore()
            self._close()
        if self._failure is not None:
            raise self._failure

    def _finished(self, now: float) -> bool:
        if self._failure is not None:
            return True
        if self._drain_until is None:
            return False
        return self._dispatcher.drained or now >= self._drain_until

    def _reap(self, now: float) -> None:
        """Do without the workers that have ended; asked after a signal, and now and then in case one was missed."""
        for identity in self._supervisor.reap(now):
            self._perform(self._dispatcher.on_worker_exit(identity, now), now)

    def _upkeep(self, now: float) -> None:
        """Do what is due by now, and look at what has no time of its own."""
        self._started(self._supervisor.start_due(now), now)
        self._serve_when_complete(now)
        if self._serve_by is None and self._supervisor.failing(Stage.WRITE):
            self._failure = ClusterStartError("the write worker keeps failing; router.err in the state folder says why")
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_S
            if self._serving_since is None:
                self._on_starting(now)
            self._look(now)
            for routing_id, pid in list(self._dispatcher.sessions()):
                if not alive(pid):
                    self._perform(self._dispatcher.on_client_gone(routing_id, now), now)
        if self._told_to_stop:
            self._begin_drain(now, self._told_to_stop)
        if self._idle_exit_s and self._idle_s(now) >= self._idle_exit_s:
            self._begin_drain(now, "idle")
        self._perform(self._dispatcher.tick(now), now)

    def _look(self, now: float) -> None:
        """Tell the dispatcher what is wrong beside it."""
        found = [code for look in self._looks for code in look(now)]
        self._dispatcher.troubled([*found, *(f"{slot}_failing" for slot in self._supervisor.failing_slots())])

    def _serve_when_complete(self, now: float) -> None:
        if self._serving_since is not None or self._serve_by is None:
            return
        if len(self._settled) == len(Stage) or now >= self._serve_by:
            self._serving_since = now
            self._on_serving()

    def _idle_s(self, now: float) -> float:
        """Return for how long there has been no client that could have been there."""
        idle_since = self._dispatcher.idle_since()
        if idle_since is None or self._serving_since is None:
            return 0.0
        return now - max(idle_since, self._serving_since)

    def _due(self) -> float:
        """Return when `_upkeep` has something to do at the latest."""
        due = [self._next_sweep, self._dispatcher.next_deadline(), self._supervisor.next_start(), self._drain_until]
        if self._serving_since is None:
            due.append(self._serve_by)
        return min(at for at in due if at is not None)

    def _started(self, started: Iterable[tuple[str, Stage]], now: float) -> None:
        for identity, stage in started:
            self._perform(self._dispatcher.on_worker_start(identity, stage, now), now)

    def _receive(self, source: zmq.Socket[bytes], handle: Callable[[bytes, Sequence[bytes], float], None]) -> None:
        for _ in range(DRAIN_MESSAGES):
            try:
                sender, *frames = source.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            handle(sender, frames, time.monotonic())

    def _from_client(self, routing_id: bytes, frames: Sequence[bytes], now: float) -> None:
        self._perform(self._dispatcher.on_client(routing_id, frames, now), now)

    def _from_worker(self, sender: bytes, frames: Sequence[bytes], now: float) -> None:
        identity = sender.decode("ascii", errors="replace")
        self._perform(self._dispatcher.on_worker(identity, frames, now), now)

    def _perform(self, first: Sequence[Action], now: float) -> None:
        """Perform actions in order, and then those that follow from a send that failed."""
        waiting = deque(first)
        while waiting:
            waiting.extend(self._perform_one(waiting.popleft(), now))

    def _perform_one(self, action: Action, now: float) -> Sequence[Action]:
        match action:
            case actions.ToClient(routing_id, frames):
                if not _send(self._frontend, routing_id, frames):
                    return self._dispatcher.on_client_gone(routing_id, now)
            case actions.ToWorker(identity, frames):
                if not _send(self._backend, identity.encode(), frames):
                    self._supervisor.kill(identity)
                    return self._dispatcher.on_worker_exit(identity, now)
            case actions.Log(level, event, fields):
                getattr(self._log, level)(event, **fields)
            case actions.ReportStatus(routing_id, request_id):
                header = Header(kind=Kind.RESULT, id=request_id)
                return [actions.ToClient(routing_id, protocol.encode(header, orjson.dumps(self._status(now))))]
            case actions.BeginDrain(reason):
                self._begin_drain(now, reason)
            case _:
                self._supervise(action, now)
        return ()

    def _supervise(self, action: Action, now: float) -> None:
        """Perform what concerns a worker's process."""
        match action:
            case actions.KillWorker(identity):
                self._supervisor.kill(identity)
            case actions.ReplaceWorker(identity):
                self._started(self._supervisor.replace(identity), now)
            case actions.WorkerReady(identity, stage):
                self._supervisor.on_ready(identity, now)
                self._settled.add(stage)
                if stage is Stage.WRITE:
                    self._read_from(now)  # now that there is a database to read
            case actions.WorkerFailed(identity, stage, error):
                self._supervisor.on_failed(identity, error)
                self._settled.add(stage)
                if stage is not Stage.WRITE or self._serve_by is not None:
                    return
                if isinstance(failure := error_from_json(dict(error)), DatabaseCorruptError):
                    self._read_from(now)  # what can still be read is served
                else:
                    self._failure = failure

    def _read_from(self, now: float) -> None:
        """Start the readers, once."""
        if self._serve_by is None:
            self._serve_by = now + COMPLETE_S
            self._supervisor.add(Stage.READ, now)

    def _begin_drain(self, now: float, reason: str) -> None:
        if self._drain_until is None:
            self._drain_until = now + self._drain_s
            self._log.info("stop_began", reason=reason)
            self._perform(self._dispatcher.drain(now), now)

    def _stop_workers(self) -> None:
        """Let the workers finish and end, the writer last: it takes the log in once nobody reads from it any more."""
        self._supervisor.stop()
        until = time.monotonic() + STOP_S
        self._stop_kinds((Stage.EMBED, Stage.READ), until)
        self._stop_kinds((Stage.WRITE,), until)
        self._supervisor.reap(time.monotonic())

    def _stop_kinds(self, stages: Sequence[Stage], until: float) -> None:
        """Stop some kinds of workers; one that is still starting has nothing to finish. The rest `run` kills."""
        frames = protocol.encode(Header(kind=Kind.STOP))
        workers = self._dispatcher.snapshot(time.monotonic())["workers"]
        ready = {identity for identity, worker in workers.items() if worker["state"] != "starting"}
        for identity in self._supervisor.running(*stages):
            if identity not in ready or not _send(self._backend, identity.encode(), frames):
                self._supervisor.kill(identity)
        while self._supervisor.running(*stages) and (left := until - time.monotonic()) > 0:
            # SIGCHLD wakes this; the short bound is for a signal that came just before.
            self._wakeup.settimeout(min(left, 0.1))
            self._drain_wakeups()

    def _catch_signals(self) -> Callable[[], None]:
        """Make signals wake the poll through a socket, as a handler that sets a flag would not."""
        self._wake.settimeout(0)
        self._wakeup.settimeout(0)
        before = {number: signal.signal(number, self._on_signal) for number in _WOKEN}
        descriptor = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

        def restore() -> None:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)

        return restore

    def _on_signal(self, number: int, _frame: object) -> None:
        # It may interrupt anything, the dispatcher included: the loop, woken by the same signal, acts on it.
        if number != signal.SIGCHLD:
            self._told_to_stop = signal.Signals(number).name

    def _drain_wakeups(self) -> bool:
        """Return whether a signal came."""
        try:
            return bool(self._wakeup.recv(4096))
        except (BlockingIOError, TimeoutError):
            return False

    def _close(self) -> None:
        for end in (self._wakeup, self._wake):
            end.close()
        for bound in (self._frontend, self._backend):
            bound.close(linger=500)  # the last answers still go out
        self._context.term()


def _send(target: zmq.Socket[bytes], routing_id: bytes, frames: Sequence[bytes]) -> bool:
    """Send without blocking; return False when the peer is gone, or has not read for thousands of messages."""
    try:
        target.send_multipart([routing_id, *frames], zmq.NOBLOCK, copy=True)
    except zmq.Again:
        return False
    except zmq.ZMQError as error:
        if error.errno != zmq.EHOSTUNREACH:
            raise
        return False
    return True
