from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from memmux.when import local_zone, zone_of

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
