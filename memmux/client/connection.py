"""The connection of a client to one router: how long is waited at it, and how it is left."""

from __future__ import annotations

import os
import time
import weakref
from contextlib import suppress
from typing import Any

import zmq

from memmux.cluster.endpoint import Endpoint
from memmux.wire import protocol, sockets
from memmux.wire.protocol import Header, Kind

WATCH_S = 0.25  # between two looks whether the router's process lives, while an answer is awaited
MOVE_S = 0.02  # between two looks whether another router serves, once this one has said that it stops
GOODBYE_MS = 100  # for the GOODBYE to leave


class Connection:
    """The socket of a client to one router."""

    def __init__(self, client: object, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.heard = time.monotonic()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = sockets.dealer(context, endpoint.address, curve=endpoint.curve)
        # Also when the client is collected, and when the program ends.
        self.close = weakref.finalize(client, hang_up, context, self._socket, os.getpid(), endpoint)

    def alive(self) -> bool:
        """Return whether the router's process runs, as far as can be known."""
        return self.endpoint.alive()

    def send(self, messages: list[list[bytes]]) -> None:
        """Send without blocking; what can't be sent is lost, and sent again when no answer comes."""
        for frames in messages:
            with suppress(zmq.Again):
                sockets.send_now(self._socket, frames)

    def receive(self, timeout_s: float) -> list[bytes] | None:
        """Return the next message, or None if none comes within the time."""
        frames = sockets.receive(self._socket, timeout_s)
        if frames is not None:
            self.heard = time.monotonic()
        return frames


def hang_up(context: zmq.Context[Any] | None, socket: zmq.Socket[Any], process: int, router: Endpoint) -> None:
    """Close a socket to the router, with a goodbye if the router is there to hear it.

    context: its own, which ends with it; None for one that others use. process: the pid of who opened the socket; in a
    forked child nothing happens.
    """
    if os.getpid() != process:
        return
    reachable = router.alive()
    if reachable:
        with suppress(zmq.ZMQError):
            # The plain socket, also of one that returns futures.
            zmq.Socket.shadow(socket.underlying).send_multipart(protocol.encode(Header(kind=Kind.GOODBYE)), zmq.NOBLOCK)
    socket.close(linger=GOODBYE_MS if reachable else 0)
    if context is not None:
        context.term()
