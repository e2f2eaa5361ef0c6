"""Texts: what stands in a column of theirs, as text that is valid here, and within our limits."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from memmux import limits

UNTAGGED = "untagged"  # what theirs writes for no tags
_SURROGATES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def decode(data: bytes) -> str:
    """Return a text of the database; bytes that are not UTF-8 become lone surrogates, which `valid` sees."""
    return data.decode("utf-8", "surrogateescape")


def text_of(value: object) -> str | None:
    """Return a value as text, as SQLite would; None if there is none."""
    if value is None:
        return None
    return decode(value) if isinstance(value, bytes) else str(value)


def valid(text: str) -> tuple[str, bool]:
    """Return the text with U+FFFD in place of what is not Unicode, and whether it was valid as it is."""
    if _SURROGATES.search(text) is None:
        return text, True
    return _SURROGATES.sub(_REPLACEMENT, text), False


def cut(text: str, most: int) -> tuple[str, bool]:
    """Return a valid text of at most so many characters, and whether it is the one that was given."""
    whole, was_valid = valid(text)
    return whole[:most], was_valid and len(whole) <= most


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a memory; whole: whether none was cut or left out. valid: whether all were valid text."""

    names: list[str]
    whole: bool = True
    valid: bool = True


def tags(stored: object) -> Tags:
    """Return the tags in a column of theirs, joined by commas, or in a list of an export.

    Of those that differ only in case the first is taken, as memmux compares them.
    """
    if isinstance(stored, list | tuple):
        given = [text_of(tag) or "" for tag in stored]
    else:
        given = (text_of(stored) or "").split(",")
    given = [tag.strip() for tag in given if tag.strip()]
    if given == [UNTAGGED]:
        return Tags([])
    names: dict[str, str] = {}
    whole = all_valid = True
    for tag in given:
        name, as_given = cut(tag, limits.TAG_CHARACTERS)
        whole = whole and (as_given or not valid(tag)[1])
        all_valid = all_valid and valid(tag)[1]
        names.setdefault(normal(name), name.strip())
    kept = list(names.values())[: limits.TAGS]
    return Tags(kept, whole and len(kept) == len(names), all_valid)


def normal(tag: str) -> str:
    """Return the name under which a tag is compared."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).strip().casefold())
