"""Words that several forms have, and their meanings: numbers, months, weekdays, years, parts of a day."""

from __future__ import annotations

from collections.abc import Callable

from memmux.when import periods
from memmux.when.forms.form import Match
from memmux.when.periods import Anchor, Days

_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - a list of words
NUMBERS = {word: number for number, word in enumerate(_WORDS, 1)}
NUMBERS |= {"a": 1, "an": 1, "couple": 2, "couple of": 2, "few": 3}
NUMBER = rf"(?P<number>\d{{1,6}}|(?:a )?(?:couple(?: of)?|few)|an?|{'|'.join(_WORDS)})"
MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SHORT = 3  # letters by which months and weekdays are told apart
ANY_MONTH = rf"(?P<month>{'|'.join(MONTHS)}|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?)"
YEAR = r"(?:19|20)\d\d"
OF_YEAR = rf"(?:,| of| in)? (?:the year )?(?P<year>{YEAR}|last year|this year)"
ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
PART = rf"(?P<part>{'|'.join(periods.PARTS_OF_DAY)})"


def number_of(found: Match) -> int:
    """Return the number that the group `number` says."""
    text = found["number"].removeprefix("a ")
    return NUMBERS[text] if text in NUMBERS else int(text)


def _year(text: str, anchor: Anchor) -> int:
    if text in ("last year", "this year"):
        return anchor.today.year - (text == "last year")
    return int(text)


def place_of(name: str, names: list[str]) -> int:
    """Return the place of a month or weekday, which may be shortened, counted from 0."""
    return [known[:_SHORT] for known in names].index(name[:_SHORT])


def chosen(found: Match, anchor: Anchor, period: Callable[[int], Days]) -> Days:
    """Return which one of a yearly period is meant: by the group `year`, the group `which`, or the latest."""
    groups = found.groupdict()
    if groups.get("year"):
        return period(_year(groups["year"], anchor))
    if groups.get("which") == "this":
        return period(anchor.today.year)
    return anchor.latest(period, over=bool(groups.get("which")))
