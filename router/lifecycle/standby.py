"""Standby: a router that has handed over tells clients to come again until its successor serves them, or has ended."""

from __future__ import annotations

import math

from memmux.logs import log
from router.lifecycle.gateways import Gateways
from router.lifecycle.handover import Handover

ANSWER_S = 10.0  # more for a gateway that still answers over HTTP
LINGER_S = 0.5  # for clients that have not noticed that a successor serves them


class Standby:
    """What is left to do after the lock of the database was let go of, step by step.

    successor: the pid of the router that takes over. began: when the handover did, in monotonic seconds. failed:
    whether the successor ended before it served.
    """

    def __init__(self, handover: Handover, gateways: Gateways, successor: int, began: float) -> None:
        self.failed = False
        self._handover = handover
        self._gateways = gateways
        self._successor = successor
        self._began = began
        self._until = math.inf

    def step(self, now: float) -> bool:
        """See how far the successor is; return whether clients are still to be told."""
        if now >= self._until and not self._answering(now):
            return False
        if self._until == math.inf and (taken := self._handover.taken_over(self._successor)) is not None:
            self._end(now, taken=taken)
        return True

    def _end(self, now: float, *, taken: bool) -> None:
        self.failed = not taken
        self._until = now + LINGER_S if taken else now
        seconds = round(now - self._began, 3)
        if taken:
            self._gateways.move()
            log.get().info("hand_over_finished", successor=self._successor, seconds=seconds)
        else:
            log.get().error("hand_over_failed", successor=self._successor, seconds=seconds)

    def _answering(self, now: float) -> bool:
        """Return whether the gateway of before still answers over HTTP; after a while it is not waited for."""
        self._gateways.look(now)
        return not self.failed and self._gateways.busy and now < self._until + ANSWER_S
