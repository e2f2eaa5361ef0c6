"""The inbox of an asyncio client: a socket whose messages the event loop hands over as they come, without futures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import zmq

from memmux.wire import sockets

BATCH_MESSAGES = 64  # handed over at once; then others have their turn

Messages = Sequence[list[bytes]]


class Inbox:
    """A socket while the running event loop reads it; take: called with messages, in order.

    ZeroMQ's descriptor tells of changes alone, and is quiet again once anything was sent or read (`ZMQ_FD` in
    zmq_getsockopt(3)), so that the socket is asked each time whether there is more.
    """

    def __init__(self, socket: zmq.Socket[bytes], take: Callable[[Messages], None]) -> None:
        self._socket = socket
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._descriptor = int(socket.getsockopt(zmq.FD))
        self._again: asyncio.Handle | None = None
        self._loop.add_reader(self._descriptor, self._read)
        self._look()

    def send(self, frames: Sequence[bytes]) -> None:
        """Send a message now, or not at all: it must not block, and what has no answer is sent again."""
        with suppress(zmq.ZMQError):
            sockets.send_now(self._socket, frames)
        with suppress(zmq.ZMQError):  # the context was ended
            self._look()

    def close(self) -> None:
        """Hand nothing over any more; the socket is left as it is."""
        self._loop.remove_reader(self._descriptor)
        if self._again is not None:
            self._again.cancel()

    def _look(self) -> None:
        """Have read soon what the descriptor tells no more."""
        if self._again is None and int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            self._again = self._loop.call_soon(self._read)

    def _read(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._again = None
        messages: list[list[bytes]] = []
        try:
            messages.extend(sockets.waiting(self._socket, BATCH_MESSAGES))
            if len(messages) == BATCH_MESSAGES:
                self._again = self._loop.call_soon(self._read)
        except zmq.ZMQError:  # the context was ended
            self.close()
        if messages:
            self._take(messages)
