"""The lookout: waits for messages, awake at first where that has paid lately, then asleep.

A process that sleeps is woken some time after its message came, and finds its caches cold. Three processes that hand
one request on to each other pay that six times. To stay awake for a moment costs only what nobody else uses: where
another process wants the processor it is left to that one, and a wait that turns out to be long is not spent awake the
next time.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

import zmq

AWAKE_S = 0.002  # awake, at most, before falling asleep
WANTED_S = 20e-6  # that giving others their turn takes if there are others
_MOST_FAITH = 4  # in how many waits that would have paid are remembered
_DOUBT = 2  # that one wait awake in vain costs


def others() -> None:
    """Let other threads of this process run, and other processes."""
    time.sleep(0)  # sched_yield keeps the interpreter's lock
    os.sched_yield()


class Lookout:
    """Waits until one of `sockets` has a message; a descriptor among them only wakes a sleep.

    clock: seconds, monotonic. give_way: lets others run, called again and again while awake; by default processes.
    """

    def __init__(
        self,
        *sockets: zmq.Socket[Any] | int,
        clock: Callable[[], float] = time.perf_counter,
        give_way: Callable[[], None] = os.sched_yield,
    ) -> None:
        self._sockets = [socket for socket in sockets if isinstance(socket, zmq.Socket)]
        self._poller = zmq.Poller()
        for socket in sockets:
            self._poller.register(socket, zmq.POLLIN)
        self._clock = clock
        self._give_way = give_way
        self._faith = 0  # that the next message comes within AWAKE_S

    def wait(self, timeout_s: float) -> bool:
        """Return whether there is something, after waiting at most so long."""
        if timeout_s <= 0:
            return self._here() or bool(self._poller.poll(0))
        began = self._clock()
        if self._faith > 0:
            if self.stay_awake(min(timeout_s, AWAKE_S)):
                self._faith = min(self._faith + 1, _MOST_FAITH)
                return True
            self._faith -= _DOUBT
        # Rounded up: a poll that returns a little early would be called again and again.
        left_s = max(0.0, timeout_s - (self._clock() - began))
        found = bool(self._poller.poll(math.ceil(left_s * 1000)))
        if found and self._clock() - began < AWAKE_S:
            self._faith = min(self._faith + 1, _MOST_FAITH)
        return found

    def stay_awake(self, most_s: float) -> bool:
        """Return whether there is a message, after waiting for it without sleeping while nobody else is to run."""
        now = self._clock()
        until = now + most_s
        while not (here := self._here()) and now < until:
            before = now
            self._give_way()
            now = self._clock()
            if now - before > WANTED_S:
                return self._here()
        return here

    def _here(self) -> bool:
        return any(int(socket.get(zmq.EVENTS)) & zmq.POLLIN for socket in self._sockets)
