"""Weekdays, months, seasons, holidays, quarters, halves and years.

A name without a year is the latest one that has begun: in November "october" is over, "november" is this one, and
"december" is last year's.
"""

from __future__ import annotations

from datetime import date, timedelta

from memmux.when import periods
from memmux.when.forms.form import Forms, InQuestion, Match
from memmux.when.forms.vocabulary import (
    ANY_MONTH,
    DAYS,
    MONTHS,
    OF_YEAR,
    ORDINALS,
    YEAR,
    chosen,
    place_of,
)
from memmux.when.periods import Anchor, Days

FORMS = Forms()


def _weekday(found: Match, anchor: Anchor) -> Days:
    today, wanted, which = anchor.today, place_of(found["name"], DAYS), found.groupdict().get("which")
    if which == "this":
        return periods.day(periods.week(today).first + timedelta(days=wanted))
    ago = (today.weekday() - wanted) % periods.WEEK_DAYS
    return periods.day(today - timedelta(days=ago or (periods.WEEK_DAYS if which else 0)))


_NAME_OF_DAY = rf"(?P<name>{'|'.join(DAYS)})"
FORMS.reads(rf"(?P<which>last|previous|this) {_NAME_OF_DAY}", InQuestion.CLEAR)(_weekday)
FORMS.reads(_NAME_OF_DAY, InQuestion.LED, recurs=True)(_weekday)
FORMS.reads(
    r"(?:(?P<which>last|previous|this) )?(?P<name>mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)\b\.?",
    InQuestion.NEVER,
    recurs=True,
)(_weekday)


@FORMS.reads(r"(?:the )?weekend", InQuestion.LED, recurs=True)
def _weekend(_: Match, anchor: Anchor) -> Days:
    days = periods.weekend(anchor.today)
    return days if days.first <= anchor.today else periods.weekend(anchor.today - timedelta(weeks=1))


def _day_of_month(found: Match, anchor: Anchor) -> Days:
    month = place_of(found["month"], MONTHS) + 1
    return chosen(found, anchor, lambda year: periods.day(date(year, month, int(found["day"]))))


_NTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
FORMS.reads(rf"{ANY_MONTH} (?:the )?{_NTH}(?:{OF_YEAR})?", InQuestion.NAME, recurs=True)(_day_of_month)
FORMS.reads(rf"{_NTH}(?: of)? {ANY_MONTH}(?:{OF_YEAR})?", InQuestion.NAME, recurs=True)(_day_of_month)


def _month(found: Match, anchor: Anchor) -> Days:
    month = place_of(found["month"], MONTHS) + 1
    return chosen(found, anchor, lambda year: periods.months(year, month))


_PLAIN_MONTHS = "|".join(name for name in MONTHS if name not in ("march", "may"))  # and no verbs
FORMS.reads(rf"{ANY_MONTH}{OF_YEAR}", InQuestion.NAME)(_month)
FORMS.reads(rf"(?P<which>last|previous|this) {ANY_MONTH}", InQuestion.CLEAR)(_month)
FORMS.reads(rf"(?P<month>{_PLAIN_MONTHS})", InQuestion.NAME, recurs=True)(_month)
FORMS.reads(ANY_MONTH, InQuestion.LED, recurs=True)(_month)


def _season(found: Match, anchor: Anchor) -> Days:
    name, today = found["name"], anchor.today
    if found.groupdict().get("which") == "this" and name == "winter":
        return periods.season(name, today.year - (today.month <= periods.QUARTER_MONTHS))
    return chosen(found, anchor, lambda year: periods.season(name, year))


_SEASON = rf"(?P<name>{'|'.join(periods.SEASONS)})"
FORMS.reads(rf"{_SEASON}{OF_YEAR}", InQuestion.CLEAR)(_season)
FORMS.reads(rf"(?P<which>last|previous|this) {_SEASON}", InQuestion.CLEAR)(_season)
FORMS.reads(rf"(?:the )?{_SEASON}", InQuestion.LED, recurs=True)(_season)


@FORMS.reads(
    r"(?:(?P<which>last|previous|this) )?(?:(?P<christmas>christmas|xmas)|(?P<new_year>new(?: )?year(?:'?s)?)|"
    r"(?P<valentine>valentine(?:'?s)?)|(?P<halloween>halloween)|(?P<thanksgiving>thanksgiving))"
    rf"(?: day| eve)?(?:{OF_YEAR})?",
    InQuestion.NAME,
    recurs=True,
)
def _holiday(found: Match, anchor: Anchor) -> Days:
    name = next(name for name in periods.HOLIDAYS if found[name.replace(" ", "_")])
    return chosen(found, anchor, lambda year: periods.holiday(name, year))


@FORMS.reads(rf"(?P<ordinal>{'|'.join(ORDINALS)}) quarter(?:{OF_YEAR})?", InQuestion.NAME, recurs=True)
def _ordinal_quarter(found: Match, anchor: Anchor) -> Days:
    return chosen(found, anchor, lambda year: periods.quarter(year, ORDINALS[found["ordinal"]]))


@FORMS.reads(rf"q(?P<number>[1-4])(?:(?: of)?[ /-]?(?P<year>{YEAR}))?", InQuestion.NAME, recurs=True)
@FORMS.reads(rf"(?P<year>{YEAR})[ /-]?q(?P<number>[1-4])", InQuestion.NAME)
def _short_quarter(found: Match, anchor: Anchor) -> Days:
    return chosen(found, anchor, lambda year: periods.quarter(year, int(found["number"])))


@FORMS.reads(rf"(?P<ordinal>first|1st|second|2nd) half{OF_YEAR}", InQuestion.CLEAR)
@FORMS.reads(r"(?P<ordinal>first|1st|second|2nd) half(?: of the year)?", InQuestion.NEVER, recurs=True)
def _half(found: Match, anchor: Anchor) -> Days:
    return chosen(found, anchor, lambda year: periods.half(year, ORDINALS[found["ordinal"]]))


@FORMS.reads(rf"h(?P<number>[12])[ /-]?(?P<year>{YEAR})|h(?P<number_>[12])", InQuestion.NEVER, recurs=True)
def _short_half(found: Match, anchor: Anchor) -> Days:
    return chosen(found, anchor, lambda year: periods.half(year, int(found["number"] or found["number_"])))


@FORMS.reads(rf"(?:(?:the )?year )?(?P<year>{YEAR})(?! \w+s\b)", InQuestion.LED)
def _whole_year(found: Match, _: Anchor) -> Days:
    return periods.years(int(found["year"]))
