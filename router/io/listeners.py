"""The listeners: clients are heard and answered on the cluster's own socket, and on that for other machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import zmq

from memmux.processes import alive
from memmux.wire import protocol, sockets
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.protocol import Header, Kind
from router.io.local_listener import LocalListener

if TYPE_CHECKING:
    from router.io.remote_listener import (
        RemoteListener,  # imported where it is needed: few clusters listen beyond their own socket
    )

LINGER_MS = 500  # for the last answers to go out
_PONG = protocol.encode(Header(kind=Kind.PONG))


class Listeners:
    """The sockets for clients.

    address: of the cluster's own, which this user's processes reach. remote: for clients of other machines, if it
    shall listen for them. full_at: how many descriptors are taken when nobody more is let in.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], address: str, remote: RemoteListener | None, full_at: int
    ) -> None:
        self._context = context
        self._local = LocalListener(context, address, full_at)
        self._remote = remote
        self._open = False  # the remote listener

    def open(self) -> None:
        """Listen; raise AddressUnavailableError if the remote listener can't, and then listen nowhere."""
        if self._remote is not None:
            self._remote.open(self._context)
            self._open = True
        self._local.open()

    def shut(self) -> None:
        """Close the remote listener, for another router to listen there; clients of this machine are still heard."""
        if self._remote is not None and self._open:
            self._open = False
            self._remote.close(LINGER_MS)

    def close(self) -> None:
        """Close everything; the last answers still go out."""
        self._local.close(LINGER_MS)
        self.shut()

    @property
    def polled(self) -> Sequence[zmq.Socket[bytes]]:
        """What the loop polls."""
        return *self._local.polled, *(self._remote.polled if self._remote is not None and self._open else ())

    def messages(self, most: int, now: float) -> Iterator[tuple[bytes, Sequence[bytes], Grant]]:
        """Yield what clients say: routing id, frames, and what they may do; so many at most from either side."""
        for routing_id, *frames in sockets.waiting(self._local.socket, most):
            yield routing_id, frames, LOCAL
        self._local.count()
        if self._remote is not None and self._open:
            self._remote.answer(now)
            yield from self._remote.messages(most)

    def send(self, routing_id: bytes, frames: Sequence[bytes]) -> bool:
        """Send without blocking; return False when the client is gone, or has not read for thousands of messages."""
        if self._remote is None or not self._remote.owns(routing_id):
            return sockets.send(self._local.socket, routing_id, frames)
        return self._open and sockets.send(self._remote.listener, self._remote.inner(routing_id), frames)

    def gone(self) -> Sequence[bytes]:
        """Return the clients that were shut out since this was last asked: their key is valid no more."""
        return self._remote.gone() if self._remote is not None else ()

    def troubles(self, now: float) -> Sequence[str]:
        """Return the codes of what is wrong; to be asked now and then, as it lets clients in again."""
        return *self._local.look(), *(self._remote.troubles(now) if self._remote is not None and self._open else ())

    def look(self) -> None:
        """See whose key is valid no more."""
        if self._remote is not None and self._open:
            self._remote.refresh()

    def missing(self, sessions: Mapping[bytes, tuple[int, ...]], now: float) -> list[bytes]:
        """Return those that are gone: by their processes, or, on another machine, by their connection.

        sessions: the pids that belong to each routing id.
        """
        remote = self._remote
        here = {known: pids for known, pids in sessions.items() if not (remote and remote.owns(known))}
        dead = {
            pid for pid in {pid for pids in here.values() for pid in pids} if not alive(pid)
        }  # many have one gateway
        missing = [known for known, pids in here.items() if not dead.isdisjoint(pids)]
        if remote is not None and self._open:
            missing += [known for known in remote.to_probe(sessions, now) if not self.send(known, _PONG)]
        return missing
