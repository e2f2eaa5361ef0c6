"""Actions: values by which the dispatcher asks the loop to do something, performed in the order given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memmux.errors import MemmuxError
from memmux.wire import protocol
from memmux.wire.grants import Grant
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind


@dataclass(frozen=True, slots=True)
class ToClient:
    """Send the frames to a client; when it can't be reached, tell `Dispatcher.on_client_gone`."""

    routing_id: bytes
    frames: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ToWorker:
    """Send the frames to a worker; when it can't be reached, tell `Dispatcher.on_worker_exit`."""

    worker_id: str
    frames: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End a worker's process at once: the dispatcher has given it up already."""

    worker_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReplaceWorker:
    """Start a successor of a worker that retires; the dispatcher stops the old one when the new one is ready."""

    worker_id: str


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """Note that a worker has started and takes requests."""

    worker_id: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """Note that a worker can't start; error: what it said, as `MemmuxError.to_json` writes it."""

    worker_id: str
    stage: Stage
    error: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OwnStatus:
    """The part of the status for a client with few rights: its grant, and its own session."""

    grant: Grant
    client: Mapping[str, object]

    def of(self, status: Mapping[str, object]) -> dict[str, object]:
        """Return what it is told of the body of a `cluster.status`: no path, process, count, or other client."""
        told = {name: status[name] for name in ("state", "version", "model", "degraded", "uptime_s", "health")}
        return {**told, "clients": [self.client], "grant": self.grant.to_json()}


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """Answer this `cluster.status` with what dispatcher and supervisor know.

    known: all that a client with that grant may be told of clients, itself; None for one that may be told everything.
    """

    routing_id: bytes
    request_id: str
    known: OwnStatus | None = None


@dataclass(frozen=True, slots=True)
class BeginDrain:
    """Exit once the dispatcher, which refuses new requests from now on, is drained; reason: for the log.

    successor: the pid of the router that takes over, if one does.
    """

    reason: str
    successor: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """Write an event to the log; level: debug, info, warning or error. happened: when, if not just now."""

    level: str
    event: str
    fields: Mapping[str, object]
    happened: float | None = None


Action = ToClient | ToWorker | KillWorker | ReplaceWorker | WorkerReady | WorkerFailed | ReportStatus | BeginDrain | Log
"""Everything that the dispatcher can ask for."""


class Outbox:
    """The actions that one input leads to, collected until the loop takes them.

    happened: when what is logged from now on did, if it was before, and others may have logged what followed.
    """

    __slots__ = ("_actions", "happened")

    def __init__(self) -> None:
        self._actions: list[Action] = []
        self.happened: float | None = None

    def add(self, action: Action) -> None:
        """Append an action."""
        self._actions.append(action)

    def client(self, routing_id: bytes, header: Header, *frames: bytes) -> None:
        """Send a message to a client."""
        self._actions.append(ToClient(routing_id, protocol.encode(header, *frames)))

    def refuse(self, routing_id: bytes, error: MemmuxError, request_id: str = "") -> None:
        """Send an error to a client."""
        self._actions.append(ToClient(routing_id, protocol.encode_error(error, request_id)))

    def worker(self, worker_id: str, header: Header, *frames: bytes) -> None:
        """Send a message to a worker."""
        self._actions.append(ToWorker(worker_id, protocol.encode(header, *frames)))

    def cancel(self, worker_id: str, request_id: str, attempt: int) -> None:
        """Tell a worker that nobody waits for this attempt of a request any more."""
        self.worker(worker_id, Header(kind=Kind.CANCEL, id=request_id, attempt=attempt))

    def log(self, level: str, event: str, **fields: object) -> None:
        """Write an event to the log."""
        self._actions.append(Log(level, event, fields, self.happened))

    def take(self) -> list[Action]:
        """Return what was collected and start anew."""
        taken, self._actions = self._actions, []
        return taken
