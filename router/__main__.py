"""The router process: `python -P -m router [--ready-fd=N] [--succeed] FLAGS…`, as `memmux serve` and clients start it.

It holds the database's lock for its whole life, so there is one cluster per database. Whoever started it reads a line
of JSON from `--ready-fd`: where the cluster listens, or the error that kept it from starting. While a database is
adopted, lines come before it that say how far that is. With `--succeed` it takes over from a router that serves the
database already, if there is one (`router.lifecycle.handover`); should a successor of its own fail, it begins anew.
With `--with-gateway` a gateway starts before anything else does, even before what is imported here, as a relay waits
for it (`router.lifecycle.early_gateway`). `--given=NAMES` says which settings flags of a command line gave it
(`memmux.cluster.given`), and `--detached`, where it begins anew, that a client had started it.
"""

from __future__ import annotations

import gc
import os
import sys

from memmux import stdio

stdio.open_missing()  # before anything opens a file

from router.lifecycle import early_gateway

_early = early_gateway.of(sys.argv[1:]) if __name__ == "__main__" else None  # it imports while this process does

if __name__ == "__main__":
    gc.disable()  # of what is imported nothing goes again

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from memmux.logs import lean_structlog

lean_structlog.import_structlog()

from memmux import errors, interpreter, processes
from memmux.cluster import endpoint as endpoints
from memmux.cluster import given, holder
from memmux.cluster.endpoint import Endpoint
from memmux.cluster.router_flags import DETACHED, READY_FD, SUCCEED, WITH_GATEWAY, settings_in
from memmux.config import usable
from memmux.config.database_header import refuse_foreign
from memmux.config.paths import Places, open_lock
from memmux.config.settings import Settings, begun, parse_flags
from memmux.errors import (
    DatabaseInUseError,
    KeyNeededError,
    MemmuxError,
)
from memmux.files.lock import FileLock
from memmux.logs import log
from memmux.version import __version__
from memmux.wire import protocol
from memmux.wire.addresses import parse_listen, path_of, path_while_full
from memmux.wire.ids import uuid7
from memmux.wire.operations import Stage
from router.dispatch.dispatcher import Dispatcher, Limits
from router.io import descriptors
from router.io.listeners import Listeners
from router.io.local_keys import LocalKeys
from router.io.loop import Loop
from router.io.metrics import Metrics
from router.lifecycle import http_socket
from router.lifecycle.fork_server import ForkServer
from router.lifecycle.gateways import Gateways
from router.lifecycle.handover import Handover, Successor
from router.lifecycle.starter import Starter
from router.lifecycle.startup import Startup
from router.lifecycle.status_body import status_body
from router.lifecycle.supervisor import Supervisor

if TYPE_CHECKING:
    from router.io.remote_listener import RemoteListener


def main(arguments: list[str]) -> int:
    """Serve one database; return the exit code."""
    ready = [int(flag.removeprefix(READY_FD)) for flag in arguments if flag.startswith(READY_FD)]
    starter = Starter(ready[0] if ready else None)
    detached = starter.there or DETACHED in arguments
    names, flags = given.names(arguments), settings_in(arguments)
    logger = None
    try:
        settings = parse_flags(flags)
        usable.check(Places(settings))  # before anything is made there
        refuse_foreign(settings.database)
        logger = log.configure("router", settings)
        log.catch_crashes(settings)
        places = Places(settings)
        with open_lock(places.lock) as lock:
            successor = Successor(lock, places, time.monotonic()) if SUCCEED in arguments else None
            if successor is None and not holder.take(lock):
                raise DatabaseInUseError
            by_flags = given.flags(settings, names)
            early = WITH_GATEWAY in arguments
            done = _serve(settings, starter, lock, successor, by_flags, detached=detached, with_gateway=early)
    except MemmuxError as error:
        if logger is not None:
            logger.error("cluster_failed", code=error.code, error=error.message)
        starter.tell({"error": error.to_json()})
        sys.stderr.write(f"memmux: {error.code}: {error.message}\n")
        return 1
    if not done:
        # As it was started, by the interpreter that it was started with: the version of before, where that is there.
        try:
            own = [*given.flag(names), *([DETACHED] if detached else [])]
            command = [sys.executable, "-P", "-m", "router", *own, *flags]
            os.execve(sys.executable, command, interpreter.environment())  # noqa: S606 - no shell is wanted
        except OSError as error:  # it is not there any more; the next client starts a cluster
            log.get().error("cluster_failed", code=MemmuxError.code, error=f"{sys.executable}: {error.strerror}")
            return 1
    return 0


def _serve(
    settings: Settings,
    starter: Starter,
    lock: FileLock,
    successor: Successor | None,
    by_flags: tuple[str, ...],
    *,
    detached: bool,
    with_gateway: bool,
) -> bool:
    """Serve to the end; return False if a successor was to take over, and could not."""
    places = Places(settings)
    full_at = descriptors.full_at(descriptors.raise_limit())
    clients, workers = places.sockets(successor=0 if successor is None else os.getpid())
    remote_listener = _remote_listener(settings, places, full_at)
    http_socket.check(settings)
    local_keys = LocalKeys(places, None if remote_listener is None else remote_listener.keyring)
    endpoint = Endpoint(
        clients,
        os.getpid(),
        __version__,
        protocol.VERSION,
        listen=settings.listen or "",
        detached=detached,
        given=by_flags,
    )
    welcome = {
        "protocol": protocol.VERSION,
        "version": __version__,
        "pid": endpoint.pid,
        "endpoint": clients,
        "database": settings.where,
    }
    limits = Limits(
        stall_s=settings.stall_s,
        log_bytes=settings.wal_mb << 20,
        slow_s=settings.slow_ms / 1000,
        requests_s=settings.client_requests_s or None,
        in_flight=settings.client_in_flight,
        memories=settings.client_memories or None,
    )
    dispatcher = Dispatcher(
        welcome=welcome,
        limits=limits,
        new_id=uuid7,
        health_check_s=settings.health_check_s,
        metered=bool(settings.metrics_port),
        keys=local_keys,
        replicated=settings.server is not None,
    )
    fork_server = ForkServer(settings, workers, _new_identity) if processes.adopt_orphans() else None
    supervisor = Supervisor(settings, workers, _new_identity, fork_server)
    gateways = Gateways(settings, places.mcp_socket, successor=successor is not None, wanted=with_gateway, early=_early)
    started, began = time.monotonic(), time.time()

    def on_serving() -> None:
        _sweep(places, successor)
        _write_endpoint(places, endpoint)
        starter.tell(endpoint.to_json())
        if not starter.there and sys.stderr.isatty():
            sys.stderr.write(f"memmux serves {settings.where} at {clients}; Ctrl-C stops it\n")
            if settings.adopt_from is not None:
                from memmux.cluster import adopted  # few clusters adopt anything

                for sentence in adopted.told(places, began):
                    sys.stderr.write(f"memmux: {sentence}\n")
        log.get().info(
            "cluster_started", endpoint=clients, listen=settings.listen, seconds=round(time.monotonic() - started, 3)
        )

    def on_starting(now: float) -> None:
        if adopting := dispatcher.status(now)["facts"].get(Stage.WRITE, {}).get("adopting"):
            starter.say({"adopting": adopting})

    def status(now: float) -> dict[str, object]:
        reached = {
            "listen": settings.listen or "",
            "http": gateways.http.url,
            "keys": local_keys.serial,
            "settings": settings.written(),
        }
        return {**status_body(welcome, dispatcher, supervisor, now, started), "gateway": gateways.status(), **reached}

    metrics = Metrics(settings.metrics_port, status, dispatcher.answered)
    loop = Loop(
        dispatcher,
        supervisor,
        lambda context: Listeners(context, clients, remote_listener, full_at),
        startup=Startup(there=lambda: settings.server is not None or begun(settings.database)),
        idle_exit_s=settings.idle_exit_s,
        drain_s=settings.drain_s,
        on_starting=on_starting,
        on_serving=on_serving,
        status=status,
        handover=Handover(lock, places),
        successor=successor,
        looks=(metrics.look,),
        gateways=gateways,
    )
    gc.freeze()  # all that is there by now stays, and is no more looked through
    gc.enable()
    try:
        return loop.run()
    finally:
        # The endpoint file goes first: who reads it must find a cluster, or nothing.
        with suppress(OSError):  # what can't be removed is stale, and the next router says so
            endpoints.remove(places, endpoint.pid)
            # Without the lock they may be another router's by now, but for those that only we ever use.
            ours = (clients, workers) if lock.held() else (workers,) if successor is not None else ()
            for address in ours:
                path_of(address).unlink(missing_ok=True)
                path_while_full(address).unlink(missing_ok=True)
            if lock.held() or gateways.own != places.mcp_socket:
                gateways.remove()
        log.get().info("cluster_stopped")


def _new_identity() -> str:
    """Return what no other process of this cluster is called."""
    return uuid4().hex[:8]


def _remote_listener(settings: Settings, places: Places, full_at: int) -> RemoteListener | None:
    """Return the listener for other machines, if there shall be one; raise KeyNeededError if nobody has a key.

    On this machine alone it may wait for its first key; beyond, a cluster that nobody can use is a mistake.
    """
    if settings.listen is None:
        return None
    from memmux.trust import keys  # only who listens pays for it
    from router.io import auth
    from router.io.remote_listener import RemoteListener

    keyring = auth.keyring(places)
    if not any(key.public for key in keyring.keys.valid(time.time())) and not parse_listen(settings.listen).loopback:
        raise KeyNeededError(
            f"the cluster shall listen at {settings.listen}, beyond this machine, and nobody has a key; make one with "
            f"`memmux key add NAME --role write --endpoint tcp://HOST:{parse_listen(settings.listen).port}`"
        )
    return RemoteListener(settings.listen, keys.pair(places), keyring, full_at)


def _write_endpoint(places: Places, endpoint: Endpoint) -> None:
    """Let clients find the cluster; raise the StorageError that keeps it from being found."""
    try:
        endpoints.write(places, endpoint)
    except OSError as error:
        raise errors.of_system(error, f"{places.endpoint} can't be written") from None


def _sweep(places: Places, successor: Successor | None) -> None:
    """Note and remove what routers have left that were killed; the lock is ours."""
    left = endpoints.read(places)
    handed_over = successor is not None and successor.predecessor is not None and successor.predecessor == left
    if left is not None and not handed_over:
        log.get().warning("endpoint_stale", router_pid=left.pid, router_version=left.version)
        _remove(places.endpoint)
    for path in places.left_sockets():
        log.get().warning("socket_stale", path=str(path))
        _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):  # what takes its place replaces it, or is in nobody's way
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
