"""What is in no table: dateparser reads it, for instance "5 nov at 3pm" or "half an hour ago"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from memmux.when import periods
from memmux.when.periods import MICROSECOND, Anchor, Span

_WORTH_A_TRY = re.compile(r"(?=.*\d).*[a-z:].*|.*\b(?:ago|noon|midnight)\b.*")


def read(text: str, anchor: Anchor) -> Span | None:
    """Return the span that dateparser sees in a text, as long as it is exact, or None.

    Raises ValueError or OverflowError for what is beyond the calendar.
    """
    if not _WORTH_A_TRY.fullmatch(text):
        return None  # mere words mean too much to it, and mere digits too
    from dateparser.date import DateDataParser  # costs 0.2 s

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
        case "year":
            return anchor.span(periods.years(read.year))
        case "month":
            return anchor.span(periods.months(read.year, read.month))
        case "week":
            return anchor.span(periods.week(read.date()))
        case _:
            return anchor.span(periods.day(read.date()))
