"""The watch over the host: a server that nobody can hear any more leaves, though it waits for its own output.

A thread, since what reads standard input and what writes standard output may be blocked for as long as they like.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EIO, EPIPE, ESHUTDOWN

import anyio

LOOK_S = 0.5  # between two looks
FULL_S = 3.0  # for which nothing can be written, once nothing more can come in
LAST_S = 2.0  # to leave in good order


def is_gone(error: BaseException) -> bool:
    """Return whether that is what comes of a host which is gone while an answer is on its way to it."""
    leaves = list(_leaves(error))
    told = any(isinstance(leaf, OSError) and _at_its_end(leaf) for leaf in leaves)
    follow = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)
    return told and all(isinstance(leaf, follow) for leaf in leaves)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _at_its_end(error: OSError) -> bool:
    return isinstance(error, ConnectionError) or error.errno in (EPIPE, EIO, ESHUTDOWN)


def begin(leave: Callable[[str], object]) -> None:
    """Watch from now on; `leave` is told why, in the watch's thread, and the process ends a moment later in any case.

    To be called before standard input and output are somebody else's.
    """
    try:
        host = _Host(os.dup(0), os.dup(1), os.getppid())
    except OSError:
        return  # there is none, or no descriptor to watch it with

    def watch() -> None:
        while (why := host.gone(time.monotonic())) is None:
            host.wait()
        leave(why)
        time.sleep(LAST_S)
        os._exit(0)

    with suppress(RuntimeError):  # no thread can be had
        threading.Thread(target=watch, name="host-watch", daemon=True).start()


class _Host:
    """What is known of the host. read, written: the descriptors that lead to it. parent: the pid of who started us."""

    def __init__(self, read: int, written: int, parent: int) -> None:
        self._parent = parent
        self._written = written
        self._full_since: float | None = None
        self._ends = select.poll()  # it tells of ends even if nothing is asked for
        self._ends.register(read, 0)
        self._ends.register(written, 0)
        self._room = select.poll()
        self._room.register(written, select.POLLOUT)
        self._events: dict[int, int] = {}

    def wait(self) -> None:
        """Return after a while, or as soon as an end is reached."""
        for descriptor, event in self._ends.poll(LOOK_S * 1000):
            if event & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                self._events[descriptor] = event
                self._ends.unregister(descriptor)  # else it is told of again and again

    def gone(self, now: float) -> str | None:
        """Return why nobody hears us any more; None while somebody may."""
        if self._written in self._events:
            return "output closed"
        if os.getppid() != self._parent:
            return "parent gone"
        full = bool(self._events) and not self._room.poll(0)
        self._full_since = (now if self._full_since is None else self._full_since) if full else None
        if self._full_since is not None and now - self._full_since >= FULL_S:
            return "output full"
        return None
