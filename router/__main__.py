"""The router process: `python -P -m router [--ready-fd=N] FLAGS…`, as `memmux serve` and clients start it.

It holds the database's lock for its whole life, so there is one cluster per database. Whoever started it reads a line
of JSON from `--ready-fd`: where the cluster listens, or the error that kept it from starting. While a database is
adopted, lines come before it that say how far that is.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from memmux import lean

lean.import_structlog()

from memmux import launch, logs, protocol
from memmux.errors import DatabaseInUseError, MemmuxError, StoragePermissionError
from memmux.ids import uuid7
from memmux.launch import Endpoint
from memmux.operations import Stage
from memmux.places import Places
from memmux.processes import rss_bytes
from memmux.settings import Settings, parse_flags
from memmux.version import __version__
from router.dispatch import Dispatcher, Limits
from router.loop import Loop
from router.metrics import Metrics
from router.supervisor import Supervisor

_READY_FD = "--ready-fd="
_EMBEDDED = ("batches", "windows", "cache_hits", "cache_misses")  # facts of embed workers that only grow


def main(arguments: list[str]) -> int:
    """Serve one database; return the exit code."""
    ready = [int(flag.removeprefix(_READY_FD)) for flag in arguments if flag.startswith(_READY_FD)]
    starter = _Starter(ready[0] if ready else None)
    try:
        settings = parse_flags([flag for flag in arguments if not flag.startswith(_READY_FD)])
        logs.configure("router", settings)
        with _locked(Places(settings)) as held:
            _serve(settings, starter, held)
    except MemmuxError as error:
        starter.tell({"error": error.to_json()})
        sys.stderr.write(f"memmux: {error.code}: {error.message}\n")
        return 1
    return 0


@contextmanager
def _locked(places: Places) -> Iterator[Callable[[], bool]]:
    """Hold the database's lock, or raise DatabaseInUseError; the lock goes with the process, however it ends.

    Yields whether its file is still the one that others would lock: somebody may have deleted it.
    """
    folder = places.lock.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoragePermissionError(
            f"{folder} can't be written ({error.strerror}); give yourself write permission, "
            "or name another database with MEMMUX_DATABASE"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield partial(_is_at, descriptor, places.lock)
    except BlockingIOError:
        raise DatabaseInUseError from None
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


class _Starter:
    """Whoever started this process and waits for a line; it may be nobody, or gone."""

    def __init__(self, descriptor: int | None) -> None:
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


def _serve(settings: Settings, starter: _Starter, held: Callable[[], bool]) -> None:
    places = Places(settings)
    clients, workers = places.sockets()
    endpoint = Endpoint(clients, os.getpid(), __version__, protocol.VERSION)
    welcome = {
        "protocol": protocol.VERSION,
        "version": __version__,
        "pid": endpoint.pid,
        "endpoint": clients,
        "database": str(settings.database),
    }
    limits = Limits(stall_s=settings.stall_s, log_bytes=settings.wal_mb << 20)
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
        launch.write(places, endpoint)
        starter.tell(endpoint.to_json())
        logs.get().info("cluster_started", endpoint=clients, seconds=round(time.monotonic() - started, 3))

    def on_starting(now: float) -> None:
        if adopting := dispatcher.snapshot(now)["facts"].get(Stage.WRITE, {}).get("adopting"):
            starter.say({"adopting": adopting})

    def status(now: float) -> dict[str, object]:
        return _status(welcome, dispatcher, supervisor, now, started)

    metrics = Metrics(settings.metrics_port, status, dispatcher.answered)
    loop = Loop(
        dispatcher,
        supervisor,
        clients,
        idle_exit_s=settings.idle_exit_s,
        drain_s=settings.drain_s,
        on_starting=on_starting,
        on_serving=on_serving,
        status=status,
        looks=(metrics.look,),
    )
    try:
        loop.run()
    finally:
        # The endpoint file goes first: who reads it must find a cluster, or nothing.
        launch.remove(places, endpoint.pid)
        for address in (clients, workers) if held() else ():  # without the lock they may be another router's by now
            Path(address.removeprefix("ipc://")).unlink(missing_ok=True)
        logs.get().info("cluster_stopped")


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
