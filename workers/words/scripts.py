"""Scripts: which characters stand side by side without spaces, which are pictures, and which make up names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

JOINER = "\u200d"  # makes one picture of several

# Written without spaces: a word is two neighbours or more. Punctuation and digits in between are left out.
_DENSE = (
    (0x1100, 0x11FF),  # jamo
    (0x3005, 0x3007),
    (0x3021, 0x302F),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x309A),  # hiragana
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),  # katakana
    (0x30FC, 0x30FF),
    (0x3105, 0x318E),  # bopomofo, jamo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),  # Han
    (0xA000, 0xA48C),  # Yi
    (0xA960, 0xA97C),
    (0xAC00, 0xD7FB),  # Hangul
    (0xF900, 0xFAFF),
    (0x17000, 0x18DFF),  # Tangut, Khitan
    (0x1AFF0, 0x1B2FF),
    (0x20000, 0x3FFFD),
)
# The same in South-East Asia and Tibet, where marks belong to the letter before them.
_CLUSTERED = (
    (0x0E01, 0x0E3A),  # Thai
    (0x0E40, 0x0E4E),
    (0x0E80, 0x0ECF),  # Lao
    (0x0EDC, 0x0EDF),
    (0x0F40, 0x0F84),  # Tibetan
    (0x0F86, 0x0FBC),
    (0x1000, 0x103F),  # Myanmar
    (0x1050, 0x108F),
    (0x109A, 0x109D),
    (0x1780, 0x17D3),  # Khmer
    (0x1950, 0x1974),  # Tai Le
    (0x1980, 0x19C9),  # New Tai Lue
    (0x1A20, 0x1A7C),  # Tai Tham
    (0xA9E0, 0xA9EF),
    (0xAA60, 0xAA76),  # Myanmar
    (0xAA7A, 0xAADD),  # Tai Viet
)
_PICTURES = (
    (0x231A, 0x231B),
    (0x23E9, 0x23FA),
    (0x25AA, 0x25AB),
    (0x25B6, 0x25B6),
    (0x25C0, 0x25C0),
    (0x25FB, 0x25FE),
    (0x2600, 0x27BF),
    (0x2B05, 0x2B07),
    (0x2B1B, 0x2B1C),
    (0x2B50, 0x2B55),
    (0x1F000, 0x1F1E5),
    (0x1F200, 0x1F3FA),
    (0x1F400, 0x1FAFF),
)
_FLAGS = "[\U0001f1e6-\U0001f1ff]{2}"
_JOINTS = r"(?:->|::|['.\-_/@:\\+&])"  # what may stand between the parts of a name

_MARKS = frozenset(("Mn", "Mc", "Me"))

Ranges = Iterable[tuple[int, int]]


def is_dense(word: str) -> bool:
    """Return whether a word is of a script that is written without spaces."""
    return not word.isascii() and _within(ord(word[0]), (*_DENSE, *_CLUSTERED))


def begins_words(word: str) -> bool:
    """Return whether a word of a query is one character of what is written without spaces, so that it begins words."""
    return is_dense(word) and units().fullmatch(word) is not None


@cache
def special() -> re.Pattern[str]:
    """Return the pattern of what is no name: groups dense, clustered, and picture."""
    pictures, marks = f"[{_class(_PICTURES)}]", _marks()
    return re.compile(
        f"(?P<dense>[{_class(_DENSE)}][{_class(_DENSE)}{marks}]*)"
        f"|(?P<clustered>[{_class(_CLUSTERED)}][{_class(_CLUSTERED)}{marks}]*)"
        f"|(?P<picture>{_FLAGS}|{pictures}(?:{JOINER}{pictures})*)"
    )


@cache
def name() -> re.Pattern[str]:
    """Return the pattern of a name in what stands between."""
    return re.compile(_name(f"[^\\W_](?:[^\\W_]|[{_marks()}])*", "[^\\W_]"))


def _name(part: str, letter: str) -> str:
    return rf"{part}(?:{_JOINTS}{part})*(?:\+\+|#)?(?!(?<=[+#]){letter})"


ASCII_NAME = re.compile(_name("[A-Za-z0-9]+", "[A-Za-z0-9]"))
"""The pattern of a name in a text of ASCII alone, which has no other pieces."""


@cache
def units() -> re.Pattern[str]:
    """Return the pattern of one character with the marks that belong to it."""
    return re.compile(f".[{_marks()}]*", re.DOTALL)


@cache
def lone_joiner() -> re.Pattern[str]:
    """Return the pattern of a joiner that does not stand between pictures."""
    pictures = f"[{_class(_PICTURES)}]"
    return re.compile(f"(?<!{pictures}){JOINER}|{JOINER}(?!{pictures})")


@cache
def _marks() -> str:
    codes = range(0x300, 0x1F000)
    return _class(_runs(code for code in codes if unicodedata.category(chr(code)) in _MARKS))


def _runs(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = -1
    for code in codes:
        if code != last + 1:
            if first >= 0:
                yield first, last
            first = code
        last = code
    if first >= 0:
        yield first, last


def _class(ranges: Ranges) -> str:
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


def _within(code: int, ranges: Ranges) -> bool:
    return any(low <= code <= high for low, high in ranges)
