"""The vocabulary: all words of the index in one piece of memory, to find those that end with another word.

The index finds words by their beginning alone. Loaded when a query has a word that nobody has, and kept up to date by
the contents that have changed since; a word that is gone stays, and stands nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading.word_index import WordIndex
from workers.words import words

_SQL = queries.load("search")
FAR_BEHIND = 1_024  # changed memories from which on loading everything is quicker
_BREAK = "\n"
_PART = 8  # recent words are put to the others when they are one in so many


class Vocabulary:
    """The words of the index as of a change, in UTF-8; beside them those of memories that have changed since.

    To look whether such a word is known already would be to go through all words for each.
    """

    def __init__(self, connection: Connection, word_index: WordIndex) -> None:
        self._connection = connection
        self._word_index = word_index
        self._seq: int | None = None
        self._index = ""
        self._words = _BREAK.encode()
        self._count = 0  # of them
        self._recent: set[str] = set()

    def follow(self, seq: int, index: str, languages: Sequence[str]) -> None:
        """Catch up with change `seq`, where the transaction stands; index: which one it is.

        languages: whose stems are in it.
        """
        if self._seq == seq and self._index == index:
            return
        changed: list[int] | None = None
        if self._seq is not None and self._index == index:
            changed = [row for (row,) in self._connection.fetch(_SQL["changed"], {"seq": self._seq})]
        if changed is None or len(changed) > FAR_BEHIND:
            self._keep(self._word_index.vocabulary())
        else:
            for _, content in self._connection.fetch(_SQL["contents"], {"rows": changed}):
                self._recent.update(words(content, languages=languages))
            if len(self._recent) * _PART > self._count:
                self._keep(self._recent.union(self._words.decode().split(_BREAK)))
        self._seq, self._index = seq, index

    def ending(self, word: str) -> Iterator[str]:
        """Yield the words that end with another one, but not itself; a recent one maybe twice."""
        sought = (word + _BREAK).encode()
        at = self._words.find(sought)
        while at >= 0:
            start = self._words.rfind(_BREAK.encode(), 0, at) + 1
            if start != at:
                yield self._words[start : at + len(sought) - 1].decode()
            at = self._words.find(sought, at + 1)
        yield from (other for other in self._recent if other != word and other.endswith(word))

    def _keep(self, found: Iterable[str]) -> None:
        """Have these be all words."""
        kept = sorted(set(found) - {""})
        self._words = "".join((_BREAK, *(word + _BREAK for word in kept))).encode()
        self._count = len(kept)
        self._recent = set()
