"""The fork server: a process that has loaded what workers need, and forks a worker whenever the router orders one.

A worker so begins within milliseconds, and shares the memory of what is loaded with the others. It is the router's
own child all the same: it is forked from a process in between that ends, and the system gives it to the router, which
takes in orphans (`memmux.processes.adopt_orphans`). The fork server does nothing else: it has one thread, no ZeroMQ
context, no database, no log and no random numbers that two workers could share. Only Linux has what this needs.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from memmux import processes
from memmux.wire.forks import Answer, Order

_GIVEN_S = 0.0005  # between two looks whether the process in between has ended
_PID_BYTES = 8


class Preload(Protocol):
    """What workers share, since it is loaded before they are forked."""

    def begin(self) -> None:
        """Load what every worker needs."""

    def has_more(self, kind: str) -> bool:
        """Return whether workers of that kind share more than all of them do."""

    def load(self, kind: str) -> None:
        """Load that, unless it is loaded and the same; of what can't be, each worker says so by itself."""


def run(preload: Preload, common: Sequence[str], folder: Path) -> list[str] | None:
    """Fork workers until the router is gone, and then return None; in each worker, return its arguments.

    common: the arguments that all of them have. folder: their working directory.
    """
    router = os.getppid()
    processes.end_with_parent()
    preload.begin()
    _freeze()
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    Answer().send(connection)
    while (ordered := Order.receive(connection)) is not None:
        order, standard_input = ordered
        if preload.has_more(kind := order.arguments[0]):
            Answer(loading=True).send(connection)
            preload.load(kind)
            _freeze()
        answer = Answer(order.identity, error="it has no standard input") if standard_input < 0 else _fork(order)
        if answer is None:
            connection.close()
            return _begin(order, standard_input, common, folder, router)
        with suppress(OSError):
            os.close(standard_input)
        answer.send(connection)
    return None


def _freeze() -> None:
    """Let no collection in a worker write to, and so copy, every page of what is loaded."""
    gc.collect()
    gc.freeze()


def _fork(order: Order) -> Answer | None:
    """Fork a worker that is not our child; return None in it, and here what became of it."""
    try:
        said, saying = os.pipe()
        between = os.fork()
    except OSError as error:
        return Answer(order.identity, error=str(error.strerror))
    if not between:
        _fork_again(said, saying)
        return None
    os.close(saying)
    with os.fdopen(said, "rb") as pipe:
        pid = int.from_bytes(pipe.read(_PID_BYTES))
    os.waitpid(between, 0)  # from here on the worker is the router's
    return Answer(order.identity, pid) if pid else Answer(order.identity, error="the system forks no process")


def _fork_again(said: int, saying: int) -> None:
    """Fork the worker and end; in it, return when it has got the parent that it keeps."""
    here = os.getpid()
    try:
        worker = os.fork()
    except OSError:
        os._exit(1)
    if worker:
        os.write(saying, worker.to_bytes(_PID_BYTES))
        os._exit(0)
    os.close(said)
    os.close(saying)
    while os.getppid() == here:
        time.sleep(_GIVEN_S)


def _begin(order: Order, standard_input: int, common: Sequence[str], folder: Path, router: int) -> list[str]:
    """Be as a process that was started by the router: with its standard input, group, folder and command line."""
    processes.end_with_parent()
    if os.getppid() != router:  # it died just before
        os._exit(0)
    os.setpgid(0, 0)
    os.dup2(standard_input, 0)
    os.close(standard_input)
    with suppress(OSError):  # who opens the database says what is wrong
        os.chdir(folder)
    kind, identity, *more = order.arguments
    arguments = [kind, identity, *common, *more]
    sys.argv[1:] = arguments
    sys.orig_argv[-len(common) - 2 :] = arguments
    processes.set_command(sys.orig_argv)
    return arguments
