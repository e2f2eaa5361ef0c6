"""Statistics: counts, percentiles, and no growth."""

from __future__ import annotations

import pytest

from memmux.wire.operations import Stage
from router.dispatch.stats import BUCKETS_S, ClientStats, Histogram, StageTime, Stats, Track


def test_percentiles_are_of_the_latest_successes() -> None:
    stats = Stats()
    stats.finished("memory.get", "ok", 9.0)
    for number in range(1000):
        stats.finished("memory.get", "ok", (number % 100) / 1000)
    stats.finished("memory.get", "not_found", 5.0)
    row = stats.to_json()["memory.get"]
    assert (row["ok"], row["errors"]) == (1001, {"not_found": 1})
    assert 45 <= float(str(row["p50_ms"])) <= 55
    assert 90 <= float(str(row["p95_ms"])) <= 99


def test_operation_that_only_failed_has_no_percentiles() -> None:
    stats = Stats()
    stats.finished("memory.get", "overloaded", 1.0)
    percentiles = {"p50_ms": None, "p95_ms": None, "p99_ms": None}
    assert stats.to_json() == {"memory.get": {"ok": 0, "errors": {"overloaded": 1}, "per_s": 0.0, **percentiles}}


def test_operations_stand_in_the_order_of_their_table() -> None:
    stats = Stats()
    for name in ("memory.delete", "memory.store"):
        stats.finished(name, "ok", 1.0)
    assert list(stats.to_json()) == ["memory.store", "memory.delete"]


def test_durations_are_bounded() -> None:
    stats = Stats()
    for _ in range(2000):
        stats.finished("memory.get", "ok", 1.0)
    assert len(stats._operations["memory.get"].durations) < 1000


def test_histograms_tell_waiting_from_work_at_each_stage() -> None:
    stats = Stats()
    stage_times = [StageTime(Stage.EMBED, queue_s=0.002, work_s=0.02), StageTime(Stage.READ, queue_s=0.0, work_s=0.004)]
    stats.finished("memory.search", "ok", 0.026, stage_times)
    stats.finished("memory.search", "busy", 20.0)
    found = stats.answered()["memory.search"]
    assert found.outcomes == {"ok": 1, "busy": 1}
    assert found.took.sum_s == pytest.approx(20.026)
    assert found.took.counts[-1] == 1  # longer than every bucket
    waited, worked = found.stages[Stage.EMBED]
    assert (waited.counts.index(1), worked.counts.index(1)) == (BUCKETS_S.index(0.0025), BUCKETS_S.index(0.025))
    assert found.stages[Stage.READ][0].counts[0] == 1


def test_a_duration_at_the_end_of_a_bucket_is_in_it() -> None:
    histogram = Histogram()
    histogram.observe(BUCKETS_S[3])
    assert histogram.now().counts.index(1) == 3


def test_what_was_told_of_a_histogram_does_not_change_any_more() -> None:
    histogram = Histogram()
    before = histogram.now()
    histogram.observe(1.0)
    assert sum(before.counts) == 0


def test_a_rate_is_of_the_last_ten_seconds() -> None:
    track = Track()
    for second in range(100):
        track.sample(min(second, 50) * 3, float(second))
    assert track.per_s(150, 100.0) == 0.0
    assert Track().per_s(7, 1.0) == 0.0
    for second in range(100, 110):
        track.sample(150 + (second - 100) * 5, float(second))
    assert track.per_s(200, 110.0) == pytest.approx(5.0)


def test_an_account_counts_what_became_of_a_clients_requests() -> None:
    client_stats = ClientStats()
    client_stats.sample(0.0)
    for outcome in ("ok", "ok", "storage_full", "not_found", "cancelled"):
        client_stats.finished(
            outcome, 0.01, [StageTime(Stage.READ, queue_s=0.004), StageTime(Stage.WRITE, queue_s=0.002)]
        )
    told = client_stats.to_json(2.0)
    assert told == {"errors": 1, "per_s": 2.5, "p95_ms": 10.0, "queue_ms": 6.0}


def test_an_account_is_bounded() -> None:
    client_stats = ClientStats()
    for _ in range(2000):
        client_stats.finished("ok", 1.0, [])
        client_stats.sample(0.0)
    assert len(client_stats.durations) < 1000
    assert len(client_stats._track._samples) <= 10
