"""Waits: what a reader has waited for its replica."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Waits:
    """Counts since a reader began.

    at: the change where its replica stood when it was asked last. waits, waited_s: reads that waited for a change, and
    for how long. asked_primary: those of them that gave up, and asked the primary.
    """

    at: int = 0
    waits: int = 0
    waited_s: float = 0.0
    asked_primary: int = 0

    def waited(self, seconds: float, *, in_vain: bool) -> None:
        """Count a read that did wait; in_vain: whether the primary was asked at last."""
        self.waits += 1
        self.waited_s = round(self.waited_s + seconds, 3)
        self.asked_primary += in_vain

    def to_facts(self) -> dict[str, object]:
        """Return the counts by their names."""
        return asdict(self)
