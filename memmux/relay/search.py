"""The search for the cluster: a child that finds it, or starts it, and a lock, so that one relay at a time has one."""

from __future__ import annotations

import _socket
import os
import sys

from memmux.relay import children
from memmux.relay import route as routes
from memmux.relay.route import Route
from memmux.relay.turn import Turn

MOST_S = 90.0  # for a child, more than a start takes: while one hangs the relays of all hosts wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Search:
    """One relay's search. arguments: of the relay. file: of its route, beside which the lock is."""

    def __init__(self, arguments: Sequence[str], file: str) -> None:
        self._arguments = arguments
        self._child = 0
        self._told: _socket.socket | None = None  # by the child; it ends when this is closed
        self._said = b""
        self._until = 0.0  # when the child is killed
        self._turn = Turn(f"{file}.lock")

    @property
    def running(self) -> bool:
        """Whether there is a child."""
        return bool(self._child)

    def begin(self, now: float) -> bool:
        """Have a child search; return whether it is this relay's turn, and raise OSError if none can be started."""
        if not self._turn.take():
            return False
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        ours.setblocking(False)
        os.set_inheritable(theirs.fileno(), True)
        command = [sys.executable, "-P", "-m", "memmux.cli.launch", str(theirs.fileno()), *self._arguments]
        self._child = children.spawn(command, ours, theirs)
        self._told, self._said, self._until = ours, b"", now + MOST_S
        return True

    def found(self) -> tuple[bool, Route | None]:
        """Return whether the child has just told the route, and what it is; None if that holds no more."""
        if self._told is None:
            return False, None
        try:
            while part := self._told.recv(routes.READ_BYTES):
                self._said += part
        except BlockingIOError:
            return False, None
        except OSError:
            pass
        said, self._said = self._said, b""
        return bool(said), Route.unpack(said) if said else None

    def ended(self, now: float) -> int | None:
        """Return the exit code of the child, once it has ended; then it is another relay's turn.

        Negative is the signal that has ended it; one that takes too long is killed.
        """
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if not pid:
            if now >= self._until:
                os.kill(self._child, 9)
            return None
        self._child = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """Leave the search to another relay; a child of ours ends with it."""
        if self._told is not None:
            self._told.close()
            self._told = None
        self._turn.give()
