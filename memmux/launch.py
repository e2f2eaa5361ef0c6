"""Finding the cluster of a database, and starting it if there is none: one start at a time, however many clients ask.

What takes a while are `Steps`, which a blocking client and an asyncio client run each in its way.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import zmq

from memmux import protocol, remotes, sockets, starting
from memmux.endpoints import LINE_BYTES, Endpoint, read, remove, write
from memmux.errors import (
    ClusterError,
    ClusterStartError,
    ClusterUnreachableError,
    DatabaseInUseError,
    HandOverError,
    LocalOnlyError,
    MemmuxError,
    StoragePermissionError,
)
from memmux.places import PRIVATE, Places
from memmux.processes import alive
from memmux.protocol import Header, Kind
from memmux.remotes import Remote
from memmux.settings import Settings, load
from memmux.steps import PAUSE_MOST_S, Steps, pauses, run
from memmux.version import __version__
from memmux.versions import older

__all__ = [
    "Endpoint",
    "Steps",
    "alive",
    "choose",
    "ensure",
    "gone",
    "moved",
    "ping",
    "read",
    "remove",
    "restart",
    "run",
    "seek",
    "write",
]

PONG_S = 3.0  # a router that does not answer a PING for so long is dead
HAND_OVER_S = 15.0  # what a router may take to hand over, beside drain_s
STOP_S = 10.0  # what a router may take to exit after it has drained
UPGRADE_AGAIN_S = 600.0  # after an upgrade that failed, before clients of that version try again
RESPAWN_S = 1.0  # between two starts while another cluster holds the database
STILL_S = 10.0  # without a change of the database that is being made, after which nobody seems to be at it


def choose(database: str | Path | None, settings: Settings | None) -> Settings:
    """Return the settings of the cluster that a client means: of those given or of this machine, with the database."""
    if settings is None:
        return load({"database": database})
    # Resolved, as `load` does, so that two names of one database reach one cluster.
    remote = settings.remote if database is None else None  # whoever names a database means that one
    chosen, meant = (Path(path).expanduser().resolve() for path in (database or settings.database, settings.database))
    # What was found for one database is not meant for another.
    adopt_from = settings.adopt_from if chosen == meant else None
    return replace(settings, database=chosen, adopt_from=adopt_from, remote=remote)


def unreachable(settings: Settings) -> MemmuxError | None:
    """Return what requests fail of while the cluster of another machine does not answer; None for one of this."""
    if settings.remote is None:
        return None
    try:
        return remotes.read(settings.remote).unreachable()
    except MemmuxError as error:
        return error


def need_local(settings: Settings) -> None:
    """Raise LocalOnlyError if the settings mean the cluster of another machine."""
    if settings.remote is not None:
        raise LocalOnlyError(
            f"this is done on the machine where the database is, and the setting remote names another one "
            f"({settings.remote.stem}); do it there, or set remote to none for the database of this machine"
        )


def ping(endpoint: Endpoint, timeout_s: float = PONG_S) -> bool:
    """Return whether a router answers there within the time."""
    return run(_ping(endpoint, timeout_s))


def ensure(settings: Settings, *, start: bool = True) -> Endpoint:
    """Return where the database's cluster listens, and start one if none answers; blocks, see `seek`."""
    return run(seek(settings, start=start))


def seek(settings: Settings, *, start: bool = True) -> Steps[Endpoint]:
    """Find the database's cluster, or start one, within `start_timeout_s`.

    A cluster of an older version that a client has started is replaced by one of ours, unless `start` is false. That
    it can't be is no failure: then the older one serves.
    Raises ClusterUnreachableError at once if none answers and `start` is false; StoragePermissionError when the
    database's folder can't be written; the router's own error when it can't serve; ClusterStartError otherwise.

    A cluster on another machine is never started. It is given `request_timeout_s` to answer, or, if `start` is false,
    one try; then this raises ClusterUnreachableError.
    """
    if settings.remote is not None:
        return (yield from reach(remotes.read(settings.remote), settings.request_timeout_s if start else 0.0))
    places = Places(settings)
    until = time.monotonic() + settings.start_timeout_s
    found = yield from _look(places)
    if found is None and not start:
        raise ClusterUnreachableError(
            f"no cluster answers for {places.database}; start one with `memmux serve`, or let a client start it"
        )
    if found is None:
        return (yield from _start_alone(places, until))
    return (yield from _upgraded(places, found, until)) if start else found


def restart(settings: Settings) -> Steps[tuple[Endpoint | None, Endpoint]]:
    """Start a cluster that takes over from the one that serves, if one does; return that one's endpoint, and the new.

    Requests in flight are answered, or sent again by their clients. Raises HandOverError when the new one can't take
    over and the one of before serves on, and otherwise what `seek` raises.
    """
    places = Places(settings)
    until = time.monotonic() + settings.start_timeout_s
    _make_folder(places.database.parent)
    with _opened(places.spawn_lock) as lock:
        yield from _spawn_lock(lock, places, until)
        before = yield from _look(places)
        return before, (yield from _succeed(places, before, until))


def moved(settings: Settings, endpoint: Endpoint) -> bool:
    """Return whether the router there is gone, or another one serves in its place."""
    if endpoint.curve is not None:
        return False  # on another machine, where the same address stands for either
    now = read(Places(settings))
    return not endpoint.alive() or (now is not None and now.pid != endpoint.pid)


def reach(remote: Remote, most_s: float) -> Steps[Endpoint]:
    """Return the endpoint of a cluster elsewhere once it answers; tries again for so long, and once in any case.

    Raises ClusterUnreachableError. A client whose key is refused hears nothing, as if nobody were there.
    """
    until = time.monotonic() + most_s
    endpoint = Endpoint(remote.endpoint, 0, "", protocol.VERSION, curve=remote.curve)
    while not (yield from _ping(endpoint, PONG_S)):
        if time.monotonic() >= until:
            raise remote.unreachable()
    return endpoint


def gone(settings: Settings, endpoint: Endpoint) -> Steps[None]:
    """Wait until the router's process has ended; raise ClusterError if it takes longer than it may."""
    bound_s = settings.drain_s + STOP_S
    until = time.monotonic() + bound_s
    while alive(endpoint.pid):
        if time.monotonic() >= until:
            if read(Places(settings)) != endpoint:
                return  # it serves no more; what it still does is nobody's concern
            raise ClusterError(f"the cluster (pid {endpoint.pid}) did not exit within {bound_s:g} s; see its log")
        yield PAUSE_MOST_S


def _look(places: Places) -> Steps[Endpoint | None]:
    """Return the endpoint of a cluster that answers."""
    endpoint = read(places)
    if endpoint is None or not alive(endpoint.pid) or not _bound(endpoint.address):
        return None
    return endpoint if (yield from _ping(endpoint, PONG_S)) else None


def _bound(address: str) -> bool:
    """Return whether there may be a socket: after a reboot another process may have the router's pid."""
    return not address.startswith("ipc:///") or Path(address.removeprefix("ipc://")).exists()


def _ping(endpoint: Endpoint, timeout_s: float) -> Steps[bool]:
    until = time.monotonic() + timeout_s
    # A context of its own, so that this works in a forked process and leaves nothing behind.
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        socket = sockets.dealer(context, endpoint.address, curve=endpoint.curve)
        # Never blocking: once libzmq has given up a handshake, nothing can be sent, and no time-out ends the wait.
        socket.send_multipart(protocol.encode(Header(kind=Kind.PING)), zmq.NOBLOCK)
        for pause in pauses():
            # Any answer shows a router; whether it speaks our protocol is HELLO's question, and has its own error.
            if socket.poll(0):
                return True
            if time.monotonic() >= until or not endpoint.alive():
                return False
            yield pause
    except zmq.ZMQError:
        pass  # not an address that can be connected to, or a peer of which it is already known that it is no router
    finally:
        context.destroy(linger=0)  # and its socket, which has no name here if connecting failed
    return False


def _start_alone(places: Places, until: float) -> Steps[Endpoint]:
    """Take the spawn lock, look again, and start; whoever does not get the lock waits for the cluster of who did."""
    _make_folder(places.database.parent)
    with _opened(places.spawn_lock) as lock:
        pausing = pauses()
        while not _taken(lock):
            yield next(pausing)
            if found := (yield from _look(places)):
                return found
            if time.monotonic() >= until and not _adopts(places):
                raise ClusterStartError(
                    f"another program is starting the cluster, but it does not come up{starting.last_words(places, 0)}"
                )
        if found := (yield from _look(places)):
            return found
        while True:
            try:
                return (yield from starting.start(places, until))
            except DatabaseInUseError:
                # Started by hand a moment ago, or draining: wait for it, or for its end.
                again = min(time.monotonic() + RESPAWN_S, until)
                while time.monotonic() < again:
                    yield PAUSE_MOST_S
                    if found := (yield from _look(places)):
                        return found
                if again >= until:
                    raise


def _spawn_lock(lock: int, places: Places, until: float) -> Steps[None]:
    """Wait for the lock under which clusters are started."""
    while not _taken(lock):
        yield PAUSE_MOST_S
        if time.monotonic() >= until:
            raise ClusterStartError(f"another program is starting the cluster of {places.database}; try again later")


def _upgraded(places: Places, found: Endpoint, until: float) -> Steps[Endpoint]:
    """Return the cluster that was found, or the one of our version that takes over from it if it is older.

    One client at a time tries, and no other one of its version for a while if that fails.
    """
    if not found.detached or not older(found.version, __version__):
        return found
    with _opened(places.spawn_lock) as lock:
        if not _taken(lock) or _failed_lately(lock):
            return found
        now = yield from _look(places)
        if now is None or not older(now.version, __version__):
            return found if now is None else now
        try:
            return (yield from _succeed(places, now, until))
        except MemmuxError as error:
            os.pwrite(lock, orjson.dumps({"version": __version__, "failed_at": time.time()}).ljust(LINE_BYTES), 0)
            if isinstance(error, HandOverError) and (serving := (yield from _look(places))):
                return serving
            raise


def _failed_lately(lock: int) -> bool:
    """Return whether a client of our version has tried in vain to upgrade the cluster."""
    try:
        noted = orjson.loads(os.pread(lock, LINE_BYTES, 0))
        return bool(noted["version"] == __version__ and 0 <= time.time() - noted["failed_at"] < UPGRADE_AGAIN_S)
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return False


def _succeed(places: Places, before: Endpoint | None, until: float) -> Steps[Endpoint]:
    """Start a router that takes over; the caller holds the spawn lock."""
    until += places.settings.drain_s + HAND_OVER_S
    try:
        return (yield from starting.start(places, until, "--succeed"))
    except MemmuxError as error:
        if before is None:
            raise
        # It was not asked yet, or begins anew by itself, as the same process.
        while (serving := (yield from _look(places))) is None:
            if time.monotonic() >= until or not alive(before.pid):
                raise
            yield PAUSE_MOST_S
        raise HandOverError(
            f"the new cluster (version {__version__}) can't take over: {error.code}: {error.message.rstrip('.')}; "
            f"the one of before (version {serving.version}, pid {serving.pid}) serves on"
        ) from error


def _adopts(places: Places) -> bool:
    """Return whether the cluster that is starting is at work on the memories of another database."""
    try:
        return time.time() - places.adopting.stat().st_mtime < STILL_S
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> StoragePermissionError:
    return StoragePermissionError(
        f"{folder} can't be written ({error.strerror}); give yourself write permission, "
        "or name another database with MEMMUX_DATABASE"
    )


@contextmanager
def _opened(lock: Path) -> Iterator[int]:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(lock.parent, error) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # and with it the lock


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
