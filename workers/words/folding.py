"""Folding: what is written in several ways becomes one: width, case, diacritics, and signs that nobody sees."""

from __future__ import annotations

import unicodedata

from workers.words import scripts

_OWN = frozenset("йїў")  # letters of their own, though Unicode takes them apart
_OTHERS = {
    **dict(zip("đøłıħŧðþæœŋ", ("d", "o", "l", "i", "h", "t", "d", "th", "ae", "oe", "n"), strict=True)),
    **dict.fromkeys("أإآٱ", "ا"),  # as Lucene's ArabicNormalizer does
    "ى": "ي",
    "ة": "ه",
    "ς": "σ",
    "ß": "ss",
}
_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u02b9\uff07"
_HYPHENS = "\u2010\u2011"
_UNSEEN = (
    (0x0591, 0x05BD),  # Hebrew points
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x0640, 0x0640),  # tatweel
    (0x064B, 0x0652),  # harakat
    (0x0670, 0x0670),
    (0xFE00, 0xFE0F),  # which picture of a letter is meant
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0100, 0xE01EF),
)
_STRIPPED = (
    (0x0000, 0x052F),
    (0x1E00, 0x1FFF),
)  # Latin, Greek, Cyrillic: their marks are left out, others' are letters
_COMBINING = ((0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))


class _Seen(dict[int, str | None]):
    """Each character as it is cut: None for one that nobody sees."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        if character in _APOSTROPHES:
            found: str | None = "'"
        elif character in _HYPHENS:
            found = "-"
        elif _within(code, _UNSEEN) or (unicodedata.category(character) == "Cf" and character != scripts.JOINER):
            found = None
        else:
            found = character
        self[code] = found
        return found


class _Folded(dict[int, str]):
    """Each character, in lower case, without its diacritics."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _folded(chr(code))
        return found


_seen, _fold = _Seen(), _Folded()


def normal(text: str) -> str:
    """Return a text in the form in which it is cut: NFKC, without signs that nobody sees."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_seen)
    if scripts.JOINER in text:
        text = scripts.lone_joiner().sub("", text)
    return unicodedata.normalize("NFKC", text)


def lower(text: str) -> str:
    """Return a normal text in lower case, with its diacritics."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text.lower())


def folded(text: str) -> str:
    """Return a text in lower case without its diacritics."""
    return text if text.isascii() else text.translate(_fold)


def _folded(character: str) -> str:
    if character in _OWN:
        return character
    if (other := _OTHERS.get(character)) is not None:
        return other
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    if _within(ord(character), _COMBINING):
        return ""
    if not _within(ord(character), _STRIPPED):
        return character
    return "".join(one for one in unicodedata.normalize("NFD", character) if unicodedata.category(one) != "Mn")


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)
