"""Times that are counted from now, and parts of a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from memmux.when import periods
from memmux.when.forms.form import Forms, InQuestion, Match
from memmux.when.forms.vocabulary import (
    NUMBER,
    PART,
    number_of,
)
from memmux.when.periods import MICROSECOND, Anchor, Days, Span

FORMS = Forms()


@FORMS.reads(r"(?:right )?now", InQuestion.NEVER)
def _now(_: Match, anchor: Anchor) -> Span:
    return Span(anchor.now.astimezone(UTC), anchor.now.astimezone(UTC))


@FORMS.reads(r"(?P<name>today|day before yesterday|yesterday|tomorrow)", InQuestion.CLEAR)
def _near_day(found: Match, anchor: Anchor) -> Days:
    ago = {"tomorrow": -1, "today": 0, "yesterday": 1, "day before yesterday": 2}[found["name"]]
    return periods.day(anchor.today - timedelta(days=ago))


@FORMS.reads(rf"{NUMBER} (?P<unit>minute|hour|day|week|month|quarter|year)s? ago", InQuestion.CLEAR)
def _ago(found: Match, anchor: Anchor) -> Days | Span:
    """Return the whole unit, as the calendar or the clock has it, that was so long ago."""
    return _unit(found["unit"], number_of(found), anchor)


@FORMS.reads(
    r"(?P<which>last|previous|this|current) (?P<unit>hour|day|weekend|week|month|quarter|year)", InQuestion.CLEAR
)
def _neighbour(found: Match, anchor: Anchor) -> Days | Span:
    back = found["which"] in ("last", "previous")
    if found["unit"] == "hour" and back:
        return Span(_earlier("hour", 1, anchor), anchor.now.astimezone(UTC))
    return _unit(found["unit"], int(back), anchor)


def _unit(unit: str, ago: int, anchor: Anchor) -> Days | Span:
    if unit in ("minute", "hour"):
        wall = _earlier(unit, ago, anchor).astimezone(anchor.zone).replace(second=0, microsecond=0)
        start = (wall.replace(minute=0) if unit == "hour" else wall).astimezone(UTC)
        return Span(start, start + timedelta(**{f"{unit}s": 1}) - MICROSECOND)
    today = anchor.today
    units: dict[str, Callable[[], Days]] = {
        "day": lambda: periods.day(today - timedelta(days=ago)),
        "week": lambda: periods.week(today - timedelta(weeks=ago)),
        "weekend": lambda: periods.weekend(today - timedelta(weeks=ago)),
        "month": lambda: periods.months(today.year, today.month - ago),
        "quarter": lambda: periods.quarter(today.year, periods.quarter_of(today) - ago),
        "year": lambda: periods.years(today.year - ago),
    }
    return units[unit]()


def _earlier(unit: str, count: int, anchor: Anchor) -> datetime:
    """Return the moment, in UTC, so many hours or minutes ago: as clocks run, not as they are set."""
    return anchor.now.astimezone(UTC) - timedelta(**{f"{unit}s": count})


@FORMS.reads(
    rf"(?:(?:last|past|previous) {NUMBER}|past) (?P<unit>minute|hour|day|week|month|quarter|year)s?", InQuestion.CLEAR
)
def _rolling(found: Match, anchor: Anchor) -> Span:
    """Return the time up to now; for days and more from midnight on."""
    unit, count = found["unit"], number_of(found) if found["number"] else 1
    if unit in ("minute", "hour"):
        start = _earlier(unit, count, anchor)
    elif unit in ("day", "week"):
        start = anchor.midnight(anchor.today - timedelta(**{f"{unit}s": count}))
    else:
        several = {"month": 1, "quarter": periods.QUARTER_MONTHS, "year": periods.YEAR_MONTHS}[unit]
        start = anchor.midnight(periods.months_before(anchor.today, several * count))
    return Span(start, anchor.now.astimezone(UTC))


@FORMS.reads(r"recent(?:ly)?|lately", InQuestion.NAME)
def _recent(_: Match, anchor: Anchor) -> Span:
    start = anchor.moment(anchor.wall - timedelta(weeks=1))
    return Span(start, anchor.now.astimezone(UTC))


@FORMS.reads(rf"this {PART}|tonight", InQuestion.CLEAR)
def _part_today(found: Match, anchor: Anchor) -> Span:
    return periods.part_of_day(anchor, anchor.today, found["part"] or "night")


@FORMS.reads(r"last night", InQuestion.CLEAR)
def _last_night(_: Match, anchor: Anchor) -> Span:
    return periods.part_of_day(anchor, anchor.today - periods.DAY, "night")


@FORMS.reads(PART, InQuestion.NEVER)
def _part(found: Match, anchor: Anchor) -> Span:
    span = periods.part_of_day(anchor, anchor.today, found["part"])
    if span.start is not None and span.start > anchor.now:
        return periods.part_of_day(anchor, anchor.today - periods.DAY, found["part"])
    return span
