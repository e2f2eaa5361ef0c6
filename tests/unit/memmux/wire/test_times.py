from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from memmux.errors import ArgumentInvalidError
from memmux.wire.times import from_epoch, parse_time, zone_name


@pytest.fixture
def kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's time zone is +05:30."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "IST-5:30")
        time.tzset()
        yield
    time.tzset()


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.usefixtures("kolkata")
@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-11-23", None, datetime(2026, 11, 22, 18, 30, tzinfo=UTC)),
        ("2026-11-23", NEW_YORK, datetime(2026, 11, 23, 5, 0, tzinfo=UTC)),
        ("2026-11-23T14:30", None, datetime(2026, 11, 23, 9, 0, tzinfo=UTC)),
        ("2026-07-01T00:30", NEW_YORK, datetime(2026, 7, 1, 4, 30, tzinfo=UTC)),
        ("2026-11-23T14:30:00+01:00", None, datetime(2026, 11, 23, 13, 30, tzinfo=UTC)),
        ("2026-11-23T14:30:00+01:00", NEW_YORK, datetime(2026, 11, 23, 13, 30, tzinfo=UTC)),
        ("2026-11-23T14:30:00Z", None, datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("0", NEW_YORK, datetime(1970, 1, 1, tzinfo=UTC)),
        ("1.5", None, datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_utc(text: str, zone: ZoneInfo | None, expected: datetime) -> None:
    parsed = parse_time(text, zone=zone)
    assert parsed == expected
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "zone"),
    [("0001-01-01", "Asia/Tokyo"), ("9999-12-31T23:59", "America/New_York"), ("9999-12-31T23:59-14:00", "UTC")],
)
def test_a_time_that_no_clock_shows_in_utc_is_refused(text: str, zone: str) -> None:
    with pytest.raises(ArgumentInvalidError, match="is not a time"):
        parse_time(text, zone=ZoneInfo(zone))


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "nan", "inf", "1e300", "\x00", "9" * 5000])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ArgumentInvalidError, match="2026-11-23T14:30"):
        parse_time(text)


def test_epoch_seconds_become_aware() -> None:
    assert from_epoch(0.5) == datetime(1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("named", "zone"),
    [("Asia/Tokyo", "Asia/Tokyo"), (":Asia/Tokyo", ":Asia/Tokyo"), ("", "UTC"), ("x" * 500, "x" * 64)],
)
def test_the_time_zone_is_what_the_variable_names(named: str, zone: str) -> None:
    assert zone_name({"TZ": named}) == zone


def test_without_the_variable_the_zone_is_that_of_the_machine_or_not_known() -> None:
    local = Path("/etc/localtime")
    known = local.is_symlink() and str(local.readlink()).endswith(zone_name({}))
    assert known or zone_name({}) == ""
