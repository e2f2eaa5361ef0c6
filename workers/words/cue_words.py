"""Cue words: the English words by which a question says more than what it is about.

All of them are here. Questions in other languages have no such cues, and are ranked without.
"""

from __future__ import annotations

import re


def _any(words: str) -> str:
    return "|".join(words.split())


_UNITS = "minute hour day week weekend fortnight month quarter year decade century"
_MONTHS = "january february march april may june july august september october november december"
_PLAIN_MONTHS = " ".join(name for name in _MONTHS.split() if name not in ("march", "may"))  # which are verbs, too
_SHORT_MONTHS = "jan feb mar apr jun jul aug sep sept oct nov dec"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_PARTS_OF_DAY = "morning noon midday afternoon evening night midnight"
_NEAR = "yesterday today tonight tomorrow"
_SEASONS = "spring summer autumn fall winter"
_HOLIDAYS = "christmas xmas easter thanksgiving halloween valentine"
_RELATIVE = "ago last next previous past this current recent recently lately since until before after"

MAY_NAME_TIME = re.compile(
    rf"\d|\b(?:{_any(_MONTHS)}|{_any(_SHORT_MONTHS)}|{_any(_DAYS)}|{_any(_NEAR)}|{_any(_SEASONS)}|{_any(_HOLIDAYS)}|"
    rf"{_any(_RELATIVE)}|new\s?year|quarter|weekend|half)",
    re.IGNORECASE,
)
"""Without any of these a question names no date or period."""

ASKS_WHEN = re.compile(
    r"^\W*(?:(?:and|but|so|or|ok|okay|well|by|since|until|till|from)\s+)*when\b|"
    r"\b(?:tell me|tell us|know|knows|remember|recall|remind me|find out|say|see|ask|check)\s+(?:of\s+)?when\b|"
    r"\b(?:what|which)\s+(?:was\s+the\s+|is\s+the\s+)?(?:exact\s+)?(?:date|day|weekday|time|hour|week|month|season|year)\b|"
    r"\bhow\s+long\s+ago\b|\bthe\s+date\s+(?:of|when|on)\b",
    re.IGNORECASE,
)
"""A question for a time."""

_TIME_WORDS = frozenset(
    f"{_PLAIN_MONTHS} {_DAYS} {_NEAR} {_PARTS_OF_DAY} {_HOLIDAYS} {_UNITS} ago".split()
) | frozenset(f"{word}s" for word in f"{_DAYS} {_PARTS_OF_DAY} {_UNITS}".split()) | {"centuries"}  # fmt: skip
_MAY_BE = frozenset(f"may march {_SEASONS}".split())  # a time, or not: that depends on what is around
_WORD = re.compile(r"[^\W\d_]+")
_DIGIT = re.compile(r"\d")
_TIME = re.compile(
    r"\b(?:(?:in|of|by|on|since|until|from|to|last|next|this|early|mid|late)[\s-]+(?:march|may)|"
    r"(?:march|may) (?:the )?\d{1,4}(?:st|nd|rd|th)?|\d{1,2}(?:st|nd|rd|th)?(?: of)? (?:march|may)|"
    rf"(?:last|next|this|past|previous|coming|every|in|during|since|until)(?: the)? (?:{_any(_SEASONS)})|"
    r"(?:1[89]|20)\d\d|\d{1,2}(?::\d\d)?\s?[ap]\.?m|\d{1,2}:\d\d|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|"
    r"\d{1,2}(?:st|nd|rd|th))\b"
)


def says_time(text: str) -> bool:
    """Return whether a text says when something is or was."""
    text = text.lower()
    words = _WORD.findall(text)
    if not _TIME_WORDS.isdisjoint(words) or "o'clock" in text:
        return True
    unclear = not _MAY_BE.isdisjoint(words) or _DIGIT.search(text) is not None
    return unclear and _TIME.search(text) is not None


NO_NAMES = frozenset(
    f"{_MONTHS} {_SHORT_MONTHS} {_DAYS} answer bug caution decision decisions error errors example fact fix fixme goal "
    "goals hint idea ideas info important issue lesson note notes problem question reason reminder result results rule "
    "rules solution status step steps summary task tasks tip title todo update warning".split()
)
"""Words that begin with a capital letter, or stand before a colon, and are nobody's name."""

SPEAKERS = ("speaker", "author", "sender", "said_by", "from")
"""Keys of the metadata that name who said or wrote something."""
