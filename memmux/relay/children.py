"""The processes that a relay starts: each has one end of a socket pair, and of the host nothing but standard error."""

from __future__ import annotations

import _socket
import os

from memmux import interpreter


def spawn(command: list[str], ours: _socket.socket, theirs: _socket.socket) -> int:
    """Start a process that has its end and nothing of the host's but standard error; return its pid.

    Raises OSError, and closes both ends, if it can't be started.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, 2, 1),
    ]
    try:
        return os.posix_spawn(command[0], command, interpreter.environment(), file_actions=actions)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
