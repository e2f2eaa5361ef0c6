"""Refusals: whoever is refused tries again several times a second, and the log says it once a minute."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

QUIET_S = 60.0  # in which a refusal is logged once, however often the client tries
_REMEMBERED = 1024


class Refusals:
    """Remembers which refusals were logged lately: a client that is refused tries again several times a second."""

    def __init__(self) -> None:
        self._said: OrderedDict[Hashable, float] = OrderedDict()

    def news(self, refusal: Hashable, now: float) -> bool:
        """Return whether this refusal was not logged within QUIET_S, and take it for logged."""
        said = self._said.get(refusal)
        if said is not None and now - said < QUIET_S:
            return False
        self._said[refusal] = now
        self._said.move_to_end(refusal)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        return True
