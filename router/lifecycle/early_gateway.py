"""The early gateway: where a relay waits for one, it is started before the router imports what it needs itself.

Its socket has no address yet, so it is held until the router has one for it. Little is imported here.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress

from memmux.cluster.router_flags import WITH_GATEWAY, settings_in
from router.lifecycle.child_environment import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HTTP = "--http="  # the setting with which a gateway gets another socket as well
NO_HTTP = "--http=none"
HELD = "--held"  # the flag of a gateway that waits for BEGIN on its standard input
BEGIN = b"\n"


class EarlyGateway:
    """A process and its socket. Raises OSError if there can't be one. flags: the settings of the cluster.

    It is in this process' working directory, which is the folder of the database.
    """

    def __init__(self, flags: Sequence[str]) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        """The socket that it will listen at."""
        try:
            self.process = spawn(self.listener.fileno(), None, [HELD, *flags], None)
        except OSError:
            self.listener.close()
            raise

    def begin(self) -> None:
        """Let it take relays in."""
        assert self.process.stdin is not None
        with suppress(OSError):  # it has ended, as the router will see
            os.write(self.process.stdin.fileno(), BEGIN)


def of(arguments: Sequence[str]) -> EarlyGateway | None:
    """Return the gateway of a router with these arguments; None if none is asked for, or it has to wait."""
    flags = settings_in(arguments)
    if WITH_GATEWAY not in arguments or any(flag.startswith(HTTP) and flag != NO_HTTP for flag in flags):
        return None
    try:
        return EarlyGateway(flags)
    except OSError:  # the router has one later, or says why not
        return None


def spawn(
    descriptor: int, http: int | None, flags: Sequence[str], folder: os.PathLike[str] | None
) -> subprocess.Popen[bytes]:
    """Start a gateway; raise OSError if the system starts none.

    descriptor: the socket that relays connect to. http: the one for HTTP, or None. folder: where it works.
    """
    hows = [f"--listen-fd={descriptor}", *([] if http is None else [f"--http-fd={http}"])]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mcp_dealer", *hows, *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=environment(),
        process_group=0,  # as of the workers
        pass_fds=(descriptor, *([] if http is None else [http])),
    )
