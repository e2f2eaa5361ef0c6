"""Stems: the forms of one word become one, by Snowball's algorithms (https://snowballstem.org), through PyStemmer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import Stemmer

from workers.words.folding import folded

SHORTEST = 3  # letters of a word that has a stem
_LATIN = "latin"
_SCRIPTS = (  # the last character of each script, in their order
    ("\u024f", _LATIN),
    ("\u036f", ""),
    ("\u03ff", "greek"),
    ("\u052f", "cyrillic"),
    ("\u058f", "armenian"),
    ("\u05ff", "hebrew"),
    ("\u077f", "arabic"),
    ("\u08ff", ""),
    ("\u097f", "devanagari"),
    ("\u0b7f", ""),
    ("\u0bff", "tamil"),
    ("\u1dff", ""),
    ("\u1eff", _LATIN),
    ("\u1fff", "greek"),
)
_USUAL = {
    _LATIN: "english",
    "greek": "greek",
    "cyrillic": "russian",
    "armenian": "armenian",
    "arabic": "arabic",
    "devanagari": "hindi",
    "tamil": "tamil",
}
_ELSEWHERE = {
    **{language: script for script, language in _USUAL.items()},
    "nepali": "devanagari",
    "persian": "arabic",
    "yiddish": "hebrew",
}


def stems(word: str, languages: Sequence[str]) -> Iterable[str]:
    """Return a word, in lower case, and its stems, all folded and each once.

    English words stand for themselves by their stem alone, which finds as much as both. languages: whose stems a word
    has beside those that are usual in its script.
    """
    form = folded(word)
    if len(form) < SHORTEST:
        return (form,)
    if not languages and word.isascii():
        return (_stemmer("english").stemWord(word),)
    script = _script(form[0])
    usual = _USUAL.get(script)
    found = dict.fromkeys((form,) if script != _LATIN or not word.isascii() else ())
    for language in _those(usual, languages, script):
        # English knows no diacritics; other languages' algorithms look for them.
        stem = folded(_stemmer(language).stemWord(form if language == usual else word))
        if stem:
            found[stem] = None
    return found or (form,)


def _those(usual: str | None, languages: Sequence[str], script: str) -> Iterator[str]:
    if usual is not None:
        yield usual
    for language in languages:
        if language != usual and _ELSEWHERE.get(language, _LATIN) == script:
            yield language


def _script(character: str) -> str:
    if character.isascii():
        return _LATIN
    return next((script for last, script in _SCRIPTS if character <= last), "")


@cache
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(language)
