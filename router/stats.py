"""Statistics: what was asked, how it ended, and how long it took; of bounded size however long the router lives."""

from __future__ import annotations

from collections import Counter, deque

from memmux.operations import OPERATIONS

_DURATIONS = 512  # the latest of each operation, for its percentiles


class Stats:
    """Counts since the start, and the latest durations, by operation.

    events: how often something happened that should be rare: `malformed`, `refused`, `denied`, `requeued`, `poisoned`,
    `expired`, `frames_dropped`.
    """

    __slots__ = ("_operations", "events")

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self._operations: dict[str, _OperationStats] = {}

    def finished(self, operation: str, outcome: str, seconds: float) -> None:
        """Count an answered request of a known operation."""
        stats = self._operations.get(operation)
        if stats is None:
            stats = self._operations[operation] = _OperationStats()
        if outcome == "ok":
            stats.ok += 1
            stats.durations.append(seconds)
        else:
            stats.errors[outcome] += 1

    def to_json(self) -> dict[str, dict[str, object]]:
        """Return counts, and percentiles in milliseconds, of each operation that was asked for."""
        return {name: self._operations[name].to_json() for name in OPERATIONS if name in self._operations}


class _OperationStats:
    __slots__ = ("durations", "errors", "ok")

    def __init__(self) -> None:
        self.ok = 0
        self.errors: Counter[str] = Counter()  # by code, and codes are few
        self.durations: deque[float] = deque(maxlen=_DURATIONS)

    def to_json(self) -> dict[str, object]:
        ordered = sorted(self.durations)
        return {
            "ok": self.ok,
            "errors": dict(self.errors),
            "p50_ms": _percentile_ms(ordered, 0.50),
            "p95_ms": _percentile_ms(ordered, 0.95),
        }


def _percentile_ms(ordered: list[float], fraction: float) -> float | None:
    """Return the nearest-rank percentile."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] * 1000, 3)
