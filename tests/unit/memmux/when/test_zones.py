from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux.when import local_zone, zone_of
from tests.bounds import BOUND_S
from tests.unit.examples import examples

SUMMER = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - as the zone's clock shows it
WINTER = datetime(2026, 12, 1, 12)  # noqa: DTZ001 - the same


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the variable TZ."""

    def is_in(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield is_in
    monkeypatch.undo()
    time.tzset()


ZONES = pytest.mark.parametrize(
    ("zone", "summer", "winter"),
    [
        ("Europe/Berlin", 2, 1),
        (":America/New_York", -4, -5),
        ("UTC", 0, 0),
        ("IST-5:30", 5.5, 5.5),
        ("EST5EDT,M3.2.0,M11.1.0", -4, -5),
        ("Nowhere/Ever", 0, 0),
        (str(Path("/usr/share/zoneinfo/Europe/Berlin")), 2, 1),
    ],
)


@ZONES
def test_zone_is_that_of_the_machine_in_summer_and_winter(
    machine: Callable[[str], None], zone: str, summer: float, winter: float
) -> None:
    if zone.startswith("/") and not Path(zone).exists():
        pytest.skip("this machine has no such file")
    machine(zone)
    found = local_zone()
    assert SUMMER.replace(tzinfo=found).utcoffset() == timedelta(hours=summer)
    assert WINTER.replace(tzinfo=found).utcoffset() == timedelta(hours=winter)


@ZONES
def test_the_zone_of_another_process_is_what_its_variable_says(
    machine: Callable[[str], None], zone: str, summer: float, winter: float
) -> None:
    machine("Asia/Tokyo")  # which is this process's own
    found = zone_of(zone)
    assert SUMMER.replace(tzinfo=found).utcoffset() == timedelta(hours=summer)
    assert WINTER.replace(tzinfo=found).utcoffset() == timedelta(hours=winter)


def test_a_process_without_the_variable_is_where_the_machine_is(machine: Callable[[str], None]) -> None:
    machine("Asia/Tokyo")
    assert SUMMER.replace(tzinfo=zone_of(None)).utcoffset() == timedelta(hours=9)
    assert zone_of(":/etc/localtime") == zone_of(None)


IMPOSSIBLE = [
    "UTC-24", "EST24", "EST99", "EST23:59EDT-24,M3.2.0,M11.1.0", "EST5EDT4,M13.9.9,M11.1.0", "AAA-23BBB",
    "AAA-99BBB0,J60,59", "EST5EDT,J365/99,J1", "UTCEST,1,2", f"EST5EDT,M3.2.0/{'9' * 40},M11.1.0",
    "/etc/passwd", "../../etc/passwd", "/dev/zero", "/", ":", "Europe", "/zoneinfo/", "a\0b", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("zone", IMPOSSIBLE, ids=ascii)
def test_what_gives_no_time_is_utc(zone: str) -> None:
    assert _is_utc(zone_of(zone))


@pytest.mark.timeout(BOUND_S)
def test_what_another_process_names_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "zoneinfo" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    assert _is_utc(zone_of(str(pipe)))
    assert _is_utc(zone_of(os.path.relpath(pipe)))


def _is_utc(zone: tzinfo) -> bool:
    return all(moment.replace(tzinfo=zone).utcoffset() == timedelta(0) for moment in (SUMMER, WINTER))


def test_a_machine_a_day_from_utc_is_taken_for_one_at_utc(machine: Callable[[str], None]) -> None:
    machine("UTC-24")
    assert local_zone() is UTC


_PARTS = [
    "EST",
    "UTC",
    "EDT",
    "5",
    "24",
    "0530",
    ":",
    "+",
    "-",
    ",",
    "M",
    "J",
    ".",
    "/",
    "3",
    "60",
    "13",
    "9" * 30,
    "\xb2",
]


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.sampled_from(_PARTS), max_size=16).map("".join), st.dates())
def test_any_rule_gives_a_time_on_each_day(rule: str, day: date) -> None:
    found = zone_of(rule)
    assert datetime.combine(day, datetime.min.time(), found).utcoffset() is not None
