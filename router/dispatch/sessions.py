"""Sessions: which clients are there, and under which routing id each can be reached now."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from memmux import limits
from memmux.errors import MalformedMessageError, OverloadedError, ProtocolVersionError
from memmux.wire import protocol
from memmux.wire.grants import LOCAL, Grant
from router.dispatch.stats import ClientStats

_TEXT_CHARACTERS = 128  # of what a client says about itself; as of any text in a header
_PID_MOST = 1 << 31
_RETRY_MS = 1000  # to a client for whom there is no room


@dataclass(frozen=True, slots=True)
class Hello:
    """A client's HELLO.

    instance: unique to one client object; it stays the same when that client reconnects.
    name, pid, version: for people, and to see when its process is dead.
    observer: whether it only looks on; a cluster that nobody else uses is idle.
    host_pid, relay_pid, relay_version: of the application for which a gateway speaks, and of the process between them;
    0 and empty where a client speaks for itself. address, application: of a client over HTTP. zone: its time zone, as
    a variable TZ names it; empty if not known.
    key: the name of the key whose rights, and no more, a local client wants to have; empty for those of its connection.
    """

    instance: str
    name: str
    pid: int
    version: str
    observer: bool = False
    host_pid: int = 0
    relay_pid: int = 0
    relay_version: str = ""
    zone: str = ""
    key: str = ""
    address: str = ""
    application: str = ""

    @classmethod
    def from_detail(cls, detail: Mapping[str, object], key: str = "") -> Hello:
        """Read the detail of a HELLO; raise MalformedMessageError, or ProtocolVersionError if there is no overlap.

        key: the name of the key that it was heeded to name.
        """
        _check_range(detail.get("protocol"))
        texts = {name: detail.get(name) for name in ("instance", "name", "version")}
        for name, text in texts.items():
            if not isinstance(text, str) or not 0 < len(text) <= _TEXT_CHARACTERS:
                raise MalformedMessageError(f"HELLO gives no {name!r} of 1 to {_TEXT_CHARACTERS} characters")
        pid = detail.get("pid")
        if type(pid) is not int or not 0 < pid < _PID_MOST:
            raise MalformedMessageError("HELLO gives no 'pid' that a process can have")
        observer = detail.get("observer") is True
        return cls(
            str(texts["instance"]),
            str(texts["name"]),
            pid,
            str(texts["version"]),
            observer,
            host_pid=_pid(detail.get("host_pid")),
            relay_pid=_pid(detail.get("relay_pid")),
            relay_version=_text(detail.get("relay_version")),
            zone=_text(detail.get("zone")),
            key=key,
            address=_text(detail.get("address")),
            application=_text(detail.get("application")),
        )


def _pid(said: object) -> int:
    """Return a pid that a process can have; 0 for anything else, as what knows no such field says."""
    return said if type(said) is int and 0 < said < _PID_MOST else 0


def _text(said: object) -> str:
    """Return the beginning of a text; nothing for anything else."""
    return said[:_TEXT_CHARACTERS] if isinstance(said, str) else ""


def _check_range(versions: object) -> None:
    if not isinstance(versions, list) or [type(version) for version in versions] != [int, int]:
        raise MalformedMessageError("HELLO gives no 'protocol' range [lowest, highest]")
    lowest, highest = versions
    if lowest > protocol.VERSION or highest < protocol.OLDEST:
        older = "cluster" if lowest > protocol.VERSION else "client"
        raise ProtocolVersionError(
            f"the client speaks protocol {lowest} to {highest}, the cluster {protocol.OLDEST} to {protocol.VERSION}; "
            f"upgrade memmux on the side of the {older}"
        )


@dataclass(slots=True, eq=False)
class Session:
    """One client, from its HELLO to its GOODBYE or its death, over any number of connections.

    routing_id: where it can be reached now. grant: what it may do, as of its last message. in_flight: the ids of its
    requests that are not answered yet. requests: how many it sent. client_stats: what became of them. name: what the
    change log and people call the client: its key's name, if it has one, and its own. payer: whose bounds it shares:
    those of all clients of its key, or those of itself. owner: whose turn it is when a request of it is served.
    """

    hello: Hello
    routing_id: bytes
    grant: Grant = LOCAL
    in_flight: set[str] = field(default_factory=set)
    requests: int = 0
    client_stats: ClientStats = field(default_factory=ClientStats)
    name: str = field(init=False)
    payer: str = field(init=False)
    owner: str = field(init=False)

    def __post_init__(self) -> None:
        self._have_names()

    def come_back(self, hello: Hello, routing_id: bytes, grant: Grant) -> None:
        """Be the same client over another connection."""
        self.hello, self.routing_id, self.grant = hello, routing_id, grant
        self._have_names()

    def _have_names(self) -> None:
        key = self.grant.name
        self.name = f"{key}/{self.hello.name}"[:_TEXT_CHARACTERS] if key else self.hello.name
        self.payer, self.owner = payer(self.grant, self.hello), identity(self.grant, self.hello)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes without any of which the client is gone.

        The host is one of them only while nothing is in flight: its relay has done what was read, and then leaves.
        """
        hello = self.hello
        return tuple(filter(None, (hello.pid, hello.relay_pid, 0 if self.in_flight else hello.host_pid)))

    def to_json(self, now: float) -> dict[str, object]:
        """Return what `cluster.status` says of the client."""
        return {
            "name": self.name,
            "pid": self.hello.pid,
            "version": self.hello.version,
            "in_flight": len(self.in_flight),
            "requests": self.requests,
            **self._behind(),
            **self.client_stats.to_json(now),
        }

    def _behind(self) -> dict[str, object]:
        """Return who is behind a gateway's session."""
        hello = self.hello
        known = ("host_pid", "relay_pid", "relay_version", "address", "application")
        return {name: value for name in known if (value := getattr(hello, name))}


def identity(grant: Grant, hello: Hello) -> str:
    """Return what tells a client from all others; one that names another's instance is that one only with its key."""
    return f"{grant.name}/{hello.instance}" if grant.name else hello.instance


def payer(grant: Grant, hello: Hello) -> str:
    """Return whose bounds a client shares: its key's, or its own."""
    return f"{grant.name}/" if grant.name else hello.instance  # no key's clients share with a local one


class Sessions:
    """All sessions, at most `most`, and of one key at most KEY_SESSIONS; those heard from longest ago first.

    users: how many do more than look on.
    """

    __slots__ = ("_by_identity", "_by_routing_id", "_most", "users")

    def __init__(self, most: int) -> None:
        self.users = 0
        self._most = most
        self._by_routing_id: OrderedDict[bytes, Session] = OrderedDict()
        self._by_identity: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._by_routing_id)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_routing_id.values())

    def sample(self, now: float) -> None:
        """Look at how many requests of each were answered by now."""
        for session in self:
            session.client_stats.sample(now)

    def heard(self, routing_id: bytes, grant: Grant) -> Session | None:
        """Return the session at that routing id, now the one heard from last; None if there is none.

        grant: of who speaks, which is in force from now on. A session of another key is none of his.
        """
        session = self._by_routing_id.get(routing_id)
        if session is None or session.grant.name != grant.name:
            return None
        session.grant = grant
        self._by_routing_id.move_to_end(routing_id)
        return session

    def find(self, routing_id: bytes) -> Session | None:
        """Return the session at that routing id, if there is one."""
        return self._by_routing_id.get(routing_id)

    def resume(self, routing_id: bytes, hello: Hello, grant: Grant) -> Session | None:
        """Return the session of a client that was there before, now reached at `routing_id`; None if it is new."""
        session = self._by_identity.get(identity(grant, hello))
        if session is not None:
            del self._by_routing_id[session.routing_id]
            self.users += session.hello.observer - hello.observer
            session.come_back(hello, routing_id, grant)
            self._by_routing_id[routing_id] = session
        return session

    def make_room(self, grant: Grant) -> Session | None:
        """Return the session that must end before one of that grant can open: the idlest; None if there is room.

        A key that has as many as it may has to make room itself. Raises OverloadedError when every session that could
        end waits for an answer.
        """
        among, most = list(self), self._most
        if grant.name and len(own := [one for one in among if one.grant.name == grant.name]) >= limits.KEY_SESSIONS:
            among, most = own, limits.KEY_SESSIONS
        if len(among) < most:
            return None
        idlest = next((session for session in among if not session.in_flight), None)
        if idlest is None:
            raise OverloadedError(
                f"all {most} sessions are busy; send it again after retry_after_ms", retry_after_ms=_RETRY_MS
            )
        return idlest

    def open(self, routing_id: bytes, hello: Hello, grant: Grant) -> Session:
        """Return a new session."""
        session = Session(hello, routing_id, grant)
        self.users += not hello.observer
        self._by_routing_id[routing_id] = self._by_identity[session.owner] = session
        return session

    def close(self, session: Session) -> None:
        """Forget a session."""
        self.users -= not session.hello.observer
        del self._by_routing_id[session.routing_id]
        del self._by_identity[session.owner]
