"""A process that has imported what a cluster's processes import, and forks them for tests: see `tests.forks`.

`process_server.py LISTENER HELD`, the numbers of two descriptors: the socket where it is asked, and the pipe whose end
is its own. A router that it forks has another such process to itself, forked before the router does anything: what a
router starts must be its own child, so a child of the router's forks it.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import resource
import runpy
import select
import socket
import sys
import time
from contextlib import suppress
from typing import Any

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # as of workers/__main__.py
os.environ.update(dict.fromkeys(_ONE_THREAD, "1"), TOKENIZERS_PARALLELISM="false")

from memmux.logs import lean_structlog  # once these are set

lean_structlog.import_structlog()

from mcp_dealer.sdk import lean_sdk  # after structlog

lean_sdk.import_sdk(http=True)

from memmux import processes  # the same
from memmux.config.loader import load  # the same
from tests import forks  # the same
from workers.preload import WorkerPreload  # the same

_MAIN = tuple(f"{name}.__main__" for name in forks.MODULES)
_LATER = ("mcp_dealer.http.service", "workers.runtime.fork_server")  # by most of them
_MOST = 1 << 16  # bytes that are read at once
_GIVEN_S = 0.0005  # between two looks whether the process in between has ended

Asked = dict[str, Any]
"""A `tests.forks.Order`, as it was sent."""


def serve(listener: socket.socket, held: int) -> None:
    """Fork what is asked for by who connects, until nobody holds this process; return in what is forked."""
    while True:
        ready, _, _ = select.select([listener, held], [], [])
        if held in ready:
            os._exit(0)
        connection, _ = listener.accept()
        with connection:
            asked = _read(connection)
            if asked is not None and _fork(connection, *asked):
                listener.detach()
                return


def _have_own_server() -> None:
    """Have a child fork what this router starts; return in the router, and in what is forked."""
    processes.adopt_orphans()
    ours, theirs = socket.socketpair()
    if os.fork():
        theirs.close()
        forks.order_by(lambda order, descriptors: order.send(ours, descriptors))
        return
    os.setpgid(0, 0)
    processes.end_with_parent()
    processes.set_command([sys.executable, __file__])  # nobody may take it for the router
    os.closerange(0, theirs.fileno())
    while asked := _read(theirs):
        if _fork(theirs, *asked):
            return
    os._exit(0)


def _read(connection: socket.socket) -> tuple[Asked, list[int]] | None:
    """Return the next order and its descriptors; None if nobody is there."""
    data, descriptors, _, _ = socket.recv_fds(connection, _MOST, forks.NUMBERS)
    while not data.endswith(b"\n"):
        more = connection.recv(_MOST) if data else b""
        if not more:  # who asked has ended
            _close(descriptors)
            return None
        data += more
    return json.loads(data), descriptors


def _fork(connection: socket.socket, order: Asked, descriptors: list[int]) -> bool:
    """Fork a process that is not our child, and say its pid; return whether this is it."""
    said, saying = os.pipe()
    if not (between := os.fork()):
        here = os.getpid()
        if forked := os.fork():
            os.write(saying, b"%d\n" % forked)
            os._exit(0)
        while os.getppid() == here:
            time.sleep(_GIVEN_S)
        connection.detach()
        _become(order, descriptors)
        return True
    os.close(saying)
    with os.fdopen(said, "rb") as pipe:
        pid = pipe.readline()
    os.waitpid(between, 0)
    _close(descriptors)
    with suppress(OSError):  # who asked has been killed
        connection.sendall(pid)
    return False


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _become(order: Asked, descriptors: list[int]) -> None:
    """Be as a process that was started with this order."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, forks.NUMBERS) for descriptor in descriptors]
    os.closerange(0, forks.NUMBERS)
    for number, descriptor in zip(order["numbers"], high, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(order["limit"]))
    if order["session"]:
        os.setsid()
    elif order["group"] >= 0:
        os.setpgid(0, order["group"])
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    sys.orig_argv[:] = order["arguments"]
    sys.argv[:] = order["arguments"][3:]
    processes.set_command(sys.orig_argv)


if __name__ == "__main__":
    WorkerPreload(load({}, {})).begin()
    for module in (*_MAIN, *_LATER):
        importlib.import_module(module)
    for module in _MAIN:
        del sys.modules[module]  # each is run anew
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
    if sys.argv[0] == "router":
        _have_own_server()
    code = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        code = ended.code or 0
    # What was imported is shared; to let go of each object of it would copy all of it.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
