"""A trial of the cluster's gateway, beside a gateway of the relay's own that serves: whether it could again."""

from __future__ import annotations

import _socket

from memmux.relay.frames import HELLO, SETTLED, Frame

TRIAL_S = 60.0  # for its first word, as it may have to be started


class Trial:
    """One connection, over which nothing but a hello is said; connected: non-blocking, and closed at the end."""

    __slots__ = ("_connected", "_hello", "_until")

    def __init__(self, connected: _socket.socket, hello: bytes, now: float) -> None:
        self._connected = connected
        self._hello = Frame(HELLO, 0, hello).pack()
        self._until = now + TRIAL_S

    def passed(self, now: float) -> bool | None:
        """Return whether the gateway understood; None while that is not known."""
        try:
            if self._hello:
                self._hello = self._hello[self._connected.send(self._hello) :]
            return self._connected.recv(1) == SETTLED
        except BlockingIOError:
            return None if now < self._until else False
        except OSError:
            return False

    def close(self) -> None:
        """Leave it."""
        self._connected.close()
