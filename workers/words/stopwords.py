"""Stop words: English words that say little, as they are written and as a query's words are cut."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from workers.words.cutting import words

_OTHERS = frozenset(("well", "wed", "hell", "shell", "ill", "id"))  # what some of them would be without an apostrophe


def _stop_words() -> frozenset[str]:
    """Return Snowball's list and its usual additions, of `stop_words.txt`."""
    text = Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8")
    return frozenset((*text.replace("'", "").split(), *words(text, query=True))) - _OTHERS


STOP_WORDS = _stop_words()


def telling(found: Iterable[str]) -> list[str]:
    """Return the different words of a query that say something; all of them where none does."""
    distinct = list(dict.fromkeys(found))
    return [word for word in distinct if word not in STOP_WORDS] or distinct
