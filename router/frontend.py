"""The frontend: the conversation with clients. A session opens, requests come in, and are let in or refused."""

from __future__ import annotations

from collections.abc import Mapping

from memmux import limits as shared
from memmux.errors import (
    ArgumentInvalidError,
    DeadlineExceededError,
    DrainingError,
    MalformedMessageError,
    UnknownSessionError,
)
from memmux.operations import Operation, Stage, operation
from memmux.protocol import Header, Kind, Message
from router.actions import BeginDrain, Outbox, ReportStatus
from router.admission import Limits
from router.flow import Flow
from router.sessions import Hello, Session, Sessions
from router.slips import Slip
from router.stats import Stats

DEADLINE_MS = 30_000  # of a request that names none


class Frontend:
    """What clients say and what is answered to that; answers to accepted requests come from the flow.

    welcome: what WELCOME says beside the model and the limits. draining: whether new requests are refused.
    closed: whether those that need no worker are, too.
    """

    def __init__(self, flow: Flow, limits: Limits, stats: Stats, out: Outbox, *, welcome: Mapping[str, object]) -> None:
        self.sessions = Sessions(limits.sessions)
        self.draining = False
        self.closed = False
        self._flow = flow
        self._stats = stats
        self._out = out
        self._welcome = welcome
        self._limits = {
            "in_flight": limits.in_flight,
            "deadline_ms": shared.DEADLINE_MS,
            "message_bytes": shared.MESSAGE_BYTES,
            "content_bytes": shared.CONTENT_BYTES,
            "batch_memories": shared.BATCH_MEMORIES,
        }

    def on_message(self, routing_id: bytes, message: Message, now: float) -> None:
        """Do what a client asks for; raise the MemmuxError with which it is refused."""
        header = message.header
        session = self.sessions.heard(routing_id)
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
                    self.close(session, "goodbye", now)
            case _:
                raise MalformedMessageError(f"a client does not say {header.kind}")

    def close(self, session: Session, reason: str, now: float) -> None:
        """End a session; nobody waits for what it asked for."""
        dropped = len(session.in_flight)
        for request_id in sorted(session.in_flight):
            if (slip := self._flow.find(request_id)) is not None:
                self._flow.drop(slip, now)
        self.sessions.close(session)
        hello = session.hello
        self._out.log("info", "session_closed", client=hello.name, client_pid=hello.pid, reason=reason, dropped=dropped)

    def _hello(self, routing_id: bytes, header: Header, now: float) -> None:
        """Open a session, or go on with the one that this client had over another connection."""
        hello = Hello.from_detail(header.detail)
        here = self.sessions.find(routing_id)
        if here is not None and here.hello.instance != hello.instance:
            self.close(here, "replaced", now)
        resumed = self.sessions.resume(routing_id, hello) is not None
        if not resumed:
            if (idlest := self.sessions.make_room()) is not None:
                self.close(idlest, "idle", now)
            self.sessions.open(routing_id, hello)
        embedder = self._flow.pools[Stage.EMBED].facts
        model = {"model": embedder.get("model"), "dimensions": embedder.get("dimensions")}
        detail = {**self._welcome, **model, "limits": self._limits}
        self._out.client(routing_id, Header(kind=Kind.WELCOME, id=header.id, detail=detail))
        self._out.log("info", "session_opened", client=hello.name, client_pid=hello.pid, resumed=resumed)

    def _request(self, session: Session, message: Message, now: float) -> None:
        """Accept a request, or raise the error with which it is refused."""
        header = message.header
        if not header.id:
            raise MalformedMessageError("a request has an id")
        if (known := self._flow.find(header.id)) is not None:
            if known.session is not session:
                raise ArgumentInvalidError("this request id is in use by another client; make ids with uuid7")
            return  # sent again because the client lost its connection: the one answer will find it
        asked = operation(header.operation)
        if self.closed:
            raise DrainingError
        session.requests += 1
        if not asked.route:
            self._answer_alone(session, asked, header)
            return
        if self.draining:
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

    def _answer_alone(self, session: Session, asked: Operation, header: Header) -> None:
        """Answer an operation that needs no worker."""
        self._stats.finished(asked.name, "ok", 0.0)
        if asked.name == "cluster.status":
            self._out.add(ReportStatus(session.routing_id, header.id))
        else:
            self.draining = True
            self._out.client(session.routing_id, Header(kind=Kind.RESULT, id=header.id), b"{}")
            # Who asks for a hand-over is the router that takes over: nobody can name another one.
            successor = session.hello.pid if header.detail.get("hand_over") is True else 0
            self._out.add(BeginDrain("hand_over" if successor else "asked", successor))
