"""Orders to the fork server, and its answers: one message each, over a socket pair that keeps messages apart.

A fork server (`workers.runtime.fork_server`) is started by the router with one end as its standard input. It says
`Answer()` once it can begin; to each order it says `Answer` with the pid of the new worker, which is the router's own
child by then, or with why there is none. Neither end is ever asked by anybody else.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from memmux.errors import MalformedMessageError

KIND = "fork_server"  # what it is called among the kinds of workers
BYTES = 4096  # more than a message has


@dataclass(frozen=True, slots=True)
class Order:
    """A worker that is wanted: its arguments, and with the message the descriptor of its standard input."""

    identity: str
    arguments: tuple[str, ...]

    def send(self, connection: socket.socket, standard_input: int) -> None:
        """Send it; raise OSError, BlockingIOError where it would have to wait."""
        socket.send_fds(connection, [orjson.dumps(asdict(self))], [standard_input])

    @classmethod
    def receive(cls, connection: socket.socket) -> tuple[Order, int] | None:
        """Wait for an order; return it with the descriptor, -1 where none could be had, or None at the end."""
        data, descriptors, _, _ = socket.recv_fds(connection, BYTES, 1)
        if not data:
            return None
        found = _fields(data)
        order = cls(_text(found, "identity"), tuple(_texts(found, "arguments")))
        return order, descriptors[0] if descriptors else -1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a fork server says: of a worker, its pid or the error; of itself, with no identity, that it can begin.

    loading: of itself, that it loads something before it forks the next worker, which takes as long as a start may.
    """

    identity: str = ""
    pid: int = 0
    error: str = ""
    loading: bool = False

    def send(self, connection: socket.socket) -> None:
        """Send it; raise OSError."""
        connection.send(orjson.dumps(asdict(self)))

    @classmethod
    def receive(cls, connection: socket.socket) -> Answer | None:
        """Return the next one, or None at the end; raise BlockingIOError while there is none, and OSError."""
        data = connection.recv(BYTES)
        if not data:
            return None
        found = _fields(data)
        pid = found.get("pid")
        if not isinstance(pid, int) or pid < 0:
            raise MalformedMessageError(f"a fork server's answer has the pid {pid!r}")
        return cls(_text(found, "identity"), pid, _text(found, "error"), found.get("loading") is True)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends; raise OSError."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _fields(data: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise MalformedMessageError("a message to or from a fork server is no JSON object")
    return found


def _text(found: dict[str, object], name: str) -> str:
    if not isinstance(value := found.get(name), str):
        raise MalformedMessageError(f"a message to or from a fork server has the {name} {value!r}")
    return value


def _texts(found: dict[str, object], name: str) -> Sequence[str]:
    value = found.get(name)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise MalformedMessageError(f"a message to or from a fork server has the {name} {value!r}")
    return value
