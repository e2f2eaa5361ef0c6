"""The frontend: the conversation with clients. A session opens, requests come in, and are let in or refused."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from memmux import limits as shared
from memmux.errors import (
    ArgumentInvalidError,
    DeadlineExceededError,
    DrainingError,
    MalformedMessageError,
    MemmuxError,
    UnknownSessionError,
)
from memmux.wire.grants import Grant
from memmux.wire.namespaces import NAMED
from memmux.wire.operations import Operation, Stage, operation
from memmux.wire.protocol import Header, Kind, Message
from router.dispatch.actions import BeginDrain, Outbox, OwnStatus, ReportStatus
from router.dispatch.answers import handed_over
from router.dispatch.flow import Flow
from router.dispatch.named_keys import NamedKeys, named_in
from router.dispatch.queues import Limits
from router.dispatch.sessions import Hello, Session, Sessions, identity, payer
from router.dispatch.slips import Slip
from router.dispatch.stats import Stats

DEADLINE_MS = 30_000  # of a request that names none
_PRIVATE = ("pid", "endpoint", "database")  # of WELCOME, that only who may know the whole cluster is told


class Frontend:
    """The conversation with clients; answers to accepted requests come from the flow.

    What a client may do is what the grant says that comes with its message. Of a header that it writes, a request's id,
    operation, key and time are heeded, the detail of a HELLO (`Hello`), and of a `cluster.stop` the detail `hand_over`,
    from who has no key. Nothing else is, and no worker gets a header that a client wrote. A client that came without a
    key may name one in its HELLO: then it may do what that one allows now, and no more.

    welcome: what WELCOME says beside the model and the limits. draining: whether new requests are refused.
    closed: whether those that need no worker are, too. keys: those that can be named.
    """

    def __init__(
        self,
        flow: Flow,
        limits: Limits,
        stats: Stats,
        out: Outbox,
        *,
        welcome: Mapping[str, object],
        keys: NamedKeys,
    ) -> None:
        self.sessions = Sessions(limits.sessions)
        self.draining = False
        self.closed = False
        self._flow = flow
        self._stats = stats
        self._out = out
        self._welcome = welcome
        self._keys = keys
        self._limits = {
            "deadline_ms": shared.DEADLINE_MS,
            "message_bytes": shared.MESSAGE_BYTES,
            "content_bytes": shared.CONTENT_BYTES,
            "batch_memories": shared.BATCH_MEMORIES,
        }

    def on_message(self, routing_id: bytes, message: Message, now: float, grant: Grant) -> None:
        """Do what a client asks for; raise the MemmuxError with which it is refused."""
        header = message.header
        opens = header.kind is Kind.HELLO
        key = named_in(header.detail) if opens and not grant.name else ""
        if key or not opens:
            grant = self._lowered(routing_id, key, grant, now)
        grant = self._flow.requests.quotas.effective(grant)
        session = self.sessions.heard(routing_id, grant)
        match header.kind:
            case Kind.REQUEST:
                if session is None:
                    raise UnknownSessionError
                self._request(session, message, now)
            case Kind.PING:
                self._out.client(routing_id, Header(kind=Kind.PONG, id=header.id))
            case Kind.HELLO:
                self._hello(routing_id, header, now, grant, key)
            case Kind.CANCEL:
                slip = self._flow.requests.find(header.id)
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
            if (slip := self._flow.requests.find(request_id)) is not None:
                self._flow.drop(slip, now)
        self.sessions.close(session)
        pid = session.hello.pid
        self._out.log("info", "session_closed", client=session.name, client_pid=pid, reason=reason, dropped=dropped)

    def look_at_keys(self, now: float) -> None:
        """End the sessions whose client named a key that is valid no more."""
        self._keys.refresh()
        for session in [session for session in self.sessions if session.hello.key]:
            with suppress(MemmuxError):
                self._still(session, now)

    def _lowered(self, routing_id: bytes, key: str, grant: Grant, now: float) -> Grant:
        """Return what who speaks may do: of a client without a key, what the key allows that it names, or has named."""
        if key:
            self._keys.refresh()
            return self._keys.grant_of(key)
        session = None if grant.name else self.sessions.find(routing_id)
        return grant if session is None or not session.hello.key else self._still(session, now)

    def _still(self, session: Session, now: float) -> Grant:
        """Return what the key that a client has named allows; if that is nothing, end the session and raise why."""
        try:
            return self._keys.grant_of(session.hello.key)
        except MemmuxError as error:
            for request_id in sorted(session.in_flight):
                self._out.refuse(session.routing_id, error, request_id)
            self.close(session, "key_refused", now)
            self._out.log("warning", "key_refused", key=session.hello.key, reason=error.message)
            raise

    def _hello(self, routing_id: bytes, header: Header, now: float, grant: Grant, key: str) -> None:
        """Open a session, or go on with the one that this client had over another connection."""
        hello = Hello.from_detail(header.detail, key)
        self._flow.requests.quotas.spend(payer(grant, hello), grant, now)
        here = self.sessions.find(routing_id)
        if here is not None and here.owner != identity(grant, hello):
            self.close(here, "replaced", now)
        session = self.sessions.resume(routing_id, hello, grant)
        resumed = session is not None
        if session is None:
            if (idlest := self.sessions.make_room(grant)) is not None:
                self.close(idlest, "idle", now)
            session = self.sessions.open(routing_id, hello, grant)
        self._out.client(routing_id, Header(kind=Kind.WELCOME, id=header.id, detail=self._welcome_of(grant)))
        self._out.log("info", "session_opened", client=session.name, client_pid=hello.pid, resumed=resumed)

    def _welcome_of(self, grant: Grant) -> dict[str, object]:
        """Return the detail of a WELCOME; a client with a key is told what that allows."""
        embedder, written = self._flow.stages[Stage.EMBED].facts, self._flow.stages[Stage.WRITE].facts
        # While the one model takes the place of the other, vectors that a client brings are of the one searched with.
        serving = written if embedder.get("beside") and embedder["beside"] == written.get("model") else embedder
        known = {name: value for name, value in self._welcome.items() if not grant.limited or name not in _PRIVATE}
        return {
            **known,
            "model": serving.get("model"),
            "dimensions": serving.get("dimensions"),
            "limits": {**self._limits, "in_flight": grant.in_flight},
            **({"grant": grant.to_json()} if grant.name else {}),
        }

    def _request(self, session: Session, message: Message, now: float) -> None:
        """Accept a request, or raise the error with which it is refused."""
        header = message.header
        if not header.id:
            raise MalformedMessageError("a request has an id")
        if (known := self._flow.requests.find(header.id)) is not None:
            if known.session is not session:
                raise ArgumentInvalidError("this request id is in use by another client; make ids with uuid7")
            return  # sent again because the client lost its connection: the one answer will find it
        asked = operation(header.operation)
        if self.closed:
            raise handed_over()
        session.requests += 1
        self._flow.requests.quotas.spend(session.payer, session.grant, now)
        session.grant.check(asked)
        if not asked.route:
            self._answer_alone(session, asked, header, now)
            return
        if self.draining:
            raise DrainingError
        frames = message.frames or (b"",)
        self._flow.requests.check_room(session, asked, frames, self._flow.stages, now)
        deadline_ms = header.deadline_ms if isinstance(header.deadline_ms, int) else DEADLINE_MS
        if deadline_ms <= 0:
            raise DeadlineExceededError
        brings_vector = asked.route[0] is Stage.EMBED and bool(message.blobs)
        slip = Slip(
            id=header.id,
            operation=asked,
            session=session,
            frames=frames,
            key=(header.key or header.id) if asked.writes else "",
            accepted_at=now,
            deadline=now + min(deadline_ms, shared.DEADLINE_MS) / 1000,
            named=header.detail.get(NAMED) is True,
            step=1 if brings_vector else 0,
        )
        self._flow.accept(slip, now)

    def _answer_alone(self, session: Session, asked: Operation, header: Header, now: float) -> None:
        """Answer an operation that needs no worker."""
        self._flow.answers.tell()  # so that the status has all that was answered
        self._stats.finished(asked.name, "ok", 0.0)
        if asked.name == "cluster.status":
            known = OwnStatus(session.grant, _known_to_itself(session, now)) if session.grant.limited else None
            self._out.add(ReportStatus(session.routing_id, header.id, known))
        else:
            self.draining = True
            self._out.client(session.routing_id, Header(kind=Kind.RESULT, id=header.id), b"{}")
            # Who asks for a handover is the router that takes over, on this machine: nobody can name another one.
            takes_over = header.detail.get("hand_over") is True and not session.grant.name
            successor = session.hello.pid if takes_over else 0
            self._out.add(BeginDrain("hand_over" if successor else "asked", successor))


def _known_to_itself(session: Session, now: float) -> dict[str, object]:
    """Return what a client with few rights is told of itself; the process of one over HTTP is the gateway."""
    told = session.to_json(now)
    return {name: value for name, value in told.items() if name != "pid"} if session.hello.key else told
