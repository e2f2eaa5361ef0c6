"""Names: identifiers, paths, versions, dates, hashes, addresses; each is one word as a whole, and so are its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from workers.words.folding import folded, lower
from workers.words.stems import stems

LONGEST = 64  # characters of a word; what follows is left out
_WHOLE = 128  # characters of a name that is a word as a whole
_SHORT_HASH = 7  # digits, as git shows them
_ELIDED = 2  # letters before an apostrophe that belong to no word: l'année, qu'il
_ELISION_LEAVES = 3  # letters after it, at least
_CONNECTORS = re.compile(r"[-_']")
_OF_DIGITS = re.compile(r"[\d./:\-+@&\\]+")
_POSSESSIVE = re.compile(r"'s(?!\w)")
_HASH = re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](?=\d\d:?\d\d)")
_DOTTED = re.compile(r"[^/@:\\+&>\-_]+")  # what stands between two joints that are no dots
_FIRST = re.compile(r"[vV]\d+")  # of the numbers of a version
_VERSION = re.compile(r"(v?)(\d+(?:\.\d+)+)")
# By the shape of a part: U an upper-case letter, l another one, d a digit.
_HUMPS = re.compile(r"U+(?!l)|U?l+|d+")
_GLUED_HUMPS = re.compile(r"U+(?![ld])|U?[ld]+")
_LONE_LETTER = re.compile(r"(?<![Ul])[Ul](?![Ul])")


def split_times(text: str) -> str:
    """Return a text in which a date and a time that are written as one are two."""
    return _TIME.sub(r"\1 ", text) if "T" in text or "t" in text else text


def words(name: str, languages: Sequence[str]) -> Iterator[str]:
    """Yield the words of a name, the whole first; some may come twice."""
    lowered = _POSSESSIVE.sub("", lower(name))
    if _UUID.fullmatch(lowered):
        yield from _hash(lowered.replace("-", ""))
        return
    stripped = lowered.rstrip("+#")
    if stripped != lowered:
        yield folded(lowered)
        name, lowered = name[: len(name) - (len(lowered) - len(stripped))], stripped
    parts = _parts(name)
    if len(parts) > 1 and len(name) <= _WHOLE:
        whole = folded(lowered)
        yield whole if _OF_DIGITS.fullmatch(whole) else _joined(whole)
    for part in parts:
        yield from _part(part, languages)


def _parts(name: str) -> list[str]:
    """Return the parts of a name, which go as far as the next joint; a version, or a number, is one part.

    It ends where dots do. No pattern finds it: one that looks again after each dot takes minutes for many numbers.
    """
    if "." not in name:
        return _DOTTED.findall(name)
    found = list[str]()
    for dotted in _DOTTED.findall(name):
        parts = dotted.split(".")
        first = len(parts)
        while first and parts[first - 1].isdecimal():
            first -= 1
        if 0 < first < len(parts) and _FIRST.fullmatch(parts[first - 1]):
            first -= 1
        if len(parts) - first > 1:
            parts[first:] = [".".join(parts[first:])]
        found += filter(None, parts)
    return found


def _part(part: str, languages: Sequence[str]) -> Iterator[str]:
    lowered = _POSSESSIVE.sub("", lower(part))
    if version := _VERSION.fullmatch(lowered):
        yield lowered
        if version[1]:
            yield version[2]
        return
    before, _, rest = lowered.partition("'")
    if rest and "'" not in rest and len(before) <= _ELIDED and len(rest) >= _ELISION_LEAVES:
        yield folded(before + rest)
        yield from _plain(rest, languages)
        return
    lowered = lowered.replace("'", "")
    if _HASH.fullmatch(lowered):
        yield from _hash(lowered)
        return
    pieces = _humps(part.replace("'", "")) if len(lowered) <= LONGEST else []
    if len(pieces) < 2 and not (pieces and len(pieces[0]) < len(lowered)):  # noqa: PLR2004  # one piece is the whole
        yield from _plain(lowered, languages)
        return
    yield folded(lowered)
    for piece in pieces:
        yield from _plain(lower(piece), languages)


def _plain(word: str, languages: Sequence[str]) -> Iterator[str]:
    """Yield a word that has no parts; one with a digit in it has no stem."""
    word = word[:LONGEST]
    if word.isalpha() or not any(map(str.isdigit, word)):
        yield from stems(word, languages)
    else:
        yield folded(word)


def _hash(digits: str) -> Iterator[str]:
    yield digits
    yield digits[:_SHORT_HASH]


def _humps(part: str) -> list[str]:
    """Return the pieces of two characters or more of a name in camelCase, or with a number at an end."""
    if part.isalpha() and (part.islower() or part[1:].islower() or part.isupper()):
        return []
    shape = "".join("d" if one.isdigit() else "U" if one.isupper() else "l" for one in part)
    humps = _HUMPS
    if "d" in shape and _LONE_LETTER.search(shape):  # E1234, K8s, getE1234
        if "l" not in shape:
            return []
        humps = _GLUED_HUMPS
    return [part[hump.start() : hump.end()] for hump in humps.finditer(shape) if hump.end() - hump.start() > 1]


def _joined(whole: str) -> str:
    return _CONNECTORS.sub("", whole)
