"""Silence: for how long the router has said nothing, and what that means."""

from __future__ import annotations

import math

QUIET_S = 2.0  # of silence while an answer is awaited, before a PING
PONG_S = 3.0  # of silence after it, before the connection counts as lost
SILENT_S = 0.5  # without an answer to HELLO or PING, before nobody seems to be there


class Silence:
    """The silence of a router, on one connection after the other. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._heard = -math.inf
        self._pinged: float | None = None
        self._unheard: float | None = -math.inf  # since when a HELLO or PING has had no answer of any kind

    def listen(self, now: float) -> None:
        """Begin to listen: nobody did before."""
        self._heard = now

    def connected(self, now: float) -> None:
        """Begin on a new connection; who was silent on the one before is so until something is heard."""
        self._heard, self._pinged = now, None

    def disconnected(self) -> None:
        """Take it that nobody is there."""
        self._unheard, self._pinged = -math.inf, None

    def heard(self, now: float) -> None:
        """Note that something was said."""
        self._heard, self._pinged, self._unheard = now, None, None

    def asked(self, now: float) -> None:
        """Note that what is always answered at once, HELLO or PING, is said."""
        self._unheard = now if self._unheard is None else self._unheard

    def to_ping(self, now: float) -> bool:
        """Return whether a PING is due; it is taken for said."""
        if self._pinged is not None or now - self._heard < QUIET_S:
            return False
        self._pinged = now
        self.asked(now)
        return True

    def due(self) -> float:
        """Return when a PING is due, or the connection is lost."""
        return self._heard + QUIET_S if self._pinged is None else self._pinged + PONG_S

    def lost(self, now: float) -> bool:
        """Return whether a PING has been without any answer for too long."""
        return self._pinged is not None and now - self._pinged >= PONG_S

    def nobody(self, now: float) -> bool:
        """Return whether nobody seems to be there: what is always answered at once is not."""
        return self._unheard is not None and now - self._unheard >= SILENT_S
