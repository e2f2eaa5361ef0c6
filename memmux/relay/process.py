"""The relay's process: `memmux mcp`, before anything else is imported."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = "mcp"
SETTING = "MEMMUX_GATEWAY"
_FALSE = ("0", "false", "no", "off")
TERMINAL = (
    "memmux: this speaks MCP with the client that starts it, and waits for one; `memmux install CLIENT` sets a client "
    "up; `memmux tail -f` shows what is logged; Ctrl-D ends it\n"
)
"""What is said to whoever starts it by hand."""
_HELP = ("--help", "-h", "--version")


def wanted(arguments: Sequence[str]) -> bool:
    """Return whether a command line is `memmux mcp` with nothing but options, and a gateway may serve it."""
    if os.environ.get(SETTING, "").strip().lower() in _FALSE or not hasattr(os, "posix_spawn"):
        return False
    rest, command = list(arguments), ""
    while rest:
        word = rest.pop(0)
        if word in _HELP:
            return False
        if word.startswith("--"):
            if "=" not in word:
                del rest[:1]
        elif command or word != COMMAND:
            return False
        else:
            command = word
    return command == COMMAND


def run(arguments: Sequence[str]) -> int:
    """Be the relay of the host that has started this process; return the exit code."""
    from memmux import interpreter
    from memmux.relay.host import Host
    from memmux.relay.relay import Relay, ending_at_once
    from memmux.relay.route import PRIVATE
    from memmux.relay.way import ClusterWay

    ending_at_once()
    if os.isatty(0):
        sys.stderr.write(TERMINAL)
    try:
        folder = os.getcwd()
    except OSError:  # it was removed
        folder = "/"
    way = ClusterWay(arguments, folder)
    if way.route is not None and way.route.mode == PRIVATE:
        # Nothing is read yet, so it can be one process.
        command = [sys.executable, "-P", "-m", "mcp_dealer", "--private", *way.route.flags]
        os.execve(command[0], command, interpreter.environment())  # noqa: S606 - no shell is wanted
    return Relay(Host(), way).run()
