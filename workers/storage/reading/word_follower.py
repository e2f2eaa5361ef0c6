"""The word follower: how long memories are and where they belong, at the very change that a transaction stands at.

BM25 needs both for every memory that it compares, and they change with every write: they are kept in memory, twelve
bytes a memory, and catch up from the change log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from workers.index.bm25 import Among
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading.word_index import WordIndex

_SQL = queries.load("search")
FAR_BEHIND = 4_096  # changed memories from which on loading everything is quicker
_ROOM = 1_024  # rows more than there are, so that not every new one needs another array
_KEPT = 16  # groups of memories that are searched among
_NOWHERE = -1


class WordFollower:
    """The lengths of memories, in words, and their namespaces, as of the last transaction that asked."""

    def __init__(self, connection: Connection, word_index: WordIndex) -> None:
        self._connection = connection
        self._word_index = word_index
        self._seq: int | None = None
        self._index = ""
        self._lengths: NDArray[np.int32] = np.zeros(0, np.int32)
        self._places: NDArray[np.int32] = np.zeros(0, np.int32)  # the namespace of each row, by its number
        self._numbers: dict[str, int] = {}
        self._among: dict[tuple[str, ...] | None, Among] = {}

    def follow(self, seq: int, index: str) -> None:
        """Catch up with change `seq`, where the transaction stands; index: which one it is."""
        if self._seq == seq and self._index == index:
            return
        changed: list[int] | None = None
        if self._seq is not None and self._index == index:
            changed = [row for (row,) in self._connection.fetch(_SQL["changed"], {"seq": self._seq})]
        if changed is None or len(changed) > FAR_BEHIND:
            found = self._word_index.lengths(None)
            self._lengths, self._places = np.zeros(0, np.int32), np.zeros(0, np.int32)
        else:
            found = self._word_index.lengths(changed)
            self._reserve(max(changed, default=0))
            self._lengths[changed], self._places[changed] = 0, _NOWHERE
        self._put(found)
        self._seq, self._index = seq, index
        self._among.clear()

    @property
    def places(self) -> tuple[NDArray[np.int32], Mapping[str, int]]:
        """The number of the namespace that each row is in, below 0 for none, and the numbers of the namespaces."""
        return self._places, self._numbers

    def among(self, namespaces: tuple[str, ...] | None) -> Among:
        """Return the memories of these namespaces; of all of them for None."""
        if namespaces not in self._among:
            if namespaces is None:
                rows = self._places != _NOWHERE
            else:
                wanted = [self._numbers[name] for name in namespaces if name in self._numbers]
                rows = self._places == wanted[0] if len(wanted) == 1 else np.isin(self._places, wanted)
            if len(self._among) >= _KEPT:
                self._among.clear()
            self._among[namespaces] = Among.of(rows, self._lengths)
        return self._among[namespaces]

    def _put(self, found: Iterable[tuple[int, str, int]]) -> None:
        listed = list(found)
        if not listed:
            return
        self._reserve(max(row for row, _, _ in listed))
        rows = np.array([row for row, _, _ in listed])
        numbers = self._numbers
        self._places[rows] = [numbers.setdefault(name, len(numbers)) for _, name, _ in listed]
        self._lengths[rows] = [size for _, _, size in listed]

    def _reserve(self, row: int) -> None:
        if row >= (had := len(self._lengths)):
            lengths, places = np.zeros(row + _ROOM, np.int32), np.full(row + _ROOM, _NOWHERE, np.int32)
            lengths[:had], places[:had] = self._lengths, self._places
            self._lengths, self._places = lengths, places
