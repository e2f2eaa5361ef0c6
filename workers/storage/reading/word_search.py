"""The search by words: where they stand, out of the index, and scores by BM25 among the memories that are meant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from workers.index import bm25
from workers.index.bm25 import Among, Places, Scored
from workers.index.interface import Rows
from workers.storage.connection import Connection
from workers.storage.reading.vocabulary import Vocabulary
from workers.storage.reading.word_follower import WordFollower
from workers.storage.reading.word_index import WordIndex
from workers.storage.records import fulltext
from workers.words import version, words
from workers.words.scripts import begins_words, is_dense
from workers.words.stopwords import telling

TERMS = 256  # different words of a query that are looked for
_UNKNOWN = 4  # letters of a word, at least, for which others are looked for where nobody has it
_PART = 4  # letters of each of two words that make one
GUESSED = 16  # unknown words of a query, at most, that are taken for the ends of words or for two in one
_AFTER = "\U0010ffff"  # sorts after every word that goes on


class WordSearch:
    """Finds memories by words, as a connection's transaction sees them."""

    def __init__(self, connection: Connection, word_index: WordIndex) -> None:
        self._connection = connection
        self._word_index = word_index
        self.follower = WordFollower(connection, word_index)
        self._vocabulary = Vocabulary(connection, word_index)
        self._seq = 0
        self._version: str | None = None
        self._index = ""  # which index it is: another one, once it was made anew
        self._languages: tuple[str, ...] = ()
        self._agrees = True
        self._looked = False  # whether that is known of the transaction

    def at(self, seq: int) -> None:
        """Search as of the change where the transaction that has just begun stands."""
        self._seq = seq
        self._looked = False

    @property
    def agrees(self) -> bool:
        """Whether words are cut here as they were for the index."""
        self._look()
        return self._agrees

    def catch_up(self) -> None:
        """Be ready for a search at this change."""
        self._look()
        self.follower.follow(self._seq, self._index)

    def _look(self) -> None:
        """Look which words are in the index, once a transaction, and only for a search: all else is served without."""
        if not self._looked:
            if (written := fulltext.written(self._connection)) != self._version:
                self._version, self._agrees = written, fulltext.agrees(written)
                self._languages = version.languages_of(written)
            self._index = f"{written}, filled {fulltext.filled(self._connection)}"
            self._looked = True

    def cut(self, query: str) -> list[str]:
        """Return the words of a query that say something, each once; at most TERMS."""
        self._look()
        return telling(words(query, query=True, languages=self._languages))[:TERMS]

    def words_of(self, content: str) -> frozenset[str]:
        """Return the words of a content, as they stand in the index."""
        return frozenset(words(content, languages=self._languages))

    def holds(self, row: int, content: str, most: int) -> bool:
        """Return whether the index has the memory `row` under one of the first words of its content, if it has any."""
        first = self.cut(content)[:most]
        return not first or any(self._word_index.stands(word, row) for word in first)

    def scored(self, query: str, namespaces: tuple[str, ...] | None) -> Scored:
        """Return the memories of these namespaces, or of all, that have words of the query, and their BM25 scores."""
        if not (asked := self.cut(query)):
            return bm25.scored((), self.follower.among(()))
        self.catch_up()
        among = self.follower.among(namespaces)
        return bm25.scored(self._known(asked, among), among)

    def count(self, namespaces: tuple[str, ...] | None, rows: Rows | None) -> int:
        """Return how many live memories of these namespaces, or of all, there are; of those in `rows`, if given."""
        self.catch_up()
        among = self.follower.among(namespaces)
        return among.count if rows is None else int(np.count_nonzero(among.rows[rows[rows < len(among.rows)]]))

    def _known(self, asked: Sequence[str], among: Among) -> list[Places]:
        """Return where each word of the query stands; the words are asked for at once.

        Where a word stands nowhere, these are the places of words that begin with it, or else of what may be meant.
        What others store in other namespaces has no say in that.
        """
        whole = [word for word in asked if not begins_words(word)]
        found = {word: among.only(at) for word, at in zip(whole, self._word_index.places(whole), strict=True)}
        guessed = 0
        for word, places in found.items():
            if places.size or len(word) < _UNKNOWN or is_dense(word):
                continue
            found[word] = among.only(self._beginning(word))
            if not found[word].size and guessed < GUESSED:
                guessed += 1
                found[word] = self._guessed(word, among)
        return [found[word] if word in found else among.only(self._beginning(word)) for word in asked]

    def _guessed(self, word: str, among: Among) -> Places:
        """Return where words stand that end with a word that nobody has, or else two that make it."""
        self._vocabulary.follow(self._seq, self._index, self._languages)
        ending = self._word_index.places(list(self._vocabulary.ending(word)))
        if (found := among.only(bm25.merged(ending))).size:
            return found
        cuts = range(_PART, len(word) - _PART + 1)
        firsts = dict(zip(cuts, self._parts([word[:at] for at in cuts], among), strict=True))
        likely = [at for at, first in firsts.items() if first.size]
        for at, second in zip(likely, self._parts([word[at:] for at in likely], among), strict=True):
            if second.size:
                return bm25.merged([firsts[at], second])
        return found

    def _parts(self, parts: Sequence[str], among: Among) -> list[Places]:
        """Return where each part of a compound stands, also without the s that may join it to the next."""
        forms = [
            [one for form in (part, part.removesuffix("s")) for one in words(form, languages=self._languages)]
            for part in parts
        ]
        every = list(dict.fromkeys(chain.from_iterable(forms)))
        stand = dict(zip(every, self._word_index.places(every), strict=True))
        found = ((among.only(stand[one]) for one in each) for each in forms)
        return [next((places for places in each if places.size), np.empty(0, np.int64)) for each in found]

    def _beginning(self, word: str) -> Places:
        return np.sort(self._word_index.between(word, word + _AFTER))
