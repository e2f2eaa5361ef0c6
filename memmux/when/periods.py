"""The calendar: days, weeks, months, quarters, seasons and holidays around a moment, and the spans of time they are.

Everything is reckoned in dates of the user's calendar, and turned into moments last of all. So a day on which clocks
change has 23 or 25 hours, and a month begins at midnight there.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
WEEK_DAYS = 7
YEAR_MONTHS = 12
QUARTER_MONTHS = 3
HALF_MONTHS = 6
FORTH = 1  # years that are looked at after this one; the days around New Year begin in December
BACK = 9  # and before it; the 29th of February may be eight years ago


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time; start, end: aware, in UTC, both inside. None: open on that side.

    As mcp-memory-service has it, some spans (years, halves, quarters, seasons, parts of a day) end with their last
    whole second and others with their last microsecond. `before` makes no difference between them.
    """

    start: datetime | None
    end: datetime | None

    @property
    def before(self) -> datetime | None:
        """The first moment after the span, for filters that exclude their end; all of its last second is inside."""
        if self.end is None:
            return None
        return self.end + (MICROSECOND if self.end.microsecond else SECOND)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days of the calendar, from first to last, both inside; to_second: the span ends with a whole second."""

    first: date
    last: date
    to_second: bool = False


@dataclass(frozen=True, slots=True)
class Anchor:
    """The moment from which an expression is read, and the time zone whose calendar it means.

    now: aware.
    """

    now: datetime
    zone: tzinfo

    @property
    def wall(self) -> datetime:
        """What clock and calendar of the zone show now, without the zone."""
        return self.now.astimezone(self.zone).replace(tzinfo=None)

    @property
    def today(self) -> date:
        """The day that the calendar of the zone shows now."""
        return self.wall.date()

    def moment(self, wall: datetime) -> datetime:
        """Return the moment, in UTC, at which the zone's clock shows `wall` for the first time.

        What it never shows, because clocks are set forward over it, is the moment of their being set.
        """
        return wall.replace(tzinfo=self.zone).astimezone(UTC)

    def midnight(self, day: date) -> datetime:
        """Return the moment, in UTC, at which `day` begins."""
        return self.moment(datetime.combine(day, time.min))

    def span(self, days: Days) -> Span:
        """Return the time that days take."""
        end = self.midnight(days.last + DAY) - (SECOND if days.to_second else MICROSECOND)
        return Span(self.midnight(days.first), end)

    def clock(self, first: datetime, last: datetime, step: timedelta = SECOND) -> Span:
        """Return the time between two states of the zone's clock, the end excluded by `step`."""
        return Span(self.moment(first), self.moment(last) - step)

    def latest(self, period: Callable[[int], Days], *, over: bool = False) -> Days:
        """Return the latest of a yearly period that has begun, or, with `over`, that has ended.

        period: gives the days of a year; it raises ValueError for a year without them. Raises ValueError if no
        year near has them.
        """
        today = self.today
        for year in range(today.year + FORTH, today.year - BACK, -1):
            with suppress(ValueError):
                days = period(year)
                if (days.last if over else days.first) < today or (days.first == today and not over):
                    return days
        raise ValueError("no year near has such days")


def day(first: date) -> Days:
    """Return one day."""
    return Days(first, first)


def week(inside: date) -> Days:
    """Return the week, Monday to Sunday, of a day."""
    monday = inside - timedelta(days=inside.weekday())
    return Days(monday, monday + timedelta(days=WEEK_DAYS - 1))


def weekend(inside: date) -> Days:
    """Return Saturday and Sunday of the week of a day."""
    sunday = week(inside).last
    return Days(sunday - DAY, sunday)


def months(year: int, month: int, count: int = 1, *, to_second: bool = False) -> Days:
    """Return `count` whole months; month: may be below 1 or above 12 and is of another year then."""
    first, last = (_of(year, month + more) for more in (0, count - 1))
    return Days(date(*first, 1), date(*last, calendar.monthrange(*last)[1]), to_second)


def _of(year: int, month: int) -> tuple[int, int]:
    more, month = divmod(month - 1, YEAR_MONTHS)
    if not date.min.year <= year + more <= date.max.year:
        raise ValueError(f"there is no year {year + more}")
    return year + more, month + 1


def quarter(year: int, number: int) -> Days:
    """Return the quarter with this number from 1; it may be below 1 and is of another year then."""
    return months(year, QUARTER_MONTHS * (number - 1) + 1, QUARTER_MONTHS, to_second=True)


def quarter_of(inside: date) -> int:
    """Return the number of a day's quarter, from 1 to 4."""
    return (inside.month - 1) // QUARTER_MONTHS + 1


def half(year: int, number: int) -> Days:
    """Return the first or second half of a year."""
    return months(year, HALF_MONTHS * (number - 1) + 1, HALF_MONTHS, to_second=True)


def years(year: int) -> Days:
    """Return a whole year."""
    return months(year, 1, YEAR_MONTHS, to_second=True)


def months_before(inside: date, count: int) -> date:
    """Return the same day `count` months earlier, or the last one of that month if it is shorter."""
    year, month = _of(inside.year, inside.month - count)
    return date(year, month, min(inside.day, calendar.monthrange(year, month)[1]))


# Month and day of the first and of the last day; of the northern half of the world.
_SEASONS = {
    "spring": ((3, 20), (6, 20)),
    "summer": ((6, 21), (9, 22)),
    "autumn": ((9, 23), (12, 20)),
    "winter": ((12, 21), (3, 19)),
}
SEASONS = (*_SEASONS, "fall")


def season(name: str, year: int) -> Days:
    """Return the season that begins in a year."""
    first, last = _SEASONS[{"fall": "autumn"}.get(name, name)]
    return Days(date(year, *first), date(year + (last < first), *last), to_second=True)


# Month, day, and how many days around it are meant as well.
_HOLIDAYS = {"christmas": (12, 25, 3), "new year": (1, 1, 3), "valentine": (2, 14, 1), "halloween": (10, 31, 3)}
HOLIDAYS = (*_HOLIDAYS, "thanksgiving")
_THURSDAY = 3
_THANKSGIVING_DAYS = 3  # around it


def holiday(name: str, year: int) -> Days:
    """Return the days around a holiday of a year."""
    if name == "thanksgiving":  # the fourth Thursday of November
        first = date(year, 11, 1)
        middle = first + timedelta(days=(_THURSDAY - first.weekday()) % WEEK_DAYS, weeks=3)
        around = timedelta(days=_THANKSGIVING_DAYS)
    else:
        month, number, width = _HOLIDAYS[name]
        middle, around = date(year, month, number), timedelta(days=width)
    return Days(middle - around, middle + around)


# The first hour, and the hour with which it ends; past midnight those of the next day.
PARTS_OF_DAY = {
    "morning": (5, 12),
    "noon": (12, 13),
    "afternoon": (13, 18),
    "evening": (18, 22),
    "night": (22, 29),
    "midnight": (0, 1),
}


def part_of_day(anchor: Anchor, inside: date, name: str) -> Span:
    """Return a part of a day; the night of a day goes on into the next one."""
    first, end = (datetime.combine(inside, time.min) + timedelta(hours=hour) for hour in PARTS_OF_DAY[name])
    return anchor.clock(first, end)
