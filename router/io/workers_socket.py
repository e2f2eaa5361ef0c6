"""The socket for workers: a ROUTER that only the processes of this cluster connect to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import zmq

from memmux.errors import ClusterStartError, StoragePermissionError
from memmux.wire import sockets
from memmux.wire.addresses import path_of
from router.io.listeners import LINGER_MS
from router.io.local_listener import have_path


class WorkersSocket:
    """Messages of workers, and messages to them; raises ClusterStartError if it can't be bound.

    socket: what the loop polls.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str) -> None:
        self._address = address
        try:
            self.socket = sockets.router(context, address)
        except zmq.ZMQError as error:
            raise ClusterStartError(
                f"the cluster can't listen at {path_of(address)}: {error.strerror}; remove what is there, or set "
                "MEMMUX_RUNTIME_DIR to another folder"
            ) from None

    def messages(self, most: int) -> Iterator[tuple[str, Sequence[bytes]]]:
        """Yield what workers say, so many messages at most: who says it, and the frames."""
        for sender, *frames in sockets.waiting(self.socket, most):
            yield sender.decode("ascii", errors="replace"), frames

    def send(self, identity: str, frames: Sequence[bytes]) -> bool:
        """Send without blocking; return False when the worker is gone, or has not read for thousands of messages."""
        return sockets.send(self.socket, identity.encode(), frames)

    def look(self) -> None:
        """Make the path again if somebody has removed it; what fails is tried again when this is next called."""
        with suppress(OSError, StoragePermissionError, zmq.ZMQError):
            have_path(self.socket, self._address)

    def close(self) -> None:
        """Close it; the last messages still go out."""
        self.socket.close(linger=LINGER_MS)
