"""Sums of floats as scores are made: one after the other, each rounded. Those of `sum` are not since Python 3.12."""

from __future__ import annotations

from collections.abc import Iterable


def added(parts: Iterable[float]) -> float:
    """Return the sum of parts in their order."""
    total = 0.0
    for part in parts:
        total += part
    return total
