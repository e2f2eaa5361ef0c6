"""Languages: which ones a text seems to be in, by its most common words; English is no guess, and always there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_VOTES = 2  # different common words of a language, at least
_MOST = 2  # languages of one text: neighbours share their common words

_ENGLISH = "english"


def _common() -> dict[str, frozenset[str]]:
    """Return the most common words of each language, of `common_words.txt`: a line each, which may be continued."""
    text = Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").replace("\n ", " ")
    lines = (line.partition(":") for line in text.splitlines())
    return {language: frozenset(common.split()) for language, _, common in lines}


def _votes() -> dict[str, tuple[str, ...]]:
    """Return the languages of each word that is common in any but English."""
    found: dict[str, list[str]] = {}
    for language, common in _COMMON.items():
        for word in common if language != _ENGLISH else ():
            found.setdefault(word, []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}


_COMMON = _common()
_VOTES_OF = _votes()


def of(chunks: Sequence[str], given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the languages whose stems the words of a text get beside the usual ones: those given, and guessed ones."""
    held = {chunk.lower() for chunk in chunks}
    if len(there := _VOTES_OF.keys() & held) < _VOTES:
        return tuple(given)
    counts = dict.fromkeys(_COMMON, 0)
    for word in there:
        for language in _VOTES_OF[word]:
            counts[language] += 1
    most = max(counts.values())
    if most < _VOTES or most <= len(_COMMON[_ENGLISH] & held):
        return tuple(given)
    guessed = [language for language, count in counts.items() if count == most][:_MOST]
    return tuple(dict.fromkeys((*given, *guessed)))
