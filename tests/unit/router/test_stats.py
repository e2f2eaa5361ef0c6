"""Statistics: counts, percentiles, and no growth."""

from __future__ import annotations

from router.stats import Stats


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
    assert stats.to_json() == {"memory.get": {"ok": 0, "errors": {"overloaded": 1}, "p50_ms": None, "p95_ms": None}}


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
