"""Gathering: for how long it is worth waiting for more requests before a worker begins with those that have come.

Who has just had its answer often asks again at once. Begun without that request, the next turn would have it wait until
all others of the turn are answered; and requests that are done together may cost less than one after the other.
"""

from __future__ import annotations

import math

SHARE = 0.1  # of the time of a turn, which may be lost if nobody asks again,
MOST_S = 0.01  # and no more than that: a turn may have had a long read in it


class Gathering:
    """The requests that a worker waits for: as many as were there at once during the turn before.

    They are waited for no longer than SHARE of the time that the turn took, and MOST_S. Times are monotonic seconds.
    """

    __slots__ = ("_most", "_until", "_wanted")

    def __init__(self) -> None:
        self._most = 0  # requests that were there at once in this turn
        self._wanted = 0
        self._until = -math.inf

    def answered(self, at_once: int) -> None:
        """Note how many requests were there when one of them was answered, itself included."""
        self._most = max(self._most, at_once)

    def ended(self, began: float, ended: float, *, pays: bool) -> None:
        """Note that a turn has ended; pays: whether its requests cost less for being done together."""
        self._wanted, self._most = (self._most if pays else 0), 0
        self._until = ended + min(SHARE * (ended - began), MOST_S)

    def left_s(self, there: int, now: float) -> float:
        """Return for how long to wait for another request while so many are there; 0 or less to begin now."""
        return self._until - now if there < self._wanted else 0.0
