"""The search for a cluster on behalf of a relay: `python -P -m memmux.cli.launch FD ARGUMENTS…`.

The arguments are those of `memmux mcp`. What is found is written to the socket and to the file of the route, as
soon as the settings are known; then the cluster is found, or started. That none is to be had is told by the exit code:
its reason is for whoever calls a tool.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from memmux import interpreter
from memmux.cluster import endpoint, find, policy
from memmux.cluster.steps import pauses
from memmux.config import mms_database, usable
from memmux.config.loader import config_file, load
from memmux.config.mms_database import folders
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.config.variables import misspelt
from memmux.errors import MemmuxError
from memmux.files import durable
from memmux.relay import process
from memmux.relay import route as routes
from memmux.relay.route import Route
from memmux.relay.way import UNREACHABLE
from memmux.wire.addresses import path_of

_told: socket.socket | None = None
_arguments: list[str] = []


def asked() -> bool:
    """Return whether this process is one that searches."""
    return _told is not None


def search(settings: Settings) -> int:
    """Tell the relay the route, have the cluster be there, and return the exit code; raise what is wrong for good."""
    if settings.remote is None:
        usable.check(Places(settings))
    mode = routes.SHARED if settings.gateway and not settings.traces else routes.PRIVATE
    route = Route(_socket(settings), tuple(settings.flags()), mode)
    content = route.pack(map(str, _read(settings)))
    assert _told is not None
    with suppress(OSError):  # the relay is gone
        _told.sendall(content)
        _told.shutdown(socket.SHUT_WR)
    _keep(content)
    if mode == routes.PRIVATE:
        return 0
    if settings.remote is not None:
        return 0 if _have_gateway(Path(route.socket), settings) else UNREACHABLE
    try:
        with policy.with_gateway():
            find.ensure(settings)
    except MemmuxError:
        return UNREACHABLE
    if (path := _socket(settings)) != route.socket:  # another client has started it meanwhile, or it was no cluster
        _keep(Route(path, route.flags, mode).pack(map(str, _read(settings))))
    return 0


def _socket(settings: Settings) -> str:
    """Return where the gateway listens: beside the clients' socket of the cluster that runs, wherever that is.

    Who started it may have had another folder for sockets: hosts pass few variables on, and not XDG_RUNTIME_DIR.
    """
    places = Places(settings)
    if settings.remote is None and (found := endpoint.read(places)) is not None and found.alive():
        return str(path_of(found.address).with_name(places.mcp_socket.name))
    return str(places.mcp_socket)


def _have_gateway(path: Path, settings: Settings) -> bool:
    """Have a gateway of this machine serve a cluster on another one; return whether one does.

    One of those that are started serves, by a lock.
    """
    command = [sys.executable, "-P", "-m", "mcp_dealer", "--listen", *settings.flags()]
    nothing, env = subprocess.DEVNULL, interpreter.environment()
    started = subprocess.Popen(
        command, stdin=nothing, stdout=nothing, stderr=nothing, cwd="/", env=env, start_new_session=True
    )
    until = time.monotonic() + settings.start_timeout_s
    for pause in pauses():
        with suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
            tried.connect(str(path))
            return True
        if started.poll() not in (None, 0) or time.monotonic() >= until:
            return False
        time.sleep(pause)
    return False


def _read(settings: Settings) -> Iterator[Path]:
    """Yield the files from which settings may have come, there or not."""
    cwd, home = folders()
    yield config_file()
    yield from mms_database.files(cwd, home)
    yield Places(settings).adoption
    if settings.remote is not None:
        yield settings.remote


def _keep(content: bytes) -> None:
    """Write the file of the route, for the relays to come."""
    cwd, _ = folders()
    file = routes.path(_arguments, os.environ, str(cwd))
    if routes.make_folder(file):
        with suppress(OSError):
            durable.write(Path(file), content, sync=False)


def main(told: int, arguments: list[str]) -> int:
    """Run the command line as a search; return the exit code."""
    global _told, _arguments  # a process has one search
    _told, _arguments = socket.socket(fileno=told), arguments
    threading.Thread(target=_end_with_relay, args=(_told,), name="relay-watch", daemon=True).start()
    settings = _settings(arguments)
    if settings is not None:
        with suppress(MemmuxError):  # the command line meets it again, and says it
            return search(settings)
    from memmux.cli.main import run  # few need all of it

    return run(arguments)


def _settings(arguments: list[str]) -> Settings | None:
    """Return the settings of a relay that was given no options; None if there is something for the command line to say.

    Most relays are started so, and a command line takes a fifth of what is imported here.
    """
    if arguments != [process.COMMAND] or sys.stderr.isatty() or misspelt(os.environ):
        return None
    try:
        return load()
    except MemmuxError:
        return None


def _end_with_relay(told: socket.socket) -> None:
    """End when the relay does: then nobody waits for a cluster."""
    with suppress(OSError):
        told.recv(1)
    os._exit(0)


if __name__ == "__main__":
    # This module as others know it.
    sys.exit(importlib.import_module("memmux.cli.launch").main(int(sys.argv[1]), sys.argv[2:]))
