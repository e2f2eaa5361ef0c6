"""The client's half of the protocol, without sockets, clocks or randomness: what to send when, and what is answered.

Both clients drive one `Session`, each with its own kind of socket:

    session.submit(call, now)     a request begins
    session.connected(now)        there is a new connection; `disconnected()`, there is none
    session.receive(frames, now)  a message came; returns the requests that it settles
    session.advance(now)          returns what to send now, and the requests whose time is over
    session.wake_at()             when `advance` wants to be called again at the latest
    session.lost(now)             whether the router has been silent for too long

A request is sent again, with the same id and key, after every new connection, when the router refuses it for now
(`overloaded`, `rate_limited`, `draining`, `unknown_session`), when it is answered `cancelled` and nobody cancelled it
here, and when no answer came for long; so it fails for the network's or the router's sake only when its own time is
over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import orjson

from memmux.client.back_off import LATER, pause_s
from memmux.client.calls import Call
from memmux.client.pending import Pending, PendingRequests
from memmux.client.silence import Silence
from memmux.errors import (
    DrainingError,
    MemmuxError,
    ProtocolVersionError,
    UnknownSessionError,
    WorkerUnavailableError,
    error_from_json,
)
from memmux.wire import protocol
from memmux.wire.namespaces import NAMED
from memmux.wire.protocol import Header, Kind, Message

HELLO_S = 1.0  # without WELCOME, before HELLO is said again
ANSWER_S = 10.0  # without an answer, before a request is sent again: the answer may have been lost
MODEL_S = 0.25  # between two questions for the cluster's model

Outcome: TypeAlias = Message | MemmuxError
Settled: TypeAlias = tuple[str, Outcome]
"""A request's id, and its RESULT or what it failed of."""


class ClientSession:
    """One client's session with a cluster, through all its connections.

    name, pid, version: what the cluster is told about this client. observer: whether it only looks on.
    request_timeout_s: of calls that name none.
    new_id: makes ids that no one else makes. random: returns numbers from 0 to 1, for the jitter of pauses.
    unreachable: what a request fails of whose time ends while no cluster answers at all; by default, of its deadline.
    about: what HELLO says besides: of a host for which another process speaks.
    """

    def __init__(
        self,
        *,
        name: str,
        pid: int,
        version: str,
        request_timeout_s: float,
        new_id: Callable[[], str],
        random: Callable[[], float],
        unreachable: MemmuxError | None = None,
        observer: bool = False,
        about: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self._request_timeout_s = request_timeout_s
        self._new_id = new_id
        self._random = random
        self._unreachable = unreachable
        self._hello: Mapping[str, object] = {
            "protocol": [protocol.OLDEST, protocol.VERSION],
            "name": name,
            "pid": pid,
            "version": version,
            "instance": new_id(),
            **({"observer": True} if observer else {}),
            **about,
        }
        self.model: str | None = None
        """The cluster's embedding model; None while it is not known."""
        self._pending = PendingRequests()
        self._silence = Silence()
        self._outbox: list[list[bytes]] = []
        self.draining = False
        """Whether the router has said that it stops, and another one may serve already."""
        self._connected = False
        self._welcomed = False
        self._hello_id = ""
        self._hello_at = math.inf
        self._hellos = 0  # said since the last answer to a request
        self._asked_id = ""
        self._asked = -math.inf

    # requests

    @property
    def waiting(self) -> bool:
        """Whether any request has no answer yet."""
        return bool(self._pending)

    def submit(self, call: Call[Any], now: float) -> str:
        """Begin a request; return its id. Its time runs from now, or, if the call names none, from the connection."""
        timeout_s = self._request_timeout_s if call.timeout_s is None else call.timeout_s
        runs = self._connected or call.timeout_s is not None
        pending = Pending(
            id=self._new_id(),
            call=call,
            key=(call.key or self._new_id()) if call.writes else "",
            timeout_s=timeout_s,
            deadline=now + timeout_s if runs else math.inf,
        )
        if not self._pending:
            self._silence.listen(now)
        self._pending.add(pending, now)
        return pending.id

    def cancel(self, request_id: str) -> None:
        """Forget a request and, if it may have been sent, have the cluster told; nothing if it is settled."""
        if self._pending.pop(request_id) is not None and self._welcomed:
            self._outbox.append(protocol.encode(Header(kind=Kind.CANCEL, id=request_id)))

    def abandon(self, error: MemmuxError) -> list[Settled]:
        """Settle every request with the error: no cluster can be reached."""
        return [(pending.id, error) for pending in self._pending.clear()]

    # the connection

    def connected(self, now: float) -> None:
        """Begin on a new connection: HELLO, and then everything that has no answer yet."""
        self._connected, self._welcomed, self.draining = True, False, False
        self._hello_at, self._hellos = now, 0
        self._silence.connected(now)
        for pending in self._pending:
            if pending.deadline == math.inf:
                pending.deadline = now + pending.timeout_s
                self._pending.look_at(pending, math.inf)

    def disconnected(self) -> None:
        """Stop sending; requests stay pending."""
        self._connected = self._welcomed = False
        self._silence.disconnected()
        self._hello_at = math.inf
        self._outbox.clear()

    def lost(self, now: float) -> bool:
        """Return whether a PING has been without any answer for too long."""
        return self._silence.lost(now)

    # time

    def wake_at(self) -> float:
        """Return when `advance` has something to do again, at the latest; infinite if nothing is awaited."""
        if not self._pending:
            return math.inf
        soonest = self._pending.soonest()
        if not self._connected:
            return soonest
        return min(soonest, self._silence.due(), self._hello_at)

    def advance(self, now: float) -> tuple[list[list[bytes]], list[Settled]]:
        """Return the messages to send now, in order, and the requests whose time is over."""
        sends, self._outbox = self._outbox, []
        if self._connected and self._pending:
            if now >= self._hello_at:
                sends.append(self._say_hello(now))
            if self._silence.to_ping(now):
                sends.append(protocol.encode(Header(kind=Kind.PING)))
        settled: list[Settled] = []
        for pending in self._pending.due(now):
            if now >= pending.give_up:
                self._pending.pop(pending.id)
                settled.append((pending.id, pending.failure(self._unreachable if self._silence.nobody(now) else None)))
            elif not self._welcomed:
                self._pending.look_at(pending, math.inf)  # WELCOME sends it
            elif pending.call.embedding is not None and self.model is None:
                pending.wait_for_model()
                self._pending.look_at(pending, now + MODEL_S)
                sends += self._ask_for_model(now)
            else:
                pending.error = None
                self._pending.look_at(pending, now + ANSWER_S)
                sends.append(self._request(pending, now))
        return sends, settled

    def _request(self, pending: Pending, now: float) -> list[bytes]:
        header = Header(
            kind=Kind.REQUEST,
            id=pending.id,
            operation=pending.call.operation,
            deadline_ms=max(1, math.ceil((pending.deadline - now) * 1000)),
            key=pending.key,
            detail={NAMED: True} if pending.call.named else {},
        )
        return protocol.encode(header, *pending.call.frames(self.model or ""))

    def _say_hello(self, now: float) -> list[bytes]:
        self._hello_id, self._hello_at = self._new_id(), now + HELLO_S
        self._hellos += 1
        self._silence.asked(now)
        return protocol.encode(Header(kind=Kind.HELLO, id=self._hello_id, detail=self._hello))

    def _ask_for_model(self, now: float) -> list[list[bytes]]:
        """Return the question for the cluster's model, unless it was asked a moment ago."""
        if now - self._asked < MODEL_S:
            return []
        self._asked_id, self._asked = self._new_id(), now
        header = Header(kind=Kind.REQUEST, id=self._asked_id, operation="cluster.status", deadline_ms=1000)
        return [protocol.encode(header, b"{}")]

    # answers

    def receive(self, frames: list[bytes], now: float) -> list[Settled]:
        """Take a message from the router; return the requests that it settles. What makes no sense is ignored."""
        self._silence.heard(now)
        try:
            message = protocol.decode(frames)
        except ProtocolVersionError as error:
            return self.abandon(error)
        except MemmuxError:
            return []
        match message.header.kind:
            case Kind.WELCOME:
                self._welcome(message.header.detail, now)
            case Kind.RESULT:
                return self._result(message, now)
            case Kind.ERROR:
                failure = error_from_json(dict(message.header.detail))
                failure.degraded = message.header.degraded
                return self._error(message.header.id, failure, now)
        return []

    def _welcome(self, detail: Mapping[str, object], now: float) -> None:
        self._welcomed, self._hello_at = True, math.inf
        self._know_model(detail.get("model"), now)
        for pending in self._pending:
            self._pending.look_at(pending, now)

    def _know_model(self, model: object, now: float) -> None:
        self.model = model if isinstance(model, str) and model else None
        if self.model is not None:
            for pending in self._pending:
                if pending.call.embedding is not None and isinstance(pending.error, WorkerUnavailableError):
                    self._pending.look_at(pending, now)

    def _result(self, message: Message, now: float) -> list[Settled]:
        self._hellos = 0
        request_id = message.header.id
        if self._pending.pop(request_id) is not None:
            return [(request_id, message)]
        if request_id == self._asked_id:
            try:
                self._know_model(orjson.loads(message.body).get("model"), now)
            except (orjson.JSONDecodeError, AttributeError):
                return []  # asked again soon
        return []

    def _error(self, request_id: str, error: MemmuxError, now: float) -> list[Settled]:
        if isinstance(error, UnknownSessionError):
            self._forgotten(now, error)
        self.draining = isinstance(error, DrainingError)
        pending = self._pending.get(request_id)
        if pending is None:
            return self._refused_hello(request_id, error, now)
        if not isinstance(error, LATER):
            self._hellos = 0
            self._pending.pop(request_id)
            return [(request_id, error)]
        pending.error = error
        self._pending.look_at(pending, now + pause_s(pending.refusals, error, self._random()))
        pending.refusals += 1
        return []

    def _forgotten(self, now: float, error: UnknownSessionError) -> None:
        """Say HELLO again; WELCOME then sends everything again. The requests that went out together are all refused."""
        if self._welcomed:
            self._welcomed = False
            # At once; but a router that welcomes and then knows nothing is not asked in a circle.
            self._hello_at = now if self._hellos <= 1 else now + pause_s(self._hellos, error, self._random())

    def _refused_hello(self, request_id: str, error: MemmuxError, now: float) -> list[Settled]:
        """Take an error that is about no request: about HELLO, if there was no WELCOME yet."""
        if self._welcomed or request_id not in (self._hello_id, ""):
            return []
        if not error.retryable:
            self._hello_at = now  # for the next request: the router may have been upgraded
            return self.abandon(error)
        self._hello_at = now + pause_s(self._hellos, error, self._random())
        for pending in self._pending:
            pending.error = error
        return []
