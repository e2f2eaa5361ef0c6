"""The vocabulary: all words of the index in one piece of memory, to find those that end with another word.

The index finds words by their beginning alone. Loaded when a query has a word that nobody has, and kept up to date by
the contents that have changed since; a word that is gone stays, and stands nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading.word_index import WordIndex
from workers.words import words

_SQL = queries.load("search")
FAR_BEHIND = 1_024  # changed memories from which on loading everything is quicker
_BREAK = b"\n"


class Vocabulary:
    """The words of the index as of a change, in UTF-8."""

    def __init__(self, connection: Connection, word_index: WordIndex) -> None:
        self._connection = connection
        self._word_index = word_index
        self._seq: int | None = None
        self._index = ""
        self._words = _BREAK

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
            self._words = _BREAK
            fresh = set(self._word_index.vocabulary())
        else:
            contents = self._connection.fetch(_SQL["contents"], {"rows": changed})
            fresh = {word for _, content in contents for word in words(content, languages=languages)}
        written = (word.encode() for word in sorted(fresh))
        added = [word for word in written if _BREAK + word + _BREAK not in self._words]
        self._words += b"".join(word + _BREAK for word in added)
        self._seq, self._index = seq, index

    def ending(self, word: str) -> Iterator[str]:
        """Yield the words that end with another one, but not itself."""
        sought = word.encode() + _BREAK
        at = self._words.find(sought)
        while at >= 0:
            start = self._words.rfind(_BREAK, 0, at) + 1
            if start != at:
                yield self._words[start : at + len(sought) - 1].decode()
            at = self._words.find(sought, at + 1)
