"""Gates: in which namespaces the memories beside each other mean something, for threads with names and for runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.index import gate
from workers.index.composite import LayeredIndex
from workers.index.exact import ExactIndex
from workers.index.interface import Rows
from workers.index.neighbours import Neighbours
from workers.index.partitions import Partitions
from workers.storage.reading.thread_follower import ThreadFollower
from workers.storage.reading.word_follower import WordFollower

_PART = 8  # a gate is looked at again when one in so many pairs or vectors came or went
_KINDS = 2  # runs, and threads with names
_Key = tuple[int, str, int]  # of a gate: model, namespace and kind


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a gate was when it was looked at last: of how many pairs and vectors, and whether it is open."""

    pairs: int
    vectors: int
    open: bool

    def holds(self, pairs: int, vectors: int) -> bool:
        """Return whether that is so little ago that it still holds."""
        return _near(self.pairs, pairs) and _near(self.vectors, vectors)


class Gates:
    """The gates of all namespaces, as of the change where both followers stand."""

    def __init__(self, words: WordFollower, threads: ThreadFollower) -> None:
        self._words = words
        self._threads = threads
        self._looked: dict[_Key, _Looked] = {}
        self._found: tuple[tuple[object, ...], Neighbours | None] | None = None

    def neighbours(self, namespaces: Sequence[str] | None, vectors: Partitions) -> Neighbours | None:
        """Return which memories of some namespaces, or of all, stand beside each other where that means something.

        None if it does nowhere.
        """
        asked = (vectors.model, vectors.seq, None if namespaces is None else tuple(namespaces))
        if self._found is None or self._found[0] != asked:
            self._found = asked, self._through(namespaces, vectors)
        return self._found[1]

    def _through(self, namespaces: Sequence[str] | None, vectors: Partitions) -> Neighbours | None:
        links, (places, numbers) = self._threads.neighbours, self._words.places
        kinds = np.full(len(links.threads), -1, np.int64)  # of each memory, a number for its namespace and kind
        known = min(len(places), len(kinds))
        kinds[:known] = _KINDS * places[:known] + (links.threads[:known] < 0)
        first = np.flatnonzero((links.after > 0) & (kinds >= 0))  # full text may lack one that stands in a thread
        pairs = np.bincount(kinds[first], minlength=_KINDS * len(numbers))
        wanted = numbers if namespaces is None else {name: numbers[name] for name in namespaces if name in numbers}
        # Sorted once, however many namespaces there are; numpy sorts numbers of 16 bits by their digits.
        first = first[np.argsort(kinds[first].astype(np.min_scalar_type(len(pairs))), kind="stable")]
        ends = np.cumsum(pairs)
        opened = np.zeros(len(pairs), np.bool_)
        closed = False
        for name, number in wanted.items():
            for kind in range(_KINDS * number, _KINDS * (number + 1)):
                if pairs[kind]:
                    rows, key = first[ends[kind] - pairs[kind] : ends[kind]], (vectors.model, name, kind % _KINDS)
                    opened[kind] = self._is_open(key, rows, vectors.of(name))
                    closed |= not opened[kind]
        if not opened.any():
            return None
        if not closed:
            return links
        through = opened[kinds] & (kinds >= 0)
        return Neighbours(
            np.where(through, links.before, 0), np.where(through, links.after, 0), np.where(through, links.threads, 0)
        )

    def _is_open(self, key: _Key, rows: Rows, index: ExactIndex | LayeredIndex) -> bool:
        """Return whether the memories `rows` have to do with those after them."""
        looked = self._looked.get(key)
        if looked is None or not looked.holds(len(rows), len(index)):
            strength = gate.strength(rows, self._threads.neighbours.after[rows], index.of)
            looked = self._looked[key] = _Looked(len(rows), len(index), strength > gate.OPEN)
        return looked.open


def _near(then: int, now: int) -> bool:
    return abs(now - then) * _PART <= then
