"""Statistics: what was asked, how it ended, and how long it took; of bounded size however long the router lives.

What happens for every request is a few additions. What changes with time is sampled once a second, by `Track`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from memmux.errors import NO_FAULT
from memmux.wire.operations import OPERATIONS, Stage

BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper ends of a histogram's buckets, in seconds; one more is for what is longer."""
SAMPLE_S = 1.0  # between two samples
WINDOW = 10  # samples, so what is said of "lately" is of the last ten seconds
_DURATIONS = 512  # the latest of each operation, for its percentiles
_CLIENT_DURATIONS = 128  # the latest of each client


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram at one moment. counts: by bucket, the longer ones last. sum_s: of all durations."""

    counts: tuple[int, ...]
    sum_s: float


class Histogram:
    """Counts of durations in each of `BUCKETS_S`."""

    __slots__ = ("_counts", "_sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self._sum_s += seconds

    def now(self) -> Distribution:
        """Return what was counted so far, as something that stays as it is."""
        return Distribution(tuple(self._counts), self._sum_s)


class Track:
    """The recent growth of a number that never shrinks."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=WINDOW)

    def sample(self, value: float, now: float) -> None:
        """Keep what the number is now."""
        self._samples.append((now, value))

    def per_s(self, value: float, now: float) -> float:
        """Return its growth a second since the oldest sample, which is at most `WINDOW` seconds old; 0 without one."""
        if not self._samples:
            return 0.0
        since, before = self._samples[0]
        return (value - before) / (now - since) if now > since else 0.0


class ClientStats:
    """Statistics of one client's requests.

    errors: how many failed, but for what the client took back itself, and what it asked for and is not there.
    """

    __slots__ = ("_answered", "_track", "_waits", "durations", "errors")

    def __init__(self) -> None:
        self.errors = 0
        self.durations: deque[float] = deque(maxlen=_CLIENT_DURATIONS)
        self._waits: deque[float] = deque(maxlen=_CLIENT_DURATIONS)
        self._answered = 0
        self._track = Track()

    def finished(self, outcome: str, seconds: float, stage_times: Sequence[StageTime]) -> None:
        """Count an answered request."""
        self._answered += 1
        if outcome != "ok":
            self.errors += outcome not in NO_FAULT
            return
        self.durations.append(seconds)
        waited = 0.0
        for stage_time in stage_times:
            waited += stage_time.queue_s
        self._waits.append(waited)

    def sample(self, now: float) -> None:
        """Look at how many there are by now."""
        self._track.sample(self._answered, now)

    def to_json(self, now: float) -> dict[str, object]:
        """Return errors; requests a second, lately; and, of the latest successes, how long 95 % took and all waited."""
        waits = self._waits
        return {
            "errors": self.errors,
            "per_s": round(self._track.per_s(self._answered, now), 2),
            "p95_ms": _percentile_ms(sorted(self.durations), 0.95),
            "queue_ms": round(1000 * sum(waits) / len(waits), 3) if waits else None,
        }


@dataclass(frozen=True, slots=True)
class Answered:
    """Statistics of one operation's requests, at one moment.

    outcomes: counts, by `ok` or an error's code. took: from the acceptance to the answer. stages: how long they waited
    for each stage, and how long they were worked on there.
    """

    outcomes: Mapping[str, int]
    took: Distribution
    stages: Mapping[Stage, tuple[Distribution, Distribution]]


class Stats:
    """Counts since the start, and the latest durations, by operation.

    events: how often something happened that should be rare: `malformed`, `refused`, `denied`, `requeued`, `poisoned`,
    `expired`, `frames_dropped`.
    """

    __slots__ = ("_operations", "events")

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self._operations: dict[str, _OperationStats] = {}

    def finished(self, operation: str, outcome: str, seconds: float, stage_times: Iterable[StageTime] = ()) -> None:
        """Count an answered request of a known operation; stage_times: at the stages of its way."""
        stats = self._operations.get(operation)
        if stats is None:
            stats = self._operations[operation] = _OperationStats()
        if outcome == "ok":
            stats.ok += 1
            stats.durations.append(seconds)
        else:
            stats.errors[outcome] += 1
        stats.took.observe(seconds)
        for stage_time in stage_times:
            stage = stats.stages.get(stage_time.stage)
            if stage is None:
                stage = stats.stages[stage_time.stage] = (Histogram(), Histogram())
            stage[0].observe(stage_time.queue_s)
            stage[1].observe(stage_time.work_s)

    def sample(self, now: float) -> None:
        """Look at how many there are by now."""
        for stats in self._operations.values():
            stats.track.sample(stats.answered, now)

    def answered(self) -> dict[str, Answered]:
        """Return what there is to count, of each operation that was asked for."""
        return {name: self._operations[name].now() for name in OPERATIONS if name in self._operations}

    def to_json(self, now: float = 0.0) -> dict[str, dict[str, object]]:
        """Return counts, how many a second lately, and percentiles in milliseconds, of each operation asked for."""
        return {name: self._operations[name].to_json(now) for name in OPERATIONS if name in self._operations}


class _OperationStats:
    __slots__ = ("durations", "errors", "ok", "stages", "took", "track")

    def __init__(self) -> None:
        self.ok = 0
        self.errors: Counter[str] = Counter()  # by code, and codes are few
        self.durations: deque[float] = deque(maxlen=_DURATIONS)
        self.took = Histogram()
        self.stages: dict[Stage, tuple[Histogram, Histogram]] = {}
        self.track = Track()

    @property
    def answered(self) -> int:
        return self.ok + self.errors.total()

    def now(self) -> Answered:
        stages = {stage: (queue.now(), work.now()) for stage, (queue, work) in self.stages.items()}
        return Answered({"ok": self.ok, **self.errors}, self.took.now(), stages)

    def to_json(self, now: float) -> dict[str, object]:
        ordered = sorted(self.durations)
        return {
            "ok": self.ok,
            "errors": dict(self.errors),
            "per_s": round(self.track.per_s(self.answered, now), 2),
            "p50_ms": _percentile_ms(ordered, 0.50),
            "p95_ms": _percentile_ms(ordered, 0.95),
            "p99_ms": _percentile_ms(ordered, 0.99),
        }


def _percentile_ms(ordered: list[float], fraction: float) -> float | None:
    """Return the nearest-rank percentile."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] * 1000, 3)


@dataclass(slots=True)
class StageTime:
    """One stage of a request's way; seconds in its queue, and with its workers, those that died of it included."""

    stage: Stage
    queue_s: float = 0.0
    work_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The cluster at one moment. status: as `cluster.status` says it. answered: counts and histograms by operation."""

    status: Mapping[str, object]
    answered: Mapping[str, Answered]
