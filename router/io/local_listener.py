"""The local listener: this user's processes connect to it, until the process has hardly a descriptor left for them.

Then the socket's path gets another name: who is connected stays so, who comes finds nobody, and sees why. Unbinding
would end every connection.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress

import zmq

from memmux.config.paths import make_private
from memmux.errors import ClusterStartError, StoragePermissionError
from memmux.logs import log
from memmux.wire import sockets
from memmux.wire.addresses import path_of, path_while_full
from router.io import descriptors

FULL = "connections_full"  # the code that says: no more clients of this machine may connect
EVENT = struct.Struct("=Hi")  # how a monitor's message begins: which event, and its value
TURN = 64  # events that are taken at once


class LocalListener:
    """The cluster's own socket. full_at: how many descriptors are taken when nobody more is let in."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, full_at: int) -> None:
        self.socket = sockets.router(context)
        self._address = address
        self._full_at = full_at
        self._open = False  # until then the path may be another router's
        self._full = False
        self._monitor = sockets.monitor(self.socket, zmq.EVENT_ACCEPTED)

    def open(self) -> None:
        """Listen; raise ClusterStartError if that can't be."""
        try:
            path_while_full(self._address).unlink(missing_ok=True)  # of a router that was killed
            self.socket.bind(self._address)
        except (OSError, zmq.ZMQError) as error:
            raise ClusterStartError(
                f"the cluster can't listen at {path_of(self._address)}: {error.strerror}; remove what is there, or set "
                "MEMMUX_RUNTIME_DIR to another folder"
            ) from None
        self._open = True

    def close(self, linger_ms: int) -> None:
        """Close it; the last answers still go out."""
        self.socket.close(linger=linger_ms)
        self._monitor.close(linger=0)

    @property
    def polled(self) -> Sequence[zmq.Socket[bytes]]:
        """What the loop polls."""
        return self.socket, self._monitor

    def count(self) -> None:
        """See how many have connected, and let nobody more in if they are too many.

        A new descriptor has the lowest number that is free, so its number says how many there are.
        """
        for event, *_ in sockets.waiting(self._monitor, TURN):
            if EVENT.unpack(event)[1] >= self._full_at:
                self._shut()

    def look(self) -> Sequence[str]:
        """Let clients in again if others have left; return the code of what is wrong, if anything is.

        If somebody, as a cleaner of temporary folders, has removed the path, there is another one.
        """
        if not self._open:
            return ()
        with suppress(OSError, StoragePermissionError, zmq.ZMQError):
            if not self._full and descriptors.lowest_free() >= self._full_at:
                self._shut()
            elif self._full and descriptors.taken() < self._full_at:
                self._admit()
            elif not self._full:
                have_path(self.socket, self._address)
        return (FULL,) if self._full else ()

    def _shut(self) -> None:
        if self._full:
            return
        try:
            path_of(self._address).rename(path_while_full(self._address))
        except OSError as error:
            log.get().error("clients_not_shut_out", error=str(error))
            return
        self._full = True
        log.get().warning("clients_shut_out", descriptors=descriptors.taken(), most=self._full_at)

    def _admit(self) -> None:
        with suppress(FileNotFoundError):  # somebody has removed it: the next look makes another one
            path_while_full(self._address).rename(path_of(self._address))
        self._full = False
        log.get().info("clients_let_in", descriptors=descriptors.taken(), most=self._full_at)


def have_path(bound: zmq.Socket[bytes], address: str) -> None:
    """Make the path again of a socket that listens at that ipc address, if somebody has removed it.

    Raises OSError, StoragePermissionError or ZMQError if that can't be.
    """
    path = path_of(address)
    if not path.exists():
        make_private(path.parent)
        bound.bind(address)  # a second listener; who has connected to the first one still speaks over it
        log.get().warning("socket_made_again", path=str(path))
