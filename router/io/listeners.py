"""The entrance: where clients come in and are answered, on the cluster's own socket and through the door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import zmq

from memmux.processes import alive
from memmux.wire import protocol, sockets
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.protocol import Header, Kind

if TYPE_CHECKING:
    from router.io.remote_listener import (
        Door,  # imported where it is needed: few clusters listen beyond their own socket
    )

LINGER_MS = 500  # for the last answers to go out
_PONG = protocol.encode(Header(kind=Kind.PONG))


class Entrance:
    """The sockets for clients.

    address: of the cluster's own, which this user's processes reach. door: for clients of other machines, if they may
    come in.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, door: Door | None) -> None:
        self._context = context
        self._address = address
        self._frontend = sockets.router(context)
        self._door = door
        self._open = False  # the door

    def open(self) -> None:
        """Listen; raise AddressUnavailableError if the door can't, and then listen nowhere."""
        if self._door is not None:
            self._door.open(self._context)
            self._open = True
        self._frontend.bind(self._address)

    def shut(self) -> None:
        """Close the door, so that another router can listen there; clients of this machine are still heard."""
        if self._door is not None and self._open:
            self._open = False
            self._door.close(LINGER_MS)

    def close(self) -> None:
        """Close everything; the last answers still go out."""
        self._frontend.close(linger=LINGER_MS)
        self.shut()

    @property
    def polled(self) -> Sequence[zmq.Socket[bytes]]:
        """What the loop polls."""
        return self._frontend, *(self._door.polled if self._door is not None and self._open else ())

    def messages(self, most: int, now: float) -> Iterator[tuple[bytes, Sequence[bytes], Grant]]:
        """Yield what clients say: routing id, frames, and what they may do; so many at most from either side."""
        for _ in range(most):
            try:
                routing_id, *frames = self._frontend.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            yield routing_id, frames, LOCAL
        if self._door is not None and self._open:
            self._door.answer(now)
            yield from self._door.messages(most)

    def send(self, routing_id: bytes, frames: Sequence[bytes]) -> bool:
        """Send without blocking; return False when the client is gone, or has not read for thousands of messages."""
        if self._door is None or not self._door.owns(routing_id):
            return sockets.send(self._frontend, routing_id, frames)
        return self._open and sockets.send(self._door.listener, self._door.inner(routing_id), frames)

    def gone(self) -> Sequence[bytes]:
        """Return the clients that were shut out since this was last asked: their key is valid no more."""
        return self._door.gone() if self._door is not None else ()

    def look(self) -> None:
        """See whose key is valid no more."""
        if self._door is not None and self._open:
            self._door.refresh()

    def missing(self, sessions: Mapping[bytes, int], now: float) -> list[bytes]:
        """Return those that are gone: by their process, or, on another machine, by their connection.

        sessions: the pid that belongs to each routing id.
        """
        door = self._door
        missing = [known for known, pid in sessions.items() if not (door and door.owns(known)) and not alive(pid)]
        if door is not None and self._open:
            missing += [known for known in door.to_probe(sessions, now) if not self.send(known, _PONG)]
        return missing
