"""The router link: a worker's side of the router's backend, one DEALER with a heartbeat."""

from __future__ import annotations

import os
import threading
import time

import zmq

from memmux.errors import MemmuxError
from memmux.logs import log
from memmux.wire import protocol, sockets
from memmux.wire.protocol import Header, Kind, Message
from workers.runtime.jobs import Progressing, Worker
from workers.runtime.memory_cap import MemoryCap

LOOK_S = 0.05  # between two looks, during work, at what the router has said meanwhile
_DRAIN = 256  # messages taken from the socket at once

Attempt = tuple[str, int]  # of a request: its id and which attempt


class RouterLink:
    """The worker's side of the router's backend: one DEALER, with a heartbeat."""

    def __init__(self, address: str, identity: str, worker: Worker, heartbeat_s: float) -> None:
        self.heartbeat_s = heartbeat_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._socket = sockets.dealer(self._context, address, identity.encode())
        self._worker = worker
        self._said = self._looked = time.monotonic()
        self._inbox: list[Message] = []
        self._open: dict[Attempt, float] = {}  # requests that came and are not answered, and when they came
        self._cancelled: set[Attempt] = set()  # those of them that nobody waits for any more
        self._weight: MemoryCap | None = None  # from the start of work on
        self._retiring = False

    def send(self, header: Header, *frames: bytes) -> None:
        """Send a message."""
        self._send(protocol.encode(header, *frames))

    def _send(self, encoded: list[bytes]) -> None:
        self._said = time.monotonic()
        sockets.send_surely(self._socket, encoded)

    def say(self, kind: Kind, **detail: object) -> None:
        """Send a message about the worker itself, with its facts."""
        self.send(Header(kind=kind, detail={**detail, **self._worker.facts()}))

    def answer(self, header: Header, *frames: bytes) -> None:
        """Send the outcome of a request; raise MessageTooLargeError for one that the router could not read."""
        encoded = protocol.encode(header, *frames)
        protocol.check_size(encoded)
        self._open.pop((header.id, header.attempt), None)
        self._cancelled.discard((header.id, header.attempt))
        self._send(encoded)

    def hold(self, told: threading.Event) -> None:
        """Do nothing until `told` is set, but say so."""
        self.send(Header(kind=Kind.HEARTBEAT, detail={"held": True}))
        while not told.wait(self.heartbeat_s):
            self.send(Header(kind=Kind.HEARTBEAT, detail={"held": True}))

    def ready(self, cap_bytes: int) -> None:
        """Say that work can begin. From now on the process may grow so far."""
        self._weight = MemoryCap(cap_bytes)
        self.say(Kind.READY, pid=os.getpid(), credit=self._worker.credit)

    def alive(self) -> None:
        """Send a heartbeat if the last word was a while ago, and take what waits; cheap enough for every moment."""
        now = time.monotonic()
        if now - self._said >= self.heartbeat_s:
            if self._weight is None:  # it has no facts before it is ready
                detail = self._worker.progress() if isinstance(self._worker, Progressing) else {}
                self.send(Header(kind=Kind.HEARTBEAT, detail=detail))
            else:
                self.say(Kind.HEARTBEAT)
        if now - self._looked >= LOOK_S:
            self.look()
            self.retire_if_due()

    def retire_if_due(self) -> None:
        """Ask for a successor, once, if the worker wants one or has grown too large."""
        if self._weight is None:
            return
        due = self._weight.is_too_much() or self._worker.retiring  # the weight is looked at in any case
        if due and not self._retiring:
            self._retiring = True
            self.say(Kind.RETIRING)

    def is_cancelled(self, request_id: str, attempt: int) -> bool:
        """Return whether the router has said CANCEL to that attempt, as far as it was heard."""
        return (request_id, attempt) in self._cancelled

    def came_at(self, request_id: str, attempt: int) -> float:
        """Return when an attempt that is not answered yet was taken from the socket, in monotonic seconds."""
        return self._open.get((request_id, attempt), self._looked)

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages that came since, after waiting at most `timeout_s` for the first."""
        if not self._inbox and (frames := sockets.receive(self._socket, timeout_s)) is not None:
            self._looked = time.monotonic()
            self._put(frames)
        self.look()
        messages, self._inbox = self._inbox, []
        return messages

    def look(self) -> None:
        """Put what waits in the socket into the inbox, which `receive` returns."""
        self._looked = time.monotonic()
        for frames in sockets.waiting(self._socket, _DRAIN):
            self._put(frames)

    def _put(self, frames: list[bytes]) -> None:
        """Put a message into the inbox; answer a request that can't be read, as far as it says which one it is."""
        try:
            message = protocol.decode(frames)
        except MemmuxError as error:
            log.get().error("message_malformed", error=error.message)
            found = protocol.salvage(frames)
            if found is not None and all(found) and found not in self._open:
                request_id, number = found
                self.send(Header(kind=Kind.ERROR, id=request_id, attempt=number, detail=error.to_json()))
            return
        self._inbox.append(message)
        attempt = message.header.id, message.header.attempt
        if message.header.kind is Kind.REQUEST:
            self._open[attempt] = self._looked
        elif message.header.kind is Kind.CANCEL and attempt in self._open:
            # It comes after its REQUEST. What is answered already stays so, whoever uses the same id again.
            self._cancelled.add(attempt)

    def close(self) -> None:
        """Leave the router; what was sent is still delivered, if it takes no longer than a second."""
        self._socket.close(linger=1000)  # the last answers still go out
        self._context.term()
