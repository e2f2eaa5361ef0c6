"""Reading an expression: forms with two sides, forms with one, and what stands for one stretch of time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from memmux import limits
from memmux.errors import TimeNotUnderstoodError
from memmux.when import fallback, periods
from memmux.when.expressions import FORMS, PARTS_OF_DAYS
from memmux.when.periods import MICROSECOND, Anchor, Days, Span

EXAMPLES = (
    "'yesterday evening', '3 days ago', 'last week', 'last 30 days', 'october 2025', 'since monday', "
    "'between 2026-10-01 and 2026-10-15' or '2026-11-23T14:30'"
)
SHOWN_CHARACTERS = 80  # of an expression that is not understood

_UNITS = {
    **dict.fromkeys(("m", "min", "mins"), "minute"),
    **dict.fromkeys(("h", "hr", "hrs"), "hour"),
    "d": "day",
    **dict.fromkeys(("w", "wk", "wks"), "week"),
}
"""What units are called for short."""
_SHORT = re.compile(rf"\b(\d+) ?({'|'.join(_UNITS)})(?= ago\b|$)")
_LEAD = re.compile(r"(?:(?:in|on|at|during|over|within|from|of|for) )?(?:the )?(?=.)")
_BETWEEN = re.compile(r"between (?P<rest>.+)")
_FROM = re.compile(r"(?:from )?(?P<rest>.+)")
_AND = re.compile(r" and ")
_TO = re.compile(r" (?:to|until|till|through|up to) |(?: )?(?:\.\.|[\u2013\u2014])(?: )?| - ")
_INTERVAL = re.compile(r"(?P<rest>\d{4}-[^/]+/\d{4}-[^/]+)")  # of ISO 8601
_SLASH = re.compile(r"/")
_ONE_SIDED = re.compile(
    r"(?:(?P<since>since|starting(?: from| on)?|newer than)|(?P<after>after|later than)|"
    r"(?P<before>before|earlier than|prior to|older than)|(?P<until>until|till|up to|through)|(?P<earlier>earlier)) "
    r"(?P<rest>.+)|from (?P<onwards>.+) onwards?"
)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A span, and whether what stands for it comes again each year or week."""

    span: Span
    recurs: bool


def parse(expression: str, *, now: datetime, zone: tzinfo) -> Span:
    """Return the stretch of time that an expression stands for; now: aware. zone: whose calendar is meant.

    A span that is closed on both sides has start ≤ end. Raises TimeNotUnderstoodError, whose message shows examples.
    """
    span = None
    if isinstance(expression, str) and len(expression) <= limits.EXPRESSION_CHARACTERS:
        span = read(expression, Anchor(now, zone), with_library=True)
    if span is None:
        shown = repr(expression if len(str(expression)) <= SHOWN_CHARACTERS else f"{expression!s:.{SHOWN_CHARACTERS}}…")
        raise TimeNotUnderstoodError(f"{shown} is not understood as a time; write it like {EXAMPLES}")
    return span


def read(expression: str, anchor: Anchor, *, with_library: bool) -> Span | None:
    """Return the span of an expression, or None; with_library: whether to ask it if the table does not know."""
    text = " ".join(expression.replace("\u2019", "'").lower().split()).strip(" .,;:!?\"'")
    text = _SHORT.sub(lambda found: f"{found[1]} {_UNITS[found[2]]}s", text)
    with suppress(ValueError, OverflowError):  # a day that no calendar has, or a time before its first
        for ask_library in (False, True)[: 1 + with_library]:
            simple = _Simple(anchor, ask_library)
            if span := simple.two_sided(text) or simple.one_sided(text):
                return span
            if reading := simple.read(text):
                return reading.span
    return None


@dataclass(frozen=True, slots=True)
class _Simple:
    """Reads what has no sides, and what has sides that have none."""

    anchor: Anchor
    ask_library: bool

    def read(self, text: str) -> _Reading | None:
        """Return what an expression without sides stands for."""
        bare = text[_end_of_lead(text) :]
        return self._form(text) or self._form(bare) or self._part_of_day(bare) or self._library(text)

    def _form(self, text: str) -> _Reading | None:
        for form in FORMS:
            if found := form.compiled.fullmatch(text):
                stretch = form.read(found, self.anchor)
                span = self.anchor.span(stretch) if isinstance(stretch, Days) else stretch
                return _Reading(span, form.recurs)
        return None

    def _part_of_day(self, text: str) -> _Reading | None:
        for pattern in PARTS_OF_DAYS:
            found = pattern.fullmatch(text)
            reading = self._form(found["day"]) if found else None
            if found is None or reading is None or reading.span.start is None:
                continue
            day = reading.span.start.astimezone(self.anchor.zone).date()
            if reading.span == self.anchor.span(periods.day(day)):
                return _Reading(periods.part_of_day(self.anchor, day, found["part"]), reading.recurs)
        return None

    def _library(self, text: str) -> _Reading | None:
        span = fallback.read(text, self.anchor) if self.ask_library else None
        return None if span is None else _Reading(span, recurs=False)

    def two_sided(self, text: str) -> Span | None:
        """Return the time from the beginning of one expression to the end of another."""
        for left, right in _sides(text):
            last = self.read(right)
            first = self.read(left)
            if first is None or last is None:
                continue
            if _reversed(first, last) and first.recurs and last.span.end is not None:
                # "between october and march": the october before that march.
                first = replace(self, anchor=replace(self.anchor, now=last.span.end)).read(left) or first
            if _reversed(first, last):
                first, last = last, first
            return Span(first.span.start, last.span.end)
        return None

    def one_sided(self, text: str) -> Span | None:
        """Return the time since, after, before or until an expression."""
        found = _ONE_SIDED.fullmatch(text)
        if found is None:
            return None
        rest = found["rest"] or found["onwards"]
        reading = self.read(rest) or self.read(f"{rest} ago")  # "older than 3 days"
        if reading is None or reading.span.start is None or reading.span.end is None:
            return None
        start, end = reading.span.start, reading.span.end
        if found["after"]:
            short = end - start < timedelta(minutes=1)  # a moment more than a time, as in "after 14:30"
            return Span(start if short else reading.span.before, None)
        if found["before"]:
            return Span(None, start - MICROSECOND)
        if found["until"]:
            return Span(None, end)
        return Span(start, self.anchor.now.astimezone(UTC) if found["earlier"] else None)


def _end_of_lead(text: str) -> int:
    found = _LEAD.match(text)
    return found.end() if found else 0


def _sides(text: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to take an expression for one with two sides."""
    for form, border in ((_BETWEEN, _AND), (_FROM, _TO), (_INTERVAL, _SLASH)):
        found = form.fullmatch(text)
        rest = found["rest"] if found else ""
        for cut in border.finditer(rest):
            yield rest[: cut.start()], rest[cut.end() :]


def _reversed(first: _Reading, last: _Reading) -> bool:
    start, end = first.span.start, last.span.end
    return start is not None and end is not None and start > end
