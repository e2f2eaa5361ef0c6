"""Every form of time expression, at one moment: Sunday, 22 November 2026, 11:57:50 UTC."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux import limits
from memmux.errors import TimeNotUnderstoodError
from memmux.when import Span, parse
from tests.bounds import BOUND_S
from tests.unit.examples import examples

NOW = datetime(2026, 11, 22, 11, 57, 50, 588303, tzinfo=UTC)
TODAY = "2026-11-22"
BERLIN = ZoneInfo("Europe/Berlin")
MICROSECOND = timedelta(microseconds=1)

SHORT = [
    ("10 min ago", "10 minutes ago"),
    ("10min ago", "10 minutes ago"),
    ("2 hrs ago", "2 hours ago"),
    ("2h ago", "2 hours ago"),
    ("3d ago", "3 days ago"),
    ("last 2 wks", "last 2 weeks"),
    ("since 1 hr ago", "since 1 hour ago"),
]


@pytest.mark.parametrize(("short", "long"), SHORT)
def test_units_may_be_written_for_short(short: str, long: str) -> None:
    assert parse(short, now=NOW, zone=UTC) == parse(long, now=NOW, zone=UTC)


# What mcp-memory-service 12.4.0 gave, with the time zone UTC. It takes the time itself: where its answer ends with it,
# that is the last number.
RECORDED = [
    ("yesterday", 1795219200.0, 1795305599.999999),
    ("2 days ago", 1795132800.0, 1795219199.999999),
    ("last month", 1790812800.0, 1793491199.999999),
    ("last 3 days", 1795046400.0, 1795348673.947958),
    ("2 months ago", 1788220800.0, 1790812799.999999),
    ("in october", 1790812800.0, 1793491199.999999),
    ("between 2026-10-01 and 2026-10-15", 1790812800.0, 1792108799.999999),
    ("11/05/2026", 1793836800.0, 1793923199.999999),
    ("recent", 1794743873.948217, 1795348673.948217),
    ("first quarter of 2026", 1767225600.0, 1775001599.0),
    ("christmas", 1766361600.0, 1766966399.999999),
]
RECORDED_NOW = 1795348670.5883029


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(first: str, last: str | None = None) -> Span:
    """Whole days, the last microsecond inside."""
    return Span(at(first), at(last or first) + timedelta(days=1) - MICROSECOND)


def seconds(first: str, last: str) -> Span:
    """Days that end with their last whole second."""
    return Span(at(first), at(last) + timedelta(days=1, seconds=-1))


def up_to_now(first: str) -> Span:
    return Span(at(first), NOW)


def understood(expression: str, now: datetime = NOW) -> Span:
    return parse(expression, now=now, zone=UTC)


@pytest.mark.parametrize(("expression", "start", "end"), RECORDED)
def test_what_was_recorded_is_matched_exactly(expression: str, start: float, end: float) -> None:
    ends_now = expression in ("last 3 days", "recent")
    now = datetime.fromtimestamp(end if ends_now else RECORDED_NOW, UTC)
    span = understood(expression, now)
    assert span.start is not None
    assert span.end is not None
    assert (span.start.timestamp(), span.end.timestamp()) == (start, end)


TABLE = {
    # dates
    "2026-11-05": days("2026-11-05"),
    "2026-1-5": days("2026-01-05"),
    "2026/11/05": days("2026-11-05"),
    "on 2026-11-05": days("2026-11-05"),
    "11/5/2026": days("2026-11-05"),
    "11-05-2026": days("2026-11-05"),
    "11/5/26": days("2026-11-05"),
    "11/5/49": days("2049-11-05"),
    "11/5/99": days("1999-11-05"),
    "11/5": days("2026-11-05"),
    "12/24": days("2025-12-24"),
    "2/29": days("2024-02-29"),
    "05.11.2026": days("2026-11-05"),
    "2026-10": days("2026-10-01", "2026-10-31"),
    "2026-W47": days("2026-11-16", "2026-11-22"),
    "2025": seconds("2025-01-01", "2025-12-31"),
    "in 2025": seconds("2025-01-01", "2025-12-31"),
    "in the year 2025": seconds("2025-01-01", "2025-12-31"),
    # moments
    "2026-11-05T14:30": Span(at("2026-11-05T14:30"), at("2026-11-05T14:30:59.999999")),
    "2026-11-05 14:30:07": Span(at("2026-11-05T14:30:07"), at("2026-11-05T14:30:07.999999")),
    "2026-11-05T14:30:07.25Z": Span(at("2026-11-05T14:30:07.25"), at("2026-11-05T14:30:07.25")),
    "2026-11-05T14:30+02:00": Span(at("2026-11-05T12:30"), at("2026-11-05T12:30:59.999999")),
    "2026-11-05 14:30 UTC": Span(at("2026-11-05T14:30"), at("2026-11-05T14:30:59.999999")),
    "1795348670": Span(at("2026-11-22T11:57:50"), at("2026-11-22T11:57:50")),
    "1795348670.5": Span(at("2026-11-22T11:57:50.5"), at("2026-11-22T11:57:50.5")),
    "now": Span(NOW, NOW),
    # days near
    "today": days(TODAY),
    "Yesterday.": days("2026-11-21"),
    "the day before yesterday": days("2026-11-20"),
    "tomorrow": days("2026-11-23"),
    # units ago
    "0 days ago": days(TODAY),
    "1 day ago": days("2026-11-21"),
    "three days ago": days("2026-11-19"),
    "a couple of days ago": days("2026-11-20"),
    "a couple days ago": days("2026-11-20"),
    "a few weeks ago": days("2026-10-26", "2026-11-01"),
    "a week ago": days("2026-11-09", "2026-11-15"),
    "2 weeks ago": days("2026-11-02", "2026-11-08"),
    "11 months ago": days("2025-12-01", "2025-12-31"),
    "a quarter ago": seconds("2026-07-01", "2026-09-30"),
    "2 years ago": seconds("2024-01-01", "2024-12-31"),
    "an hour ago": Span(at("2026-11-22T10:00"), at("2026-11-22T10:59:59.999999")),
    "5 minutes ago": Span(at("2026-11-22T11:52"), at("2026-11-22T11:52:59.999999")),
    # up to now
    "last 1 day": up_to_now("2026-11-21"),
    "in the last 30 days": up_to_now("2026-10-23"),
    "over the past week": up_to_now("2026-11-15"),
    "past 2 weeks": up_to_now("2026-11-08"),
    "last 9 months": up_to_now("2026-02-22"),
    "the past year": up_to_now("2025-11-22"),
    "last 2 quarters": up_to_now("2026-05-22"),
    "last 24 hours": Span(NOW - timedelta(hours=24), NOW),
    "last hour": Span(NOW - timedelta(hours=1), NOW),
    "last 15 minutes": Span(NOW - timedelta(minutes=15), NOW),
    "last few days": up_to_now("2026-11-19"),
    "recently": Span(NOW - timedelta(days=7), NOW),
    "lately": Span(NOW - timedelta(days=7), NOW),
    "earlier today": up_to_now(TODAY),
    "earlier this week": up_to_now("2026-11-16"),
    # calendar units
    "last day": days("2026-11-21"),
    "this day": days(TODAY),
    "last week": days("2026-11-09", "2026-11-15"),
    "this week": days("2026-11-16", "2026-11-22"),
    "current week": days("2026-11-16", "2026-11-22"),
    "previous month": days("2026-10-01", "2026-10-31"),
    "this month": days("2026-11-01", "2026-11-30"),
    "last quarter": seconds("2026-07-01", "2026-09-30"),
    "this quarter": seconds("2026-10-01", "2026-12-31"),
    "last year": seconds("2025-01-01", "2025-12-31"),
    "this year": seconds("2026-01-01", "2026-12-31"),
    "last weekend": days("2026-11-14", "2026-11-15"),
    "this weekend": days("2026-11-21", "2026-11-22"),
    "on the weekend": days("2026-11-21", "2026-11-22"),
    "this hour": Span(at("2026-11-22T11:00"), at("2026-11-22T11:59:59.999999")),
    # parts of a day
    "yesterday morning": Span(at("2026-11-21T05:00"), at("2026-11-21T11:59:59")),
    "yesterday in the afternoon": Span(at("2026-11-21T13:00"), at("2026-11-21T17:59:59")),
    "yesterday at noon": Span(at("2026-11-21T12:00"), at("2026-11-21T12:59:59")),
    "noon yesterday": Span(at("2026-11-21T12:00"), at("2026-11-21T12:59:59")),
    "the morning of november 5": Span(at("2026-11-05T05:00"), at("2026-11-05T11:59:59")),
    "today evening": Span(at("2026-11-22T18:00"), at("2026-11-22T21:59:59")),
    "yesterday night": Span(at("2026-11-21T22:00"), at("2026-11-22T04:59:59")),
    "3 days ago in the evening": Span(at("2026-11-19T18:00"), at("2026-11-19T21:59:59")),
    "monday morning": Span(at("2026-11-16T05:00"), at("2026-11-16T11:59:59")),
    "2026-11-05 evening": Span(at("2026-11-05T18:00"), at("2026-11-05T21:59:59")),
    "this morning": Span(at("2026-11-22T05:00"), at("2026-11-22T11:59:59")),
    "in the morning": Span(at("2026-11-22T05:00"), at("2026-11-22T11:59:59")),
    "in the evening": Span(at("2026-11-21T18:00"), at("2026-11-21T21:59:59")),
    "last night": Span(at("2026-11-21T22:00"), at("2026-11-22T04:59:59")),
    "tonight": Span(at("2026-11-22T22:00"), at("2026-11-23T04:59:59")),
    # weekdays
    "monday": days("2026-11-16"),
    "on Sunday": days(TODAY),
    "last sunday": days("2026-11-15"),
    "last tue": days("2026-11-17"),
    "this friday": days("2026-11-20"),
    # months, and days of them
    "october": days("2026-10-01", "2026-10-31"),
    "november": days("2026-11-01", "2026-11-30"),
    "December": days("2025-12-01", "2025-12-31"),
    "in may": days("2026-05-01", "2026-05-31"),
    "sept": days("2026-09-01", "2026-09-30"),
    "dec.": days("2025-12-01", "2025-12-31"),
    "october 2025": days("2025-10-01", "2025-10-31"),
    "in October of 2025": days("2025-10-01", "2025-10-31"),
    "february, 2024": days("2024-02-01", "2024-02-29"),
    "march last year": days("2025-03-01", "2025-03-31"),
    "last november": days("2025-11-01", "2025-11-30"),
    "last october": days("2026-10-01", "2026-10-31"),
    "this december": days("2026-12-01", "2026-12-31"),
    "november 5": days("2026-11-05"),
    "december 24th": days("2025-12-24"),
    "Nov 5th, 2025": days("2025-11-05"),
    "5 november": days("2026-11-05"),
    "the 5th of november 2025": days("2025-11-05"),
    # seasons and holidays
    "spring": seconds("2026-03-20", "2026-06-20"),
    "in the summer": seconds("2026-06-21", "2026-09-22"),
    "fall": seconds("2026-09-23", "2026-12-20"),
    "autumn 2024": seconds("2024-09-23", "2024-12-20"),
    "winter": seconds("2025-12-21", "2026-03-19"),
    "last winter": seconds("2025-12-21", "2026-03-19"),
    "this winter": seconds("2026-12-21", "2027-03-19"),
    "last summer": seconds("2026-06-21", "2026-09-22"),
    "last autumn": seconds("2025-09-23", "2025-12-20"),
    "this summer": seconds("2026-06-21", "2026-09-22"),
    "last christmas": days("2025-12-22", "2025-12-28"),
    "Christmas 2023": days("2023-12-22", "2023-12-28"),
    "new year": days("2025-12-29", "2026-01-04"),
    "new year's eve": days("2025-12-29", "2026-01-04"),
    "valentine's day": days("2026-02-13", "2026-02-15"),
    "halloween": days("2026-10-28", "2026-11-03"),
    "thanksgiving": days("2025-11-24", "2025-11-30"),
    "thanksgiving of 2024": days("2024-11-25", "2024-12-01"),
    # quarters and halves
    "Q1 2026": seconds("2026-01-01", "2026-03-31"),
    "q4/2025": seconds("2025-10-01", "2025-12-31"),
    "2025-Q2": seconds("2025-04-01", "2025-06-30"),
    "in Q3": seconds("2026-07-01", "2026-09-30"),
    "the second quarter": seconds("2026-04-01", "2026-06-30"),
    "4th quarter of last year": seconds("2025-10-01", "2025-12-31"),
    "first half of 2026": seconds("2026-01-01", "2026-06-30"),
    "second half of 2025": seconds("2025-07-01", "2025-12-31"),
    "H1 2025": seconds("2025-01-01", "2025-06-30"),
    # two sides
    "between yesterday and today": days("2026-11-21", TODAY),
    "between 3 days ago and yesterday": days("2026-11-19", "2026-11-21"),
    "between yesterday and 3 days ago": days("2026-11-19", "2026-11-21"),
    "between 2026-10-15 and 2026-10-01": days("2026-10-01", "2026-10-15"),
    "between october and march": days("2025-10-01", "2026-03-31"),
    "between 12/20 and 1/5": days("2025-12-20", "2026-01-05"),
    "between christmas and new year": days("2025-12-22", "2026-01-04"),
    "from monday to wednesday": days("2026-11-16", "2026-11-18"),
    "from friday to monday": days("2026-11-13", "2026-11-16"),
    "from 2026-10-01 until 2026-10-15": days("2026-10-01", "2026-10-15"),
    "from october to now": up_to_now("2026-10-01"),
    "august to october": days("2026-08-01", "2026-10-31"),
    "2026-10-01/2026-10-15": days("2026-10-01", "2026-10-15"),
    "2026-10-01 .. 2026-10-15": days("2026-10-01", "2026-10-15"),
    "2026-10-01 - 2026-10-15": days("2026-10-01", "2026-10-15"),
    "between 1795300000 and 1795348670": Span(at("2026-11-21T22:26:40"), at("2026-11-22T11:57:50")),
    "between 2026-11-05T14:00 and 2026-11-05T15:00": Span(at("2026-11-05T14:00"), at("2026-11-05T15:00:59.999999")),
    # one side
    "since monday": Span(at("2026-11-16"), None),
    "since 3 days": Span(at("2026-11-19"), None),
    "from october onwards": Span(at("2026-10-01"), None),
    "starting last week": Span(at("2026-11-09"), None),
    "newer than 2 weeks": Span(at("2026-11-02"), None),
    "after yesterday": Span(at(TODAY), None),
    "after the first quarter of 2026": Span(at("2026-04-01"), None),
    "after 1795348670": Span(at("2026-11-22T11:57:50"), None),
    "after 2026-11-05T14:30": Span(at("2026-11-05T14:30"), None),
    "before 2026-11-05": Span(None, at("2026-11-05") - MICROSECOND),
    "before last week": Span(None, at("2026-11-09") - MICROSECOND),
    "older than 3 days": Span(None, at("2026-11-19") - MICROSECOND),
    "until yesterday": Span(None, at(TODAY) - MICROSECOND),
    "up to 2026-11-05": Span(None, at("2026-11-06") - MICROSECOND),
    # what the library reads
    "5 nov 2026 at 3pm": Span(at("2026-11-05T15:00"), at("2026-11-05T15:00:59.999999")),
    "thursday 5 november 2026": days("2026-11-05"),
    "yesterday at 15:30": Span(at("2026-11-21T15:30"), at("2026-11-21T15:30:59.999999")),
    "between nov 5 2026 10:00 and nov 5 2026 11:00": Span(at("2026-11-05T10:00"), at("2026-11-05T11:00:59.999999")),
    "14:30": Span(at("2026-11-21T14:30"), at("2026-11-21T14:30:59.999999")),
    "10am yesterday": Span(at("2026-11-21T10:00"), at("2026-11-21T10:00:59.999999")),
    "5 nov 2026 10:00 CET": Span(at("2026-11-05T09:00"), at("2026-11-05T09:00:59.999999")),
    "in 3 days": days("2026-11-25"),
    "2 fortnights ago": days("2026-10-19", "2026-10-25"),
    "since 5 nov 2026 3pm": Span(at("2026-11-05T15:00"), None),
}


@pytest.mark.parametrize(("expression", "expected"), TABLE.items())
def test_every_form_gives_its_span(expression: str, expected: Span) -> None:
    assert understood(expression) == expected


NONSENSE = [
    "a 1", "2nd", "the 5th", "version 3", "100 apples", "october morning",
    "nonsense words", "", " ", "?", "the", "in", "soon", "may be", "the weather", "13", "7", "12345", "one", "a",
    "13/45/2026", "25/12/2025", "2026-13-01", "2026-02-30", "2/30", "2026-W60", "99999999999999999999", "nan", "-1",
    "between", "between yesterday and", "between nonsense and words", "from here to eternity", "since", "since forever",
    "999999 years ago", "999999 months ago", "last 999999 years", "0000-01-01", "9999-12-31T23:59", "q5 2026",
    "before 0001-01-01", "older than 2025 years", "between last week and 0000-01-01",
    "2026-11-05T25:00", "2026-11-05T14:30.5", "\x00", "\ud800", "昨日", "x" * 100_000, "yesterday " * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("expression", NONSENSE, ids=lambda text: ascii(text[:40]))
def test_what_is_no_time_is_refused_with_examples(expression: str) -> None:
    with pytest.raises(TimeNotUnderstoodError, match=r"last week.*between 2026-10-01 and 2026-10-15") as caught:
        understood(expression)
    assert len(caught.value.message) < limits.EXPRESSION_CHARACTERS + 300


def test_first_moment_after_a_span_leaves_out_nothing_of_its_last_second() -> None:
    assert understood("yesterday").before == at(TODAY)
    assert understood("first quarter of 2026").before == at("2026-04-01")
    assert understood("last year").before == at("2026-01-01")
    assert understood("yesterday evening").before == at("2026-11-21T22:00")
    assert understood("since monday").before is None


def test_days_are_those_of_the_zone() -> None:
    late = at("2026-11-22T23:30")  # 00:30 of the 23rd in Berlin
    assert parse("yesterday", now=late, zone=BERLIN) == Span(at("2026-11-21T23:00"), at("2026-11-22T22:59:59.999999"))


@pytest.mark.parametrize(
    ("expression", "start", "end"),
    [
        # Clocks go forward on Sunday, 29 March 2026, at 02:00, and back on Sunday, 25 October 2026, at 03:00.
        ("2026-03-29", "2026-03-28T23:00", "2026-03-29T21:59:59.999999"),
        ("2026-10-25", "2026-10-24T22:00", "2026-10-25T22:59:59.999999"),
        ("march 2026", "2026-02-28T23:00", "2026-03-31T21:59:59.999999"),
        ("october 2026", "2026-09-30T22:00", "2026-10-31T22:59:59.999999"),
        ("2026-W13", "2026-03-22T23:00", "2026-03-29T21:59:59.999999"),
        ("summer 2026", "2026-06-20T22:00", "2026-09-22T21:59:59"),
        ("Q4 2026", "2026-09-30T22:00", "2026-12-31T22:59:59"),
        ("2026-03-28 night", "2026-03-28T21:00", "2026-03-29T02:59:59"),
        ("2026-10-24 night", "2026-10-24T20:00", "2026-10-25T03:59:59"),
        # 02:30 is never shown on that day in March: the hand jumps over it. In October it is shown twice.
        ("2026-03-29T02:30", "2026-03-29T01:30", "2026-03-29T01:30:59.999999"),
        ("2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T00:30:59.999999"),
    ],
)
def test_days_on_which_clocks_change_are_as_long_as_they_are(expression: str, start: str, end: str) -> None:
    assert parse(expression, now=NOW, zone=BERLIN) == Span(at(start), at(end))


def test_days_are_counted_by_the_calendar_and_hours_by_the_clock_when_clocks_change() -> None:
    now = datetime(2026, 10, 26, 12, 0, tzinfo=BERLIN)  # the day after
    assert parse("recent", now=now, zone=BERLIN).start == datetime(2026, 10, 19, 12, 0, tzinfo=BERLIN)
    assert parse("last 2 days", now=now, zone=BERLIN).start == datetime(2026, 10, 24, 0, 0, tzinfo=BERLIN)
    assert parse("last 48 hours", now=now, zone=BERLIN).start == at("2026-10-24T11:00")
    again = at("2026-10-25T01:30")  # 02:30 for the second time
    assert parse("this hour", now=again, zone=BERLIN).start == at("2026-10-25T01:00")
    assert parse("an hour ago", now=again, zone=BERLIN).start == at("2026-10-25T00:00")


def test_day_that_does_not_begin_at_midnight_begins_with_its_first_moment() -> None:
    zone = ZoneInfo("America/Sao_Paulo")  # clocks went from 00:00 to 01:00 on 4 November 2018
    span = parse("2018-11-04", now=NOW, zone=zone)
    assert span == Span(at("2018-11-04T03:00"), at("2018-11-05T01:59:59.999999"))
    assert parse("2018-11-03", now=NOW, zone=zone).before == span.start


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]).map(ZoneInfo)
NAMES = [
    *("yesterday", "last week", "last month", "last quarter", "last year", "3 days ago", "2 months ago", "last 3 days"),
    *("last monday", "monday", "last october", "12/25", "recent", "last hour", "in the evening", "last summer"),
    *("christmas", "new year", "thanksgiving", "winter", "fall", "second quarter", "h2", "december", "2/29", "weekend"),
]
NEAR = timedelta(days=185)  # a half or a season that has begun is not over


def is_no_day(span: Span) -> bool:
    """Whether it is 30 December 2011 in Samoa, which had none: nothing is at or after its start and before its end."""
    return span.start == span.before == at("2011-12-30T10:00")


def test_day_that_the_calendar_does_not_have_is_empty() -> None:
    now, zone = at("2011-12-31T01:00"), ZoneInfo("Pacific/Apia")
    assert is_no_day(parse("yesterday", now=now, zone=zone))
    assert is_no_day(parse("between yesterday and yesterday", now=now, zone=zone))


@settings(max_examples=examples(300))
@given(expression=st.sampled_from(NAMES), now=MOMENTS, zone=ZONES)
def test_what_means_the_past_has_begun_and_ends_after_its_start(expression: str, now: datetime, zone: ZoneInfo) -> None:
    span = parse(expression, now=now, zone=zone)
    assert span.start is not None
    assert span.end is not None
    assert span.start <= span.end or is_no_day(span)
    assert span.end <= now + NEAR
    assert span.start <= now


@settings(max_examples=examples(300))
@given(left=st.sampled_from(NAMES), right=st.sampled_from(NAMES), now=MOMENTS, zone=ZONES)
def test_two_sides_are_in_order_whichever_they_are(left: str, right: str, now: datetime, zone: ZoneInfo) -> None:
    span = parse(f"between {left} and {right}", now=now, zone=zone)
    assert span.start is not None
    assert span.end is not None
    assert span.start <= span.end or is_no_day(span)


@settings(max_examples=examples(200))
@given(day=st.dates(date(1990, 1, 1), date(2080, 1, 1)), zone=ZONES)
def test_days_follow_each_other_without_a_gap(day: date, zone: ZoneInfo) -> None:
    this, following = (parse(each.isoformat(), now=NOW, zone=zone) for each in (day, day + timedelta(days=1)))
    assert this.before == following.start
    noon = datetime.combine(day, time(12), tzinfo=zone)
    assert this.start is not None
    # Samoa had no 30 December 2011.
    assert this.start <= noon or (zone.key, day) == ("Pacific/Apia", date(2011, 12, 30))


@settings(max_examples=examples(300))
@given(st.text(max_size=60))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        span = understood(text)
    except TimeNotUnderstoodError:
        return
    assert span.start is not None or span.end is not None


def test_the_library_is_imported_only_for_what_is_no_table() -> None:
    code = (
        "import sys; from datetime import UTC, datetime; from memmux.when import parse, find; "
        "now = datetime.now(UTC); parse('last week', now=now, zone=UTC); find('yesterday', now=now, zone=UTC); "
        "print([name for name in ('dateparser', 'dateutil', 'tzlocal', 'regex') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True, timeout=BOUND_S
    )
    assert found.stdout.strip() == "[]"
