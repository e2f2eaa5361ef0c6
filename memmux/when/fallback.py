"""Expressions that are in no table: dateparser reads them, for instance "5 nov at 3pm" or "10am yesterday"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from memmux.when import periods
from memmux.when.periods import MICROSECOND, Anchor, Span

# A number beside a word of the calendar or the clock. It sees a date in less, such as "a 1" or "2nd".
_WORTH_A_TRY = re.compile(
    r"(?=.*\d).*(?:\d:\d\d|\d(?: )?[ap]\.?m\b|\b(?:"
    r"seconds?|minutes?|hours?|days?|weeks?|fortnights?|months?|years?|decades?|noon|midnight|today|yesterday|tomorrow|"
    r"jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|january|february|march|april|june|july|august|september|october|"
    r"november|december|(?:mon|tues?|wednes|thurs?|fri|satur|sun)(?:day)?|wed|thu|sat)\b).*"
)


def read(text: str, anchor: Anchor) -> Span | None:
    """Return the span that dateparser sees in a text, as long as it is exact, or None.

    Raises ValueError or OverflowError for what is beyond the calendar.
    """
    if not _WORTH_A_TRY.fullmatch(text):
        return None
    from dateparser.date import DateDataParser  # costs 0.3 s

    parser = DateDataParser(
        languages=["en"],
        settings={
            "RELATIVE_BASE": anchor.wall,
            "PREFER_DATES_FROM": "past",
            "PREFER_DAY_OF_MONTH": "first",
            "RETURN_TIME_AS_PERIOD": True,
            "PARSERS": ["relative-time", "absolute-time"],
        },
    )
    data = parser.get_date_data(text)
    return None if data.date_obj is None else _span(data.date_obj, data.period, anchor)


def _span(read: datetime, period: str | None, anchor: Anchor) -> Span:
    if read.tzinfo is not None:
        read = read.astimezone(anchor.zone).replace(tzinfo=None)
    match period:
        case "time":
            start = anchor.moment(read.replace(second=0, microsecond=0))
            return Span(start.astimezone(UTC), start + timedelta(minutes=1) - MICROSECOND)
        case "quarter":
            return anchor.span(periods.quarter(read.year, periods.quarter_of(read.date())))
        case "year":
            return anchor.span(periods.years(read.year))
        case "month":
            return anchor.span(periods.months(read.year, read.month))
        case "week":
            return anchor.span(periods.week(read.date()))
        case _:
            return anchor.span(periods.day(read.date()))
