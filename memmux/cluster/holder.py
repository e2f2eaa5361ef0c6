"""The holder of a database's lock: the router that serves it, or one that is starting and has no endpoint file yet."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import orjson

from memmux.cluster import endpoint as endpoints
from memmux.cluster.steps import PAUSE_MOST_S, Steps
from memmux.config.paths import Places
from memmux.errors import ClusterError
from memmux.files import private
from memmux.files.lock import FileLock, is_held
from memmux.processes import alive, command

STOP_S = 15.0  # what a router may take to exit after it has drained: its workers and its gateway have bounds of theirs
KILLED_S = 5.0  # what a process that is killed may take to be gone
UNRESPONSIVE = "runs and does not answer: it may be stopped or hung"  # said of one that has served
_NAMES = (b"router", b"memmux")  # as which a router may have been started: another process may have its pid by now


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has the lock, and since when, in seconds since 1970.

    listening: whether it has served, so that it does not answer for want of life and not because it is starting.
    """

    pid: int
    since: float
    listening: bool = False

    @property
    def began(self) -> datetime:
        """Since when, as a time."""
        return datetime.fromtimestamp(self.since, UTC)

    @property
    def silence(self) -> str:
        """Why it answers nobody, and the remedy, as a sentence about `a cluster`."""
        if self.listening:
            return f"a cluster (pid {self.pid}) {UNRESPONSIVE}; `memmux stop` ends it"
        began = f"{self.began.astimezone():%Y-%m-%d %H:%M:%S}"
        return (
            f"a cluster (pid {self.pid}) has been starting since {began} and answers nobody; "
            "look at its log, or end it with `memmux stop`"
        )

    @classmethod
    def of(cls, places: Places) -> Self | None:
        """Return who has the lock; None if nobody has, or an older version, which did not leave its name."""
        try:
            noted = orjson.loads(private.read(places.lock))
            pid, endpoint = int(noted["pid"]), endpoints.read(places)
            holder = cls(pid, float(noted["since"]), listening=endpoint is not None and endpoint.pid == pid)
            # To look at a lock is to take it for a moment, so that is left to the end, when somebody has it.
            held = alive(holder.pid) and any(map(command(holder.pid).__contains__, _NAMES)) and is_held(places.lock)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return holder if held else None


def take(lock: FileLock) -> bool:
    """Return whether the lock is this process's now, and leave its name in the file if it is."""
    if not lock.take():
        return False
    with suppress(OSError):  # a full disk keeps nobody from reading
        lock.note(orjson.dumps({"pid": os.getpid(), "since": time.time()}))
    return True


def end(places: Places, holder: Holder) -> Steps[None]:
    """End a router that answers nobody; raise ClusterError if that can't be done."""
    for number, bound_s in ((signal.SIGTERM, places.settings.drain_s + STOP_S), (signal.SIGKILL, KILLED_S)):
        with suppress(ProcessLookupError):
            os.kill(holder.pid, number)
            os.kill(holder.pid, signal.SIGCONT)  # one that is stopped heeds no other
        until = time.monotonic() + bound_s
        while time.monotonic() < until:
            if not alive(holder.pid):
                return
            yield PAUSE_MOST_S
    raise ClusterError(f"the router (pid {holder.pid}) can't be ended; the system holds it in a call")
