"""The dispatcher: what the router does when a client or a worker says something, or time passes.

It is a pure state machine. It has no socket, clock, randomness or process: each input comes with the time and returns a
list of actions (`actions`), which `router.io.performer` then performs. So a test can play through every interleaving of
crash, stall, duplicate and expiry (`tests/unit/router/dispatch/test_dispatcher_machine.py`).

The life of a request, and the module of each step:

1. A client says HELLO and has a session (`clients`, `sessions`).
2. Its REQUEST is accepted if its grant allows it and all queues on its route have room (`clients`, `quotas`,
   `open_requests`). It becomes a slip, which holds its frames and its place on the route of its operation (`slips`).
   From here on it is answered exactly once, or its client is gone.
3. It waits for a worker of its first stage; clients take turns (`queues`). A search skips its embed stage where the
   readers embed themselves. Otherwise, while a model is loading, it waits for that, for `Limits.loading_s` at most;
   where none is there by then, the stage is skipped, and the answer says so (`degraded`).
4. It is leased to a worker that has credit, which is the number of leases that a worker may hold at once (`flow`,
   `pools`). If the worker dies or hangs, its leases end and their requests go to another one (`workers`, `liveness`).
   A request that three workers died of fails alone.
5. The frames that the stage returned are appended, and the request waits for its next stage. The frames of the last
   stage are the answer (`flow`, `answers`).

A client may cancel, go away or come back on another connection at any point, and a deadline may pass. `backfill` and
`health` make the requests that the router starts itself; `troubles` has the codes of what is wrong with the cluster as
a whole; `stats` and `status` are for people.

What always holds:

- Every accepted request gets exactly one final answer, or its client is gone.
- A write may be sent to several workers, but always under one idempotency key.
- A worker never has more requests than its credit, and no queue, table or heap grows without bound.
- A client with much work delays another one's next request by one request at most per turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from memmux import limits as shared
from memmux.errors import AccessError, MemmuxError, NotAllowedError, ProtocolVersionError
from memmux.wire import protocol
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from router.dispatch.actions import Action, Outbox
from router.dispatch.backfill import Backfill
from router.dispatch.clients import Frontend
from router.dispatch.flow import Flow
from router.dispatch.health import HealthCheck
from router.dispatch.named_keys import BuiltInKeys, NamedKeys
from router.dispatch.queues import Limits
from router.dispatch.stats import SAMPLE_S, Answered, Stats
from router.dispatch.status import DispatcherStatus, dispatcher_status
from router.dispatch.workers import Backend

__all__ = ["Dispatcher", "Limits"]

LATE_S = 1.5  # between two ticks, after which the router must have stood still


class Dispatcher:
    """The state of one router. Every input returns the actions to perform, in order, and none ever raises.

    welcome: what WELCOME says beside the model and the limits. new_id: makes the ids of the router's own requests.
    health_check_s: between two health checks; 0 for none. metered: whether somebody reads the metrics, for whom there
    are some too. keys: that local clients may name. replicated: whether the database is on servers, of which those for
    reads may be behind the one for writes. now: monotonic seconds, never less than before.
    """

    def __init__(
        self,
        *,
        welcome: Mapping[str, object],
        limits: Limits,
        new_id: Callable[[], str],
        health_check_s: float = 0.0,
        metered: bool = False,
        keys: NamedKeys | None = None,
        replicated: bool = False,
    ) -> None:
        self._out = Outbox()
        self._stats = Stats()
        self._flow = Flow(limits, self._stats, self._out, replicated=replicated)
        named = BuiltInKeys() if keys is None else keys
        self._frontend = Frontend(self._flow, limits, self._stats, self._out, welcome=welcome, keys=named)
        self._backend = Backend(self._flow, limits, self._out)
        self._backfill = Backfill(self._flow.stages, new_id)
        self._health_check = HealthCheck(new_id, self._flow.troubles, self._out, every_s=health_check_s)
        self._metered = metered
        self._sample_at = 0.0
        self._ticked: float | None = None  # the last time; at first, when anything happened
        self._idle_since: float | None = None
        self._drain_began = False
        self._drain_finished = False

    # inputs

    def on_client(self, routing_id: bytes, frames: Sequence[bytes], now: float, grant: Grant = LOCAL) -> list[Action]:
        """Take a message from a client; grant: what it may do, as of this message."""
        try:
            message = protocol.decode(frames)
        except MemmuxError as error:
            self._malformed(error, client=routing_id.hex())
            # A client can't tell what an error without an id is about, unless the version is the whole trouble.
            request_id = _salvaged_id(frames)
            if request_id or isinstance(error, ProtocolVersionError):
                self._out.refuse(routing_id, error, request_id)
            return self._follow_up(now)
        try:
            self._frontend.on_message(routing_id, message, now, grant)
            if message.header.operation == "cluster.status":
                self._health_check.ask()
        except MemmuxError as error:
            self._refuse(routing_id, message.header, error, grant)
        return self._follow_up(now)

    def on_client_gone(self, routing_id: bytes, now: float) -> list[Action]:
        """Note that a client is gone: its process is dead, or nothing can be sent to it."""
        if (session := self._frontend.sessions.find(routing_id)) is not None:
            self._frontend.close(session, "gone", now)
        return self._follow_up(now)

    def look_at_keys(self, now: float) -> list[Action]:
        """End sessions whose client named a key that is valid no more; to be called once a second at least."""
        self._frontend.look_at_keys(now)
        return self._follow_up(now)

    def on_worker_start(self, worker_id: str, stage: Stage, now: float) -> list[Action]:
        """Note that the supervisor has started a worker."""
        self._backend.start(worker_id, stage, now)
        return self._follow_up(now)

    def on_worker(self, worker_id: str, frames: Sequence[bytes], now: float) -> list[Action]:
        """Take a message from a worker; a worker that was given up is not listened to."""
        worker = self._flow.stages.find(worker_id)
        if worker is None:
            self._stats.events["frames_dropped"] += 1
            return []
        worker.heard_at = now
        try:
            self._backend.on_message(worker, protocol.decode(frames), now)
        except MemmuxError as error:
            self._malformed(error, worker=worker_id)
            self._backend.on_malformed(worker, protocol.salvage(frames), now)
        return self._follow_up(now)

    def on_worker_exit(self, worker_id: str, now: float) -> list[Action]:
        """Note that a worker's process has ended or can't be reached; saying it twice does no harm."""
        if (worker := self._flow.stages.find(worker_id)) is not None:
            self._backend.on_exit(worker, now)
        return self._follow_up(now)

    def drain(self, now: float) -> list[Action]:
        """Accept nothing more; what was accepted is still answered."""
        self._frontend.draining = True
        return self._follow_up(now)

    def close(self, now: float) -> list[Action]:
        """Have a successor do all that is open and all that comes, also what needs no worker; workers are dead."""
        self._frontend.closed = True
        self._flow.close(now)
        return self.drain(now)

    def tick(self, now: float) -> list[Action]:
        """Do what is due; to be called once a second at least.

        If it was not, the whole process stood still, and perhaps the machine: then it has heard nobody, and nobody is
        late because of that. What clients ask for has the time that they gave it.
        """
        late_s = 0.0 if self._ticked is None else now - self._ticked
        self._ticked = now
        if late_s >= LATE_S:
            self._out.log("warning", "router_stood_still", seconds=round(late_s, 3))
            self._backend.liveness.renew(now)
            self._flow.renew(late_s)
        self._flow.expire(now)
        self._flow.make_way(now)
        self._backend.check(now)
        if now >= self._sample_at:
            self._sample(now)
        return self._follow_up(now)

    def tell(self) -> list[Action]:
        """Count and log what was answered; to be called once the answers are on their way."""
        self._flow.answers.tell()
        return self._out.take()

    def troubled(self, codes: Collection[str]) -> None:
        """Note all that the rest of the router found wrong with the cluster."""
        self._flow.troubles.found("router", codes)

    # questions

    def next_deadline(self) -> float | None:
        """Return the earliest time at which `tick` must run, if there is one."""
        request, worker = self._flow.requests.next_deadline(), self._backend.liveness.next_check()
        return request if worker is None else worker if request is None else min(request, worker)

    def idle_since(self) -> float | None:
        """Return since when there has been no session; None while there is one."""
        return self._idle_since

    @property
    def drained(self) -> bool:
        """Whether the end has come: no new request is accepted, and every accepted one is answered."""
        return self._drain_began and not len(self._flow.requests)

    def sessions(self) -> Iterable[tuple[bytes, tuple[int, ...]]]:
        """Return the routing id of each client and the pids without which it is gone, to look for dead ones."""
        return [(session.routing_id, session.pids) for session in self._frontend.sessions]

    def status(self, now: float) -> DispatcherStatus:
        """Return what the dispatcher knows, for `cluster.status`."""
        self._flow.answers.tell()
        sessions = self._frontend.sessions
        draining = self._frontend.draining
        return dispatcher_status(self._flow, sessions, self._stats, self._health_check, draining=draining, now=now)

    def answered(self) -> dict[str, Answered]:
        """Return counts and histograms by operation, for metrics."""
        self._flow.answers.tell()
        return self._stats.answered()

    # what every input has in common

    def _follow_up(self, now: float) -> list[Action]:
        """Do what follows from any input, and return the actions that it led to."""
        if self._ticked is None:
            self._ticked = now
        self._backfill.settle(now)
        self._health_check.settle(now)
        attended = self._frontend.sessions.users > 0
        if self._frontend.draining:
            self._drain(now)
        else:
            if (batch := self._backfill.next(now)) is not None:
                self._flow.accept(batch, now)
            begun = not self._flow.stages.beginning  # what only begins is not unhealthy
            if begun and (step := self._health_check.next(now, attended=attended or self._metered)) is not None:
                self._flow.accept(step, now)
        if attended:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return self._out.take()

    def _drain(self, now: float) -> None:
        if not self._drain_began:
            self._drain_began = True
            for own in (self._backfill.slip, self._health_check.slip):  # nobody waits for them
                if own is not None and not own.outcome:
                    self._flow.drop(own, now)
            self._out.log("info", "drain_began", in_flight=len(self._flow.requests))
        if self.drained and not self._drain_finished:
            self._drain_finished = True
            self._out.log("info", "drain_finished")

    def _sample(self, now: float) -> None:
        """Look at the numbers of which it matters how fast they grow."""
        self._sample_at = now + SAMPLE_S
        self._stats.sample(now)
        self._frontend.sessions.sample(now)
        for worker in self._flow.stages.workers():
            worker.sample(now)

    def _malformed(self, error: MemmuxError, **sender: str) -> None:
        """Count a message that makes no sense."""
        self._stats.events["malformed"] += 1
        self._out.log("warning", "message_malformed", **sender, code=error.code, error=error.message)

    def _refuse(self, routing_id: bytes, header: Header, error: MemmuxError, grant: Grant) -> None:
        """Answer a message that is not acted on; a request that is refused was never accepted."""
        if isinstance(error, NotAllowedError):
            session = self._frontend.sessions.find(routing_id)
            asked = {"request_id": header.id, "client": session.name if session else "", "operation": header.operation}
            self._flow.answers.denied(session.grant if session else grant, asked, error.message)
        elif header.kind is Kind.HELLO and isinstance(error, AccessError):
            self._stats.events["refused"] += 1
            key = str(header.detail.get("key", ""))[: shared.KEY_CHARACTERS]
            self._out.log("warning", "key_refused", key=key, reason=error.message)
        elif header.kind is Kind.REQUEST and header.id:
            self._stats.events["refused"] += 1
            self._out.log("info", "request_refused", request_id=header.id, operation=header.operation, code=error.code)
        else:
            self._malformed(error, client=routing_id.hex())
        if header.id or header.kind is Kind.HELLO:
            self._out.refuse(routing_id, error, header.id)


def _salvaged_id(frames: Sequence[bytes]) -> str:
    """Return the request id in the header of a message that can't be read otherwise; empty if there is none."""
    found = protocol.salvage(frames) if sum(map(len, frames[:1])) <= shared.HEADER_BYTES else None
    return found[0] if found is not None else ""
