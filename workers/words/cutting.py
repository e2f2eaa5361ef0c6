"""Cutting: a text becomes words, in the order in which they stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from workers.words import languages as guess
from workers.words import names, scripts
from workers.words.folding import folded, lower, normal
from workers.words.names import LONGEST
from workers.words.stems import stems

__all__ = ["LONGEST", "words"]
_CACHED_CHARACTERS = 48  # of a piece of text between two spaces whose words are remembered
_CACHED = 1 << 12  # such pieces, some 1 MB; four times as many save a fifteenth of the time that a text takes


def words(text: str, query: bool = False, languages: Sequence[str] = ()) -> list[str]:
    """Return the words of a text, or of a query, as they stand in an index.

    Two texts that a reader would call the same, whatever their case, width or form, have the same words. A word has 1
    to LONGEST characters, none of them a space. languages: whose stems words have beside the usual ones; Snowball's
    names. A query has no single last character of what is written without spaces: such a word of a query stands for all
    that begin with it.
    """
    text = names.split_times(normal(text))
    chunks = text.split()
    also = guess.of(chunks, languages)
    found: list[str] = []
    for chunk in chunks:
        if len(chunk) <= _CACHED_CHARACTERS:
            found += _known(chunk, also, query)
        else:
            found += _cut(chunk, also, query)
    return found


@lru_cache(_CACHED)
def _known(chunk: str, languages: tuple[str, ...], query: bool) -> tuple[str, ...]:
    return tuple(_cut(chunk, languages, query))


def _cut(chunk: str, languages: Sequence[str], query: bool) -> Iterator[str]:
    if chunk.isascii():
        if chunk.isalpha() and chunk[1:].islower():  # most are, and have no parts
            yield from stems(chunk[:LONGEST].lower(), languages)
            return
        yield from _names(chunk, languages)
        return
    between = 0
    for piece in scripts.special().finditer(chunk):
        yield from _names(chunk[between : piece.start()], languages)
        between, text = piece.end(), piece[0]
        if piece.lastgroup != "picture":
            yield from _neighbours(text, query)
            continue
        yield text[:LONGEST]
        if scripts.JOINER in text:
            yield from text.split(scripts.JOINER)
    yield from _names(chunk[between:], languages)


def _names(text: str, languages: Sequence[str]) -> Iterator[str]:
    for name in (scripts.ASCII_NAME if text.isascii() else scripts.name()).findall(text):
        yield from _once(names.words(name, languages))


def _once(found: Iterator[str]) -> Iterator[str]:
    return iter(dict.fromkeys(word[:LONGEST] for word in found if word))


def _neighbours(text: str, query: bool) -> Iterator[str]:
    """Yield every two neighbours, and the last one alone, so that each character begins a word."""
    units = [unit[: LONGEST // 2] for unit in scripts.units().findall(folded(lower(text)))]
    for one, other in pairwise(units):
        yield one + other
    if units and (not query or len(units) == 1):
        yield units[-1]
