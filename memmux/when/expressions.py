"""The table of expressions: for each form that stands for one stretch of time, how it looks and which stretch it is.

Patterns are for text in lower case with single spaces, without a leading "in", "on" or "the"; their groups are named.
A name without a year is the latest one that has begun: in November "october" is over, "november" is this one, and
"december" is last year's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto
from functools import cached_property
from typing import TypeAlias

from memmux.when import periods
from memmux.when.periods import MICROSECOND, SECOND, Anchor, Days, Span

Match: TypeAlias = re.Match[str]
Read: TypeAlias = Callable[[Match, Anchor], Days | Span]


class InQuestion(Enum):
    """The condition under which an expression counts inside a question."""

    CLEAR = auto()  # always
    NAME = auto()  # if there is no clear one
    LED = auto()  # the same, and only after a word like "in" or "since": it may be about something else
    NEVER = auto()  # it is far too short for that


@dataclass(frozen=True, kw_only=True)
class Row:
    """One form. recurs: it comes again each year or week, so which one is meant depends on what is around it."""

    pattern: str
    read: Read
    found: InQuestion
    recurs: bool = False

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern; compiled when it is first needed."""
        return re.compile(self.pattern)


ROWS: list[Row] = []
"""All forms; where one is the beginning of another, the longer one comes first."""


def _reads(pattern: str, found: InQuestion, *, recurs: bool = False) -> Callable[[Read], Read]:
    def enter(read: Read) -> Read:
        ROWS.append(Row(pattern=pattern, read=read, found=found, recurs=recurs))
        return read

    return enter


_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - a list of words
_NUMBERS = {word: number for number, word in enumerate(_WORDS, 1)}
_NUMBERS |= {"a": 1, "an": 1, "couple": 2, "couple of": 2, "few": 3}
_NUMBER = rf"(?P<number>\d{{1,6}}|(?:a )?(?:couple(?: of)?|few)|an?|{'|'.join(_WORDS)})"
_MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SHORT = 3  # letters by which months and weekdays are told apart
_ANY_MONTH = rf"(?P<month>{'|'.join(_MONTHS)}|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?)"
_YEAR = r"(?:19|20)\d\d"
_OF_YEAR = rf"(?:,| of| in)? (?:the year )?(?P<year>{_YEAR}|last year|this year)"
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_PART = rf"(?P<part>{'|'.join(periods.PARTS_OF_DAY)})"
_CENTURY_FROM = 50  # years of two digits from here on are of the century before

PARTS_OF_DAYS = (
    re.compile(rf"(?P<day>.+?),?(?: in the| at)? {_PART}"),
    re.compile(rf"{_PART}(?: of| on)? (?P<day>.+)"),
)
"""An expression for a day, followed by a part of it, or led by one."""


def _count(found: Match) -> int:
    text = found["number"].removeprefix("a ")
    return _NUMBERS[text] if text in _NUMBERS else int(text)


def _year(text: str, anchor: Anchor) -> int:
    if text in ("last year", "this year"):
        return anchor.today.year - (text == "last year")
    return int(text)


def _begins(name: str, names: list[str]) -> int:
    """Return the place of a month or weekday, which may be shortened, counted from 0."""
    return [known[:_SHORT] for known in names].index(name[:_SHORT])


def _chosen(found: Match, anchor: Anchor, period: Callable[[int], Days]) -> Days:
    """Return which one of a yearly period is meant: by the group `year`, the group `which`, or the latest."""
    groups = found.groupdict()
    if groups.get("year"):
        return period(_year(groups["year"], anchor))
    if groups.get("which") == "this":
        return period(anchor.today.year)
    return anchor.latest(period, over=bool(groups.get("which")))


# moments and dates that are written out


@_reads(
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


@_reads(r"(?P<year>\d{4})(?:-(?P<month>\d{1,2})-|/(?P<month_>\d{1,2})/)(?P<day>\d{1,2})", InQuestion.CLEAR)
def _iso_date(found: Match, _: Anchor) -> Days:
    return periods.day(date(int(found["year"]), int(found["month"] or found["month_"]), int(found["day"])))


@_reads(r"(?P<year>\d{4})-w(?P<week>\d\d)", InQuestion.CLEAR)
def _iso_week(found: Match, _: Anchor) -> Days:
    return periods.week(date.fromisocalendar(int(found["year"]), int(found["week"]), 1))


@_reads(rf"(?P<year>{_YEAR})-(?P<month>\d\d)", InQuestion.CLEAR)
def _iso_month(found: Match, _: Anchor) -> Days:
    return periods.months(*_valid(int(found["year"]), int(found["month"])))


def _valid(year: int, month: int) -> tuple[int, int]:
    date(year, month, 1)  # raises ValueError
    return year, month


@_reads(
    r"(?:(?P<month>\d{1,2})/(?P<day>\d{1,2})/|(?P<month_>\d{1,2})-(?P<day_>\d{1,2})-)(?P<year>\d{4}|\d\d)",
    InQuestion.CLEAR,
)
def _american_date(found: Match, _: Anchor) -> Days:
    year = int(found["year"])
    if len(found["year"]) == 2:  # noqa: PLR2004 - two digits
        year += 2000 if year < _CENTURY_FROM else 1900
    return periods.day(date(year, int(found["month"] or found["month_"]), int(found["day"] or found["day_"])))


@_reads(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})", InQuestion.LED, recurs=True)
@_reads(r"(?P<month>\d{1,2})-(?P<day>\d{1,2})", InQuestion.NEVER, recurs=True)
def _american_day(found: Match, anchor: Anchor) -> Days:
    return anchor.latest(lambda year: periods.day(date(year, int(found["month"]), int(found["day"]))))


@_reads(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})", InQuestion.CLEAR)
def _dotted_date(found: Match, _: Anchor) -> Days:
    return periods.day(date(int(found["year"]), int(found["month"]), int(found["day"])))


@_reads(r"(?P<seconds>\d{9,11}(?:\.\d{1,9})?)", InQuestion.NEVER)
def _epoch(found: Match, _: Anchor) -> Span:
    moment = datetime.fromtimestamp(float(found["seconds"]), UTC)
    return Span(moment, moment)


# counted from now


@_reads(r"(?:right )?now", InQuestion.NEVER)
def _now(_: Match, anchor: Anchor) -> Span:
    return Span(anchor.now.astimezone(UTC), anchor.now.astimezone(UTC))


@_reads(r"(?P<name>today|day before yesterday|yesterday|tomorrow)", InQuestion.CLEAR)
def _near_day(found: Match, anchor: Anchor) -> Days:
    ago = {"tomorrow": -1, "today": 0, "yesterday": 1, "day before yesterday": 2}[found["name"]]
    return periods.day(anchor.today - timedelta(days=ago))


@_reads(rf"{_NUMBER} (?P<unit>minute|hour|day|week|month|quarter|year)s? ago", InQuestion.CLEAR)
def _ago(found: Match, anchor: Anchor) -> Days | Span:
    """Return the whole unit, as the calendar or the clock has it, that was so long ago."""
    return _unit(found["unit"], _count(found), anchor)


@_reads(r"(?P<which>last|previous|this|current) (?P<unit>hour|day|weekend|week|month|quarter|year)", InQuestion.CLEAR)
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


@_reads(
    rf"(?:(?:last|past|previous) {_NUMBER}|past) (?P<unit>minute|hour|day|week|month|quarter|year)s?", InQuestion.CLEAR
)
def _rolling(found: Match, anchor: Anchor) -> Span:
    """Return the time up to now; for days and more from midnight on."""
    unit, count = found["unit"], _count(found) if found["number"] else 1
    if unit in ("minute", "hour"):
        start = _earlier(unit, count, anchor)
    elif unit in ("day", "week"):
        start = anchor.midnight(anchor.today - timedelta(**{f"{unit}s": count}))
    else:
        several = {"month": 1, "quarter": periods.QUARTER_MONTHS, "year": periods.YEAR_MONTHS}[unit]
        start = anchor.midnight(periods.months_before(anchor.today, several * count))
    return Span(start, anchor.now.astimezone(UTC))


@_reads(r"recent(?:ly)?|lately", InQuestion.NAME)
def _recent(_: Match, anchor: Anchor) -> Span:
    start = anchor.moment(anchor.wall - timedelta(weeks=1))
    return Span(start, anchor.now.astimezone(UTC))


# parts of a day


@_reads(rf"this {_PART}|tonight", InQuestion.CLEAR)
def _part_today(found: Match, anchor: Anchor) -> Span:
    return periods.part_of_day(anchor, anchor.today, found["part"] or "night")


@_reads(r"last night", InQuestion.CLEAR)
def _last_night(_: Match, anchor: Anchor) -> Span:
    return periods.part_of_day(anchor, anchor.today - periods.DAY, "night")


@_reads(_PART, InQuestion.NEVER)
def _part(found: Match, anchor: Anchor) -> Span:
    span = periods.part_of_day(anchor, anchor.today, found["part"])
    if span.start is not None and span.start > anchor.now:
        return periods.part_of_day(anchor, anchor.today - periods.DAY, found["part"])
    return span


# names


def _weekday(found: Match, anchor: Anchor) -> Days:
    today, wanted, which = anchor.today, _begins(found["name"], _DAYS), found.groupdict().get("which")
    if which == "this":
        return periods.day(periods.week(today).first + timedelta(days=wanted))
    ago = (today.weekday() - wanted) % periods.WEEK_DAYS
    return periods.day(today - timedelta(days=ago or (periods.WEEK_DAYS if which else 0)))


_NAME_OF_DAY = rf"(?P<name>{'|'.join(_DAYS)})"
_reads(rf"(?P<which>last|previous|this) {_NAME_OF_DAY}", InQuestion.CLEAR)(_weekday)
_reads(_NAME_OF_DAY, InQuestion.LED, recurs=True)(_weekday)
_reads(
    r"(?:(?P<which>last|previous|this) )?(?P<name>mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)\b\.?",
    InQuestion.NEVER,
    recurs=True,
)(_weekday)


@_reads(r"(?:the )?weekend", InQuestion.LED, recurs=True)
def _weekend(_: Match, anchor: Anchor) -> Days:
    days = periods.weekend(anchor.today)
    return days if days.first <= anchor.today else periods.weekend(anchor.today - timedelta(weeks=1))


def _day_of_month(found: Match, anchor: Anchor) -> Days:
    month = _begins(found["month"], _MONTHS) + 1
    return _chosen(found, anchor, lambda year: periods.day(date(year, month, int(found["day"]))))


_NTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_reads(rf"{_ANY_MONTH} (?:the )?{_NTH}(?:{_OF_YEAR})?", InQuestion.NAME, recurs=True)(_day_of_month)
_reads(rf"{_NTH}(?: of)? {_ANY_MONTH}(?:{_OF_YEAR})?", InQuestion.NAME, recurs=True)(_day_of_month)


def _month(found: Match, anchor: Anchor) -> Days:
    month = _begins(found["month"], _MONTHS) + 1
    return _chosen(found, anchor, lambda year: periods.months(year, month))


_PLAIN_MONTHS = "|".join(name for name in _MONTHS if name not in ("march", "may"))  # and no verbs
_reads(rf"{_ANY_MONTH}{_OF_YEAR}", InQuestion.NAME)(_month)
_reads(rf"(?P<which>last|previous|this) {_ANY_MONTH}", InQuestion.CLEAR)(_month)
_reads(rf"(?P<month>{_PLAIN_MONTHS})", InQuestion.NAME, recurs=True)(_month)
_reads(_ANY_MONTH, InQuestion.LED, recurs=True)(_month)


def _season(found: Match, anchor: Anchor) -> Days:
    name, today = found["name"], anchor.today
    if found.groupdict().get("which") == "this" and name == "winter":
        return periods.season(name, today.year - (today.month <= periods.QUARTER_MONTHS))
    return _chosen(found, anchor, lambda year: periods.season(name, year))


_SEASON = rf"(?P<name>{'|'.join(periods.SEASONS)})"
_reads(rf"{_SEASON}{_OF_YEAR}", InQuestion.CLEAR)(_season)
_reads(rf"(?P<which>last|previous|this) {_SEASON}", InQuestion.CLEAR)(_season)
_reads(rf"(?:the )?{_SEASON}", InQuestion.LED, recurs=True)(_season)


@_reads(
    r"(?:(?P<which>last|previous|this) )?(?:(?P<christmas>christmas|xmas)|(?P<new_year>new(?: )?year(?:'?s)?)|"
    r"(?P<valentine>valentine(?:'?s)?)|(?P<halloween>halloween)|(?P<thanksgiving>thanksgiving))"
    rf"(?: day| eve)?(?:{_OF_YEAR})?",
    InQuestion.NAME,
    recurs=True,
)
def _holiday(found: Match, anchor: Anchor) -> Days:
    name = next(name for name in periods.HOLIDAYS if found[name.replace(" ", "_")])
    return _chosen(found, anchor, lambda year: periods.holiday(name, year))


@_reads(rf"(?P<ordinal>{'|'.join(_ORDINALS)}) quarter(?:{_OF_YEAR})?", InQuestion.NAME, recurs=True)
def _ordinal_quarter(found: Match, anchor: Anchor) -> Days:
    return _chosen(found, anchor, lambda year: periods.quarter(year, _ORDINALS[found["ordinal"]]))


@_reads(rf"q(?P<number>[1-4])(?:(?: of)?[ /-]?(?P<year>{_YEAR}))?", InQuestion.NAME, recurs=True)
@_reads(rf"(?P<year>{_YEAR})[ /-]?q(?P<number>[1-4])", InQuestion.NAME)
def _short_quarter(found: Match, anchor: Anchor) -> Days:
    return _chosen(found, anchor, lambda year: periods.quarter(year, int(found["number"])))


@_reads(rf"(?P<ordinal>first|1st|second|2nd) half{_OF_YEAR}", InQuestion.CLEAR)
@_reads(r"(?P<ordinal>first|1st|second|2nd) half(?: of the year)?", InQuestion.NEVER, recurs=True)
def _half(found: Match, anchor: Anchor) -> Days:
    return _chosen(found, anchor, lambda year: periods.half(year, _ORDINALS[found["ordinal"]]))


@_reads(rf"h(?P<number>[12])[ /-]?(?P<year>{_YEAR})|h(?P<number_>[12])", InQuestion.NEVER, recurs=True)
def _short_half(found: Match, anchor: Anchor) -> Days:
    return _chosen(found, anchor, lambda year: periods.half(year, int(found["number"] or found["number_"])))


@_reads(rf"(?:(?:the )?year )?(?P<year>{_YEAR})(?! \w+s\b)", InQuestion.LED)
def _whole_year(found: Match, _: Anchor) -> Days:
    return periods.years(int(found["year"]))
