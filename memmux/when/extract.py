"""Finding an expression inside a question, such as "what did we decide last week?"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import cache

from memmux.when.expressions import FORMS
from memmux.when.forms.form import InQuestion
from memmux.when.parsing import read
from memmux.when.periods import PARTS_OF_DAY, Anchor, Span

_LEAD = r"(?:(?:in|on|at|during|over|within|from|of|for) )?(?:the )?"
_STRONG_LEAD = r"(?:in|on|during|over|within|from|of) "
_GROUP = re.compile(r"\(\?P<\w+>")
_SPACES = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+(?=[?!.,;:])")
_EDGES = " \t\r\n,;:-\u2013\u2014"


def find(query: str, *, now: datetime, zone: tzinfo) -> tuple[Span | None, str]:
    """Return the time that a question names, and the question without it; None and all of it if it names none.

    now: aware. Of several expressions the clearest is taken, and of those the first: forms with sides before forms
    that count from now or are dates, and these before names of months, seasons and holidays. What is left may be
    empty.
    """
    anchor = Anchor(now, zone)
    for found in _candidates(query):
        span = read(found["expression"], anchor, with_library=False)
        if span is not None:
            return span, _without(query, *found.span())
    return None, query


def _candidates(query: str) -> Iterator[re.Match[str]]:
    for pattern in _patterns():
        yield from pattern.finditer(query)


def _without(query: str, start: int, end: int) -> str:
    rest = _SPACES.sub(" ", f"{query[:start]} {query[end:]}")
    rest = _BEFORE_MARK.sub("", rest).strip(_EDGES)
    return rest if re.search(r"\w", rest) else ""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of what is looked for, the clearest first."""
    clear, names, led = (_any_of(kind) for kind in (InQuestion.CLEAR, InQuestion.NAME, InQuestion.LED))
    one = f"(?:the )?(?:{clear}|{names}|{led}|now)"
    sided = (
        f"between {one} and {one}|from {one} (?:to|until|till|through|up to) {one}|"
        f"(?:since|after|before|until|till|up to|prior to|older than|newer than|earlier than|later than) {one}"
    )
    forms = (sided, f"{_LEAD}(?:{clear})", f"{_LEAD}(?:{names})|{_STRONG_LEAD}(?:{led})")
    return tuple(
        re.compile(
            rf"(?<![\w/.-])(?P<expression>{form})(?:['\u2019]s)?(?![\w/]|[-.:]\w)".replace(" ", r"\s+"), re.IGNORECASE
        )
        for form in forms
    )


def _any_of(kind: InQuestion) -> str:
    patterns = "|".join(f"(?:{_GROUP.sub('(?:', form.pattern)})" for form in FORMS if form.found is kind)
    if kind is InQuestion.CLEAR:
        return rf"(?:{patterns})(?:(?:,)?(?: in the| at)? (?:{'|'.join(PARTS_OF_DAY)})\b)?"
    return patterns
