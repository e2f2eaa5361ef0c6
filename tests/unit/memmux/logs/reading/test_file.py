from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from memmux.errors import TimeNotUnderstoodError
from memmux.logs.reading.file import since, stamp, written_at

NOW = datetime(2026, 11, 25, 18, 4, 5, 123456, tzinfo=UTC)


def test_time_of_a_line_is_its_first_field() -> None:
    assert written_at(b'{"timestamp":"2026-11-25T18:04:05.123456Z","level":"info"}') == b"2026-11-25T18:04:05.123456Z"
    assert written_at(b'level":"info"}') == b""
    assert written_at(b"") == b""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10s", "2026-11-25T18:03:55.123456Z"),
        ("10m", "2026-11-25T17:54:05.123456Z"),
        *[(f"10{unit}", "2026-11-25T17:54:05.123456Z") for unit in ("min", " mins", " min ago", " minutes ago", "M")],
        ("1 day ago", "2026-11-24T18:04:05.123456Z"),
        ("1.5 h", "2026-11-25T16:34:05.123456Z"),
        ("1d", "2026-11-24T18:04:05.123456Z"),
        ("2w", "2026-11-11T18:04:05.123456Z"),
        ("2026-11-25T18:00:00Z", "2026-11-25T18:00:00.000000Z"),
        ("2026-11-25T18:00+02:00", "2026-11-25T16:00:00.000000Z"),
    ],
)
def test_since_is_so_long_ago_or_a_time(text: str, meant: str) -> None:
    assert since(text, NOW) == meant.encode()


def test_time_without_a_zone_is_of_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert since("2026-11-25T18:00", NOW) == b"2026-11-25T09:00:00.000000Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "10", "yesterday", "10x", "-5m", "2026-13-01", "1" * 30 + "w", "nan s"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(TimeNotUnderstoodError, match="10m"):
        since(text, NOW)


def test_stamps_compare_as_times_do() -> None:
    assert stamp(NOW.replace(microsecond=0)) < stamp(NOW.replace(microsecond=1)) < stamp(NOW)
