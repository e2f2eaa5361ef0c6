"""The router process: `python -P -m router [--ready-fd=N] [--succeed] FLAGS…`, as `memmux serve` and clients start it.

It holds the database's lock for its whole life, so there is one cluster per database. Whoever started it reads a line
of JSON from `--ready-fd`: where the cluster listens, or the error that kept it from starting. While a database is
adopted, lines come before it that say how far that is. With `--succeed` it takes over from a router that serves the
database already, if there is one (`router.succession`); should a successor of its own fail, it begins anew.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from memmux import lean

lean.import_structlog()

from memmux import launch, logs, protocol
from memmux.addresses import parse_listen
from memmux.errors import DatabaseInUseError, KeyNeededError, MemmuxError
from memmux.ids import uuid7
from memmux.launch import Endpoint
from memmux.operations import Stage
from memmux.places import Places
from memmux.processes import rss_bytes
from memmux.settings import Settings, parse_flags
from memmux.version import __version__
from router.dispatch import Dispatcher, Limits
from router.entrance import Entrance
from router.lock import DatabaseLock
from router.loop import Loop
from router.metrics import Metrics
from router.succession import Estate, Heir
from router.supervisor import Supervisor

if TYPE_CHECKING:
    from router.door import Door

_READY_FD = "--ready-fd="
_SUCCEED = "--succeed"
_EMBEDDED = ("batches", "windows", "cache_hits", "cache_misses")  # facts of embed workers that only grow


def main(arguments: list[str]) -> int:
    """Serve one database; return the exit code."""
    ready = [int(flag.removeprefix(_READY_FD)) for flag in arguments if flag.startswith(_READY_FD)]
    starter = _Starter(ready[0] if ready else None)
    flags = [flag for flag in arguments if flag != _SUCCEED and not flag.startswith(_READY_FD)]
    log = None
    try:
        settings = parse_flags(flags)
        log = logs.configure("router", settings)
        logs.catch_crashes(settings)
        places = Places(settings)
        with DatabaseLock(places.lock) as lock:
            heir = Heir(lock, places, time.monotonic()) if _SUCCEED in arguments else None
            if heir is None and not lock.take():
                raise DatabaseInUseError
            done = _serve(settings, starter, lock, heir)
    except MemmuxError as error:
        if log is not None:
            log.error("cluster_failed", code=error.code, error=error.message)
        starter.tell({"error": error.to_json()})
        sys.stderr.write(f"memmux: {error.code}: {error.message}\n")
        return 1
    if not done:
        # As it was started, by the interpreter that it was started with: the version of before, where that is there.
        os.execv(sys.executable, [sys.executable, "-P", "-m", "router", *flags])  # noqa: S606 - no shell is wanted
    return 0


class _Starter:
    """Whoever started this process and waits for a line; it may be nobody, or gone."""

    def __init__(self, descriptor: int | None) -> None:
        self.there = descriptor is not None
        self._descriptor = descriptor
        if descriptor is not None:
            os.set_blocking(descriptor, False)  # the router waits for nobody, and nobody may be reading

    def say(self, line: dict[str, object]) -> None:
        """Write a line that is not the last: how far a long start is. Nothing is lost if nobody reads it."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.write(self._descriptor, orjson.dumps(line) + b"\n")

    def tell(self, line: dict[str, object]) -> None:
        """Write the line that is awaited, once."""
        self.say(line)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _serve(settings: Settings, starter: _Starter, lock: DatabaseLock, heir: Heir | None) -> bool:
    """Serve to the end; return False if a successor was to take over, and could not."""
    places = Places(settings)
    clients, workers = places.sockets(successor=0 if heir is None else os.getpid())
    door = _door(settings, places)
    endpoint = Endpoint(
        clients, os.getpid(), __version__, protocol.VERSION, listen=settings.listen or "", detached=starter.there
    )
    welcome = {
        "protocol": protocol.VERSION,
        "version": __version__,
        "pid": endpoint.pid,
        "endpoint": clients,
        "database": str(settings.database),
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
        canary_s=settings.canary_s,
        metered=bool(settings.metrics_port),
    )
    supervisor = Supervisor(settings, workers, new_identity=lambda: uuid4().hex[:8])
    started = time.monotonic()

    def on_serving() -> None:
        _sweep(places, heir)
        launch.write(places, endpoint)
        starter.tell(endpoint.to_json())
        logs.get().info(
            "cluster_started", endpoint=clients, listen=settings.listen, seconds=round(time.monotonic() - started, 3)
        )

    def on_starting(now: float) -> None:
        if adopting := dispatcher.snapshot(now)["facts"].get(Stage.WRITE, {}).get("adopting"):
            starter.say({"adopting": adopting})

    def status(now: float) -> dict[str, object]:
        reached = {"listen": settings.listen or "", "keys": None if door is None else door.keyring.keys.serial}
        return {**_status(welcome, dispatcher, supervisor, now, started), **reached}

    metrics = Metrics(settings.metrics_port, status, dispatcher.answered)
    loop = Loop(
        dispatcher,
        supervisor,
        lambda context: Entrance(context, clients, door),
        idle_exit_s=settings.idle_exit_s,
        drain_s=settings.drain_s,
        on_starting=on_starting,
        on_serving=on_serving,
        status=status,
        estate=Estate(lock, places),
        heir=heir,
        looks=(metrics.look,),
    )
    try:
        return loop.run()
    finally:
        # The endpoint file goes first: who reads it must find a cluster, or nothing.
        launch.remove(places, endpoint.pid)
        # Without the lock they may be another router's by now, but for those that only we ever use.
        ours = (clients, workers) if lock.held() else (workers,) if heir is not None else ()
        for address in ours:
            Path(address.removeprefix("ipc://")).unlink(missing_ok=True)
        logs.get().info("cluster_stopped")


def _door(settings: Settings, places: Places) -> Door | None:
    """Return the door for clients of other machines, if there shall be one; raise KeyNeededError if nobody has a key.

    On this machine alone it may wait for its first key; beyond, a cluster that nobody can use is a mistake.
    """
    if settings.listen is None:
        return None
    from memmux import keys  # only who listens pays for it
    from router.auth import Keyring
    from router.door import Door

    keyring = Keyring(places)
    if not keyring.keys.valid and not parse_listen(settings.listen).loopback:
        raise KeyNeededError(
            f"the cluster shall listen at {settings.listen}, beyond this machine, and nobody has a key; make one with "
            f"`memmux key add NAME --role write --endpoint tcp://HOST:{parse_listen(settings.listen).port}`"
        )
    return Door(settings.listen, keys.pair(places), keyring)


def _sweep(places: Places, heir: Heir | None) -> None:
    """Note and remove what routers have left that were killed; the lock is ours."""
    left = launch.read(places)
    handed_over = heir is not None and heir.predecessor is not None and heir.predecessor == left
    if left is not None and not handed_over:
        logs.get().warning("endpoint_stale", router_pid=left.pid, router_version=left.version)
        places.endpoint.unlink(missing_ok=True)
    for path in places.left_sockets():
        logs.get().warning("socket_stale", path=str(path))
        path.unlink(missing_ok=True)


def _status(
    welcome: dict[str, object], dispatcher: Dispatcher, supervisor: Supervisor, now: float, started: float
) -> dict[str, object]:
    """Return the body of `cluster.status`: a `memmux.models.Status`."""
    seen = dispatcher.snapshot(now)
    facts = seen["facts"]
    written = facts.get(Stage.WRITE, {})
    workers = supervisor.snapshot(seen["workers"])
    degraded = list(seen["degraded"])
    return {
        "state": _state(degraded, draining=seen["draining"]),
        "pid": welcome["pid"],
        "version": welcome["version"],
        "endpoint": welcome["endpoint"],
        "database": welcome["database"],
        "seq": written.get("seq", 0),
        "memories": written.get("memories", 0),
        "pending": written.get("pending", 0),
        "unaudited": written.get("unaudited", 0),
        "model": facts.get(Stage.EMBED, {}).get("model"),
        "uptime_s": round(now - started, 3),
        "rss_bytes": rss_bytes(os.getpid()),
        "wal_bytes": written.get("wal_bytes", 0),
        "index": _index(written, facts.get(Stage.READ, {})),
        "oldest_read_s": seen["oldest_read_s"],
        "degraded": degraded,
        "workers": workers,
        "clients": seen["clients"],
        "queues": seen["queues"],
        "requests": seen["requests"],
        "health": seen["health"],
        "embedder": _embedder(seen["embedders"]),
        "backups": {"kept": written.get("backups", 0), "newest_at": written.get("backup_at")},
        "events": seen["events"],
    }


def _embedder(each: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return what the embed workers have done, all of them together: texts in batches, and queries from the cache."""
    return {name: sum(facts.get(name, 0) for facts in each) for name in _EMBEDDED}


def _index(written: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, object]:
    """Return where the index of many vectors stands; few need none."""
    made, used = written.get("indexed", 0), read.get("indexed", 0)
    if written.get("building") or made != used:
        return {"state": "building", "vectors": used}
    return {"state": "ready" if used else "none", "vectors": used}


def _state(degraded: list[str], *, draining: bool) -> str:
    if draining:
        return "draining"
    if all(code.endswith("_loading") for code in degraded):
        return "starting" if degraded else "serving"
    return "degraded"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
