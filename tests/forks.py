"""How tests start the processes of a cluster: forked from one that has imported their modules.

Most of what a cluster costs is to start Python, and to import the same modules for its router, its fork server and its
gateway. `tests/process_server.py` has imported them once, and has no thread, no socket and no file. What is forked from
it is a process like any other, with its own pid, session, folder, environment, streams and descriptors, and runs the
module that was asked for from its first line. A test that is about how processes start, or about what they import, is
marked `spawned`, and has them started as users have.

In a process that has called `order_by`, `subprocess` orders what it would start, if it is one of these modules.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from memmux.interpreter import HOME
from tests.bounds import BOUND_S

SERVER = "TESTS_PROCESS_SERVER"  # the variable with the path of its socket; nothing is forked without it
MODULES = ("router", "workers", "mcp_dealer")
NUMBERS = 200  # more than the descriptors of what is forked are called, which are kept; fewer than 253 can be sent
_STREAMS = 3
_ROOM = 8192  # bytes of its command line, which those that it forks put theirs in
_READ_WHEN_PYTHON_STARTS = ("PYTHON", "LC_", "LANG", "LD_", "DYLD_")
_spawn: Callable[..., int] = subprocess._fork_exec  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Order:
    """A process that is wanted; its descriptors are sent with the order.

    arguments: its command line. numbers: what its descriptors are to be called; the first are its streams. session:
    whether it begins one. group: its process group, -1 for that of its session. limit: of its open files.
    """

    arguments: list[str]
    env: dict[str, str]
    folder: str
    numbers: list[int]
    session: bool
    group: int
    limit: tuple[int, int]

    def send(self, connection: socket.socket, descriptors: Sequence[int]) -> int:
        """Send it; return the pid of the process."""
        data = json.dumps(asdict(self)).encode() + b"\n"
        sent = socket.send_fds(connection, [data], descriptors)
        if sent < len(data):  # to send nothing fails where the other end has answered and is gone
            connection.sendall(data[sent:])
        said = b""
        while not said.endswith(b"\n"):
            more = connection.recv(64)
            assert more, "the process that forks others has ended"
            said += more
        return int(said)


def order_by(send: Callable[[Order, Sequence[int]], int | None]) -> None:
    """Have `subprocess` order processes by what sends an order with its descriptors, and returns the pid.

    Where that returns None, they are started as ever.
    """
    at_start()

    def fork_exec(*given: Any) -> int:
        wanted = _wanted(given)
        pid = None if wanted is None else send(*wanted)
        return _spawn(*given) if pid is None else pid

    subprocess._fork_exec = fork_exec  # type: ignore[attr-defined]


def order_by_name(order: Order, descriptors: Sequence[int]) -> int | None:
    """Send an order to the server that its environment names; None if it names none that has been started."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(order.env[SERVER])
        except (KeyError, FileNotFoundError, ConnectionRefusedError):
            return None
        connection.settimeout(BOUND_S)
        return order.send(connection, descriptors)


def _wanted(given: Sequence[Any]) -> tuple[Order, list[int]] | None:
    """Return, of the arguments of `_fork_exec`, what is to be forked and its descriptors; None if that can't be."""
    arguments, _, _, kept, cwd, entries, p2cread, _, _, c2pwrite, _, errwrite, _, told, _, session, group = given[:17]
    words = [os.fsdecode(word) for word in arguments]
    if words[:3] != [sys.executable, "-P", "-m"] or words[3] not in MODULES or entries is None:
        return None
    env = dict(os.fsdecode(entry).split("=", 1) for entry in entries)
    folder = os.fspath(cwd) if cwd is not None else os.getcwd()  # noqa: PTH109  # as it is given
    path = set(env.get("PYTHONPATH", "").split(os.pathsep))
    if of_start(env) != at_start() or not path <= {"", HOME} or not os.access(folder, os.X_OK):
        return None
    passed = [number for number in kept if number != told]
    if max(passed, default=0) >= NUMBERS:
        return None
    streams = [number if own == -1 else own for number, own in enumerate((p2cread, c2pwrite, errwrite))]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    numbers = [*range(_STREAMS), *passed]
    return Order(words, env, folder, numbers, bool(session), group, limit), [*streams, *passed]


def of_start(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a process must have when it starts; a path is among them if code of it runs then."""
    path = [Path(entry, "sitecustomize.py") for entry in env.get("PYTHONPATH", "").split(os.pathsep)]
    given = {name: value for name, value in env.items() if name.startswith(_READ_WHEN_PYTHON_STARTS)}
    if not any(file.exists() for file in path):
        given.pop("PYTHONPATH", None)
    return given


def command(module: str) -> list[str]:
    """Return the command line that runs a module as `python -P -m` does; the clusters that it starts are forked."""
    run = f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    code = f"import runpy; from tests import forks; forks.order_by(forks.order_by_name); {run}"
    return [sys.executable, "-P", "-c", code]


@cache
def at_start() -> dict[str, str]:
    """Return those of this process when it was first asked for them: whatever is forked has begun with the same."""
    return of_start(os.environ)


class Server:
    """The server of this process's tests, once it has been started; what it needs it imports meanwhile."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="mm-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.path = f"{folder}/forks"
        self._process: subprocess.Popen[bytes] | None = None
        order_by(order_by_name)

    def start(self) -> None:
        """Start it, unless that has been done; whoever connects is served once it can."""
        if self._process is not None:
            return
        held, ours = os.pipe()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen(64)
            script = str(Path(__file__).with_name("process_server.py"))
            room = "-" * _ROOM
            command = [sys.executable, "-P", script, str(listener.fileno()), str(held), room]
            nothing = subprocess.DEVNULL
            self._process = subprocess.Popen(command, pass_fds=[listener.fileno(), held], stdin=nothing, stdout=nothing)
        os.close(held)
        atexit.register(self._process.wait, BOUND_S)
        atexit.register(os.close, ours)  # with which it ends
