"""Replacing a cluster: a router of ours takes over from the one that serves."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress

import orjson

from memmux.cluster import given
from memmux.cluster import start as starting
from memmux.cluster.endpoint import Endpoint, read
from memmux.cluster.holder import Holder
from memmux.cluster.ping import look
from memmux.cluster.router_flags import SUCCEED
from memmux.cluster.steps import PAUSE_MOST_S, Steps
from memmux.config import usable
from memmux.config.database_header import refuse_foreign
from memmux.config.paths import Places, open_lock
from memmux.config.settings import Settings
from memmux.errors import ClusterStartError, HandOverError, MemmuxError
from memmux.files.lock import FileLock
from memmux.processes import alive
from memmux.version import __version__, older

HAND_OVER_S = 15.0  # what a router may take to hand over, beside drain_s


UPGRADE_AGAIN_S = 600.0  # after an upgrade that failed, before clients of that version try again


def restart(settings: Settings, named: Collection[str] | None = None) -> Steps[tuple[Endpoint | None, Endpoint]]:
    """Start a cluster that takes over from the one that serves, if one does; return that one's endpoint, and the new.

    named: the settings that count as they are; None for all. Others are those that flags gave the one of before, if
    any did.
    Requests in flight are answered, or sent again by their clients. Raises HandOverError when the new one can't take
    over and the one of before serves on, and otherwise what `seek` raises.
    """
    places = Places(settings)
    usable.check(places)
    until = time.monotonic() + settings.start_timeout_s
    if read(places) is None:  # none serves
        refuse_foreign(places.database)
    with open_lock(places.spawn_lock) as lock:
        while not lock.take():
            yield PAUSE_MOST_S
            if time.monotonic() >= until:
                raise ClusterStartError(
                    f"another program is starting the cluster of {places.settings.where}; try again later"
                )
        before = yield from look(places)
        answered = before is not None
        before = before or _silent(places)
        return before, (yield from _succeed(places, before, until, named, answered=answered))


def _silent(places: Places) -> Endpoint | None:
    """Return the endpoint of a router that serves the database, though it has not answered in time."""
    holder = Holder.of(places)
    return read(places) if holder is not None and holder.listening else None


def upgraded(places: Places, found: Endpoint, until: float) -> Steps[Endpoint]:
    """Return the cluster that was found, or the one of our version that takes over from it if it is older.

    Where a setting of ours is the default, what flags gave the older one stays.
    One client at a time tries, and no other one of its version for a while if that fails.
    """
    if not found.detached or not older(found.version, __version__):
        return found
    with open_lock(places.spawn_lock) as lock:
        if not lock.take() or _failed_lately(lock):
            return found
        now = yield from look(places)
        if now is None or not older(now.version, __version__):
            return found if now is None else now
        try:
            return (yield from _succeed(places, now, until, given.changed(places.settings)))
        except MemmuxError as error:
            with suppress(OSError):  # a full disk keeps nobody from the one that serves
                lock.note(orjson.dumps({"version": __version__, "failed_at": time.time()}))
            if isinstance(error, HandOverError) and (serving := (yield from look(places))):
                return serving
            raise


def _failed_lately(lock: FileLock) -> bool:
    """Return whether a client of our version has tried in vain to upgrade the cluster."""
    try:
        noted = orjson.loads(lock.noted())
        return bool(noted["version"] == __version__ and 0 <= time.time() - noted["failed_at"] < UPGRADE_AGAIN_S)
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return False


def _succeed(
    places: Places, before: Endpoint | None, until: float, named: Collection[str] | None, *, answered: bool = True
) -> Steps[Endpoint]:
    """Start a router that takes over; the caller holds the spawn lock. answered: whether the one of before did."""
    until += places.settings.drain_s + HAND_OVER_S
    try:
        told = () if before is None or named is None else before.given
        kept = given.kept(places.settings, told, named or ())
        return (yield from starting.start(Places(kept.settings), until, SUCCEED, *given.flag(kept.names)))
    except MemmuxError as error:
        if before is None:
            raise
        # It was not asked yet, or begins anew by itself, as the same process; a silent one is not waited for.
        while (serving := (yield from look(places))) is None:
            if time.monotonic() >= until or not answered or not alive(before.pid):
                raise
            yield PAUSE_MOST_S
        raise HandOverError(
            f"the new cluster (version {__version__}) can't take over: {error.code}: {error.message.rstrip('.')}; "
            f"the one of before (version {serving.version}, pid {serving.pid}) serves on"
        ) from error
