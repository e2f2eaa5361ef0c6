"""Finding the cluster of a database, and starting it if there is none: one start at a time, however many clients ask.

What takes a while are `Steps`, which a blocking client and an asyncio client run each in its way.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from memmux.cluster import given, ping, policy
from memmux.cluster import start as starting
from memmux.cluster.endpoint import Endpoint, read
from memmux.cluster.holder import STOP_S, Holder
from memmux.cluster.ping import answers, look
from memmux.cluster.replace import upgraded
from memmux.cluster.start import RouterEndedError
from memmux.cluster.steps import PAUSE_MOST_S, Steps, pauses, run
from memmux.config import database_url, typed, usable
from memmux.config.database_header import refuse_foreign
from memmux.config.loader import load
from memmux.config.paths import Places, open_lock
from memmux.config.settings import Settings
from memmux.errors import (
    ClusterError,
    ClusterStartError,
    ClusterUnreachableError,
    DatabaseInUseError,
    DatabaseMissingError,
    LocalOnlyError,
    MemmuxError,
    OverloadedError,
    SettingInvalidError,
)
from memmux.processes import alive
from memmux.wire import protocol

if TYPE_CHECKING:
    from memmux.trust.remotes import Remote

RESPAWN_S = 1.0  # between two starts while another cluster holds the database
ADMIT_S = 10.0  # for others to leave a cluster that lets nobody more in
KILLED_S = 0.25  # before the next start, after a router ended and said nothing
CRASHES = 2  # routers that end so and were not killed, after which the next one would as well
STILL_S = 10.0  # without a change of the database that is being made, after which nobody seems to be at it


def choose(database: str | Path | None, settings: Settings | None) -> Settings:
    """Return the settings of the cluster that a client means: of those given or of this machine, with the database."""
    if settings is None:
        return load({"database": database})
    # Resolved, as `load` does, so that two names of one database reach one cluster.
    remote = settings.remote if database is None else None  # whoever names a database means that one
    if database is not None and not str(database).strip():
        raise SettingInvalidError("database is empty; name a file, or leave it out")
    if database_url.is_url(database):
        named = load({"database": database}, {})
        read = settings.database_read if named.server == settings.server else None
        return replace(
            settings, database=named.database, server=named.server, database_read=read, adopt_from=None, remote=None
        )
    chosen, meant = (typed.path(path).resolve() for path in (database or settings.database, settings.database))
    # What was found for one database is not meant for another.
    adopt_from = settings.adopt_from if chosen == meant else None
    server = settings.server if chosen == meant else None
    return replace(settings, database=chosen, server=server, adopt_from=adopt_from, remote=remote)


def unreachable(settings: Settings) -> MemmuxError | None:
    """Return what requests fail of while the cluster of another machine does not answer; None for one of this."""
    if settings.remote is None:
        return None
    try:
        return _remote(settings.remote).unreachable()
    except MemmuxError as error:
        return error


def silence(settings: Settings) -> MemmuxError | None:
    """Ask the cluster of another machine once; return why it does not answer, None if it does or is not meant."""
    if settings.remote is None:
        return None
    try:
        run(reach(_remote(settings.remote), 0.0))
    except MemmuxError as error:
        return error
    return None


def need_local(settings: Settings) -> None:
    """Raise LocalOnlyError if the settings mean the cluster of another machine."""
    if settings.remote is not None:
        raise LocalOnlyError(
            f"this is done on the machine where the database is, and the setting remote names another one "
            f"({settings.remote.stem}); do it there, or set remote to none for the database of this machine"
        )


def _remote(path: Path) -> Remote:
    from memmux.trust import remotes  # only who uses the cluster of another machine pays for it

    return remotes.read(path)


def refuse_missing(settings: Settings) -> None:
    """Raise DatabaseMissingError if there is no database, nothing to adopt, and no cluster that makes one."""
    missing = settings.server is None and settings.adopt_from is None and not os.path.lexists(settings.database)
    if missing and Holder.of(Places(settings)) is None:
        raise DatabaseMissingError(
            f"there is no database at {settings.where}; `memmux store` makes it; if another one is meant, name it "
            "with --database or MEMMUX_DATABASE"
        )


def ensure(settings: Settings, *, start: bool = True) -> Endpoint:
    """Return where the database's cluster listens, and start one if none answers; blocks, see `seek`."""
    return run(seek(settings, start=start))


def seek(settings: Settings, *, start: bool = True) -> Steps[Endpoint]:
    """Find the database's cluster, or start one, within `start_timeout_s`; one that served and hangs is given less.

    A cluster of an older version that a client has started is replaced by one of ours, unless `start` is false. That
    it can't be is no failure: then the older one serves.
    Raises ClusterUnreachableError at once if none answers and `start` is false; StoragePermissionError when the
    database is another user's, or its folder can't be written; the router's own error when it can't serve;
    DatabaseForeignError when the file is no database of ours, and nothing is made beside it; OverloadedError when the
    cluster has had no descriptor left for another client for a while; ClusterStartError
    otherwise.

    A cluster on another machine is never started. It is given `request_timeout_s` to answer, or, if `start` is false,
    one try; then this raises ClusterUnreachableError.
    """
    if settings.remote is not None:
        return (yield from reach(_remote(settings.remote), settings.request_timeout_s if start else 0.0))
    places = Places(settings)
    usable.check(places)
    began = time.monotonic()
    found = yield from _admitted(places, ADMIT_S if start else 0.0)
    if found is None and not start:
        if (held := Holder.of(places)) is not None:
            raise ClusterUnreachableError(held.silence)
        raise ClusterUnreachableError(
            f"no cluster answers for {settings.where}; start one with `memmux serve`, or let a client start it"
        )
    if found is None:
        if not policy.makes_database():
            refuse_missing(settings)
        return (yield from _start_alone(places, began))
    if not (start and policy.upgrades()):
        return found
    return (yield from upgraded(places, found, began + settings.start_timeout_s))


def _admitted(places: Places, most_s: float) -> Steps[Endpoint | None]:
    """Return the endpoint of a cluster that answers; wait for so long if it lets nobody more in."""
    until = time.monotonic() + most_s
    for pause in pauses():
        try:
            return (yield from look(places))
        except OverloadedError:
            if time.monotonic() >= until:
                raise
        yield pause
    return None


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
    while not (yield from answers(endpoint, ping.PONG_S)):
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


def _until(places: Places, began: float) -> float:
    """Return when who began to look then gives up: a cluster that hangs is waited for as for an answer of it."""
    settings = places.settings
    longest_s = settings.start_timeout_s
    return began + (min(longest_s, settings.request_timeout_s) if _unresponsive(places) else longest_s)


def _start_alone(places: Places, began: float) -> Steps[Endpoint]:
    """Take the spawn lock, look again, and start; whoever does not get the lock waits for the cluster of who did."""
    refuse_foreign(places.database)  # before anything is made beside it
    with open_lock(places.spawn_lock) as lock:
        pausing = pauses()
        while not lock.take():
            yield next(pausing)
            if found := (yield from look(places)):
                return found
            if time.monotonic() >= _until(places, began) and not _adopts(places):
                if _unresponsive(places):
                    raise _in_use(places)
                raise ClusterStartError(
                    f"another program is starting the cluster, but it does not come up{starting.last_words(places, 0)}"
                )
        if found := (yield from look(places)):
            return found
        return (yield from _start(places, began))


def _start(places: Places, began: float) -> Steps[Endpoint]:
    """Start routers until one serves, one says why it can't, or the time is over; the caller holds the spawn lock."""
    crashes, before = 0, Holder.of(places)
    until = began + places.settings.start_timeout_s
    while True:
        try:
            return (yield from starting.start(places, until, *policy.flags(), *given.flag()))
        except DatabaseInUseError:
            # Started by hand a moment ago, or draining: wait for it, or for its end.
            last = _until(places, began)
            again = min(time.monotonic() + RESPAWN_S, last)
            while time.monotonic() < again:
                yield PAUSE_MOST_S
                if found := (yield from look(places)):
                    return found
            if again >= last:
                raise _in_use(places) from None
        except RouterEndedError as error:
            # Whoever killed it, or the system for want of memory, may leave the next one alone.
            crashes += not error.killed
            if crashes >= CRASHES or time.monotonic() + KILLED_S >= until:
                raise
            yield KILLED_S
        except ClusterStartError:
            # The time may be over before the router has said that another one holds the database.
            if _unresponsive(places) or (before is not None and before == Holder.of(places)):
                raise _in_use(places) from None
            raise


def _in_use(places: Places) -> DatabaseInUseError:
    """Return what keeps a cluster from starting: one that does not answer, or one that does not come up."""
    found = Holder.of(places)
    return DatabaseInUseError("" if found is None else found.silence)


def _unresponsive(places: Places) -> bool:
    """Return whether a router that has served holds the database; who asks has just had no answer of it."""
    found = Holder.of(places)
    return found is not None and found.listening


def _adopts(places: Places) -> bool:
    """Return whether the cluster that is starting is at work on the memories of another database."""
    try:
        return time.time() - places.adopting.stat().st_mtime < STILL_S
    except OSError:
        return False
