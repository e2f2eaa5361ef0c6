"""Moments and dates that are written out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from memmux.when import periods
from memmux.when.forms.form import Forms, InQuestion, Match
from memmux.when.forms.vocabulary import (
    YEAR,
)
from memmux.when.periods import MICROSECOND, SECOND, Anchor, Days, Span

_CENTURY_FROM = 50  # years of two digits from here on are of the century before

FORMS = Forms()


@FORMS.reads(
    r"(?P<moment>\d{4}-\d\d-\d\d[t ]\d\d:\d\d)(?:(?P<second>:\d\d)(?P<fraction>\.\d{1,6})?)?"
    r"(?:(?: )?(?P<offset>z|utc|[+-]\d\d(?::?\d\d)?))?",
    InQuestion.CLEAR,
)
def _iso_moment(found: Match, anchor: Anchor) -> Span:
    """Return the minute, the second or the microsecond, whichever is said."""
    offset = {"utc": "Z", "z": "Z", None: ""}.get(found["offset"], found["offset"])
    read = datetime.fromisoformat(f"{found['moment']}{found['second'] or ''}{found['fraction'] or ''}{offset}".upper())
    start = anchor.moment(read) if read.tzinfo is None else read.astimezone(UTC)
    length = MICROSECOND if found["fraction"] else SECOND if found["second"] else timedelta(minutes=1)
    return Span(start, start + length - MICROSECOND)


@FORMS.reads(r"(?P<year>\d{4})(?:-(?P<month>\d{1,2})-|/(?P<month_>\d{1,2})/)(?P<day>\d{1,2})", InQuestion.CLEAR)
def _iso_date(found: Match, _: Anchor) -> Days:
    return periods.day(date(int(found["year"]), int(found["month"] or found["month_"]), int(found["day"])))


@FORMS.reads(r"(?P<year>\d{4})-w(?P<week>\d\d)", InQuestion.CLEAR)
def _iso_week(found: Match, _: Anchor) -> Days:
    return periods.week(date.fromisocalendar(int(found["year"]), int(found["week"]), 1))


@FORMS.reads(rf"(?P<year>{YEAR})-(?P<month>\d\d)", InQuestion.CLEAR)
def _iso_month(found: Match, _: Anchor) -> Days:
    return periods.months(*_valid(int(found["year"]), int(found["month"])))


def _valid(year: int, month: int) -> tuple[int, int]:
    date(year, month, 1)  # raises ValueError
    return year, month


@FORMS.reads(
    r"(?:(?P<month>\d{1,2})/(?P<day>\d{1,2})/|(?P<month_>\d{1,2})-(?P<day_>\d{1,2})-)(?P<year>\d{4}|\d\d)",
    InQuestion.CLEAR,
)
def _american_date(found: Match, _: Anchor) -> Days:
    year = int(found["year"])
    if len(found["year"]) == 2:  # noqa: PLR2004 - two digits
        year += 2000 if year < _CENTURY_FROM else 1900
    return periods.day(date(year, int(found["month"] or found["month_"]), int(found["day"] or found["day_"])))


@FORMS.reads(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})", InQuestion.LED, recurs=True)
@FORMS.reads(r"(?P<month>\d{1,2})-(?P<day>\d{1,2})", InQuestion.NEVER, recurs=True)
def _american_day(found: Match, anchor: Anchor) -> Days:
    return anchor.latest(lambda year: periods.day(date(year, int(found["month"]), int(found["day"]))))


@FORMS.reads(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})", InQuestion.CLEAR)
def _dotted_date(found: Match, _: Anchor) -> Days:
    return periods.day(date(int(found["year"]), int(found["month"]), int(found["day"])))


@FORMS.reads(r"(?P<seconds>\d{9,11}(?:\.\d{1,9})?)", InQuestion.NEVER)
def _epoch(found: Match, _: Anchor) -> Span:
    moment = datetime.fromtimestamp(float(found["seconds"]), UTC)
    return Span(moment, moment)
