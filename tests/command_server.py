"""A process that has imported the command line, and forks for each command that a test runs: see `tests.commands`."""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import time

import memmux.__main__
from memmux.cli import clusters, connect, key, settings, web, web_address
from memmux.cli.table import COMMANDS
from memmux.cluster import ping
from memmux.doctor import http, relay
from memmux.hosts import http_trial, trial
from tests import forks
from tests.bounds import AS_USERS, BOUND_S, PONG_S

# What nearly every command imports while it runs.
_MODULES = (
    *("memmux.cli.streams", "memmux.cli.output", "memmux.relay.process"),
    *("memmux.client.blocking", "memmux.cluster.find", "memmux.cluster.start", "memmux.logs.log"),
)
_MOST = 1 << 16  # bytes that are read at once
_STREAMS = 3


def _wait_long() -> None:
    """Have commands wait for the answer of a cluster that is there, however busy the machine is.

    Users are not kept waiting by what only adds to an answer, nor for long by a cluster that does not answer a PING.
    """
    if not os.environ.pop(AS_USERS, ""):
        ping.PONG_S = connect.ANSWER_S = PONG_S
    http.ANSWER_S = http_trial.BOUND_S = relay.BOUND_S = trial.BOUND_S = BOUND_S
    key.TAKEN_S = settings._LOOK_S = clusters._LOOK_S = web_address.ASK_S = web.OPENS_S = BOUND_S


def serve(control: socket.socket) -> None:
    """Run one command after the other until nobody asks any more; in the process of a command, return to run it."""
    while True:
        asked, descriptors, _, _ = socket.recv_fds(control, _MOST, _STREAMS)
        while asked and not asked.endswith(b"\n"):
            asked += control.recv(_MOST)
        if not asked:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            control.close()
            _become(json.loads(asked), descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        control.sendall(b"%d\n" % pid)
        control.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _become(asked: dict[str, object], descriptors: list[int]) -> None:
    """Have the arguments, the environment, the folder and the streams of the command."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [*given, *(entry for entry in sys.path if entry not in path)]
    importlib.invalidate_caches()
    time.tzset()
    _wait_long()
    os.chdir(str(asked["cwd"]))
    sys.argv[1:] = asked["arguments"]  # type: ignore[assignment]


if __name__ == "__main__":
    for module in (*_MODULES, *{f"memmux.cli.{entry.where.rpartition('.')[0]}" for entry in COMMANDS.values()}):
        importlib.import_module(module)
    forks.order_by(forks.order_by_name)
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    memmux.__main__.main()
