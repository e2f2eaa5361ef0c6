"""The other end of the protocol, for clients to talk to: a real ROUTER in a thread that does what the test scripts."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import orjson
import zmq

from memmux.cluster import endpoint
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire import protocol
from memmux.wire.protocol import Header, Kind, Message
from tests.bounds import BOUND_S

Script = Callable[[Message], Iterable[list[bytes]]]


def result(message: Message, body: object, **fields: object) -> list[bytes]:
    """The RESULT of a request."""
    return protocol.encode(Header(kind=Kind.RESULT, id=message.header.id, **fields), orjson.dumps(body))


def error(message: Message, failure: MemmuxError) -> list[bytes]:
    """The ERROR that answers a request."""
    return protocol.encode_error(failure, message.header.id)


def status_body(**fields: object) -> dict[str, object]:
    """The body of cluster.status."""
    return {
        "state": "serving",
        "pid": os.getpid(),
        "version": "0",
        "endpoint": "ipc://x",
        "database": "x",
        "seq": 1,
        "memories": 1,
        "pending": 0,
        "model": "m",
        "uptime_s": 1.0,
        "rss_bytes": 1,
        "degraded": [],
        "workers": [],
        "clients": [],
        "queues": {},
        "requests": {},
        **fields,
    }


def answer_status(message: Message) -> list[list[bytes]]:
    """The script of a peer that answers everything with a status."""
    return [result(message, status_body())]


class Peer:
    """Binds, writes the endpoint file, answers HELLO and PING, and everything else by the script.

    requests: every REQUEST in order of arrival; others: every other message but PING.
    """

    def __init__(self, settings: Settings, script: Script = answer_status, *, model: str | None = "m") -> None:
        self.script = script
        self.model = model
        self.deaf = threading.Event()  # set: nothing is answered
        self.requests: queue.Queue[Message] = queue.Queue()
        self.others: queue.Queue[Message] = queue.Queue()
        self._places = Places(settings)
        self._places.database.parent.mkdir(exist_ok=True)
        self._pid = os.getpid()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self.address = self._places.sockets()[0] + os.urandom(2).hex()
        self._socket.bind(self.address)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def announce(self, pid: int | None = None) -> None:
        """Write the endpoint file."""
        endpoint.write(self._places, endpoint.Endpoint(self.address, pid or self._pid, "0", protocol.VERSION))

    def __enter__(self) -> Self:
        self.announce()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        self._context.term()
        self._places.endpoint.unlink(missing_ok=True)

    def request(self) -> Message:
        """Return the next REQUEST that came."""
        return self.requests.get(timeout=BOUND_S)

    def other(self, kind: Kind) -> Message:
        """Return the next message of that kind that came, and drop those before it."""
        while (message := self.others.get(timeout=BOUND_S)).header.kind is not kind:
            pass
        return message

    def _serve(self) -> None:
        with self._socket:
            while not self._stopped.is_set():
                if not self._socket.poll(10):
                    continue
                routing_id, *frames = self._socket.recv_multipart()
                for answer in self._answers(protocol.decode(frames)):
                    self._socket.send_multipart([routing_id, *answer])

    def _answers(self, message: Message) -> Iterable[list[bytes]]:
        if message.header.kind is Kind.REQUEST:
            self.requests.put(message)
        elif message.header.kind is not Kind.PING:
            self.others.put(message)
        if self.deaf.is_set():
            return ()
        match message.header.kind:
            case Kind.HELLO:
                return [protocol.encode(Header(kind=Kind.WELCOME, detail={"model": self.model, "pid": self._pid}))]
            case Kind.PING:
                return [protocol.encode(Header(kind=Kind.PONG))]
            case Kind.REQUEST:
                return self.script(message)
        return ()
