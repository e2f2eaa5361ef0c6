"""The search in threads: what the memories around a candidate say for it, and what stands around a hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import apsw
import numpy as np

from workers.index import bm25, neighbours
from workers.index.neighbours import Neighbours
from workers.index.partitions import Partitions
from workers.storage.reading import parts
from workers.storage.reading.gates import Gates
from workers.storage.reading.parts import Parts
from workers.storage.reading.thread_follower import ThreadFollower
from workers.storage.reading.word_follower import WordFollower
from workers.storage.reading.word_search import scores_of


class ThreadSearch:
    """The threads that a connection's transaction sees."""

    def __init__(self, connection: apsw.Connection, words: WordFollower) -> None:
        self._follower = ThreadFollower(connection)
        self._gates = Gates(words, self._follower)
        self._seq = 0

    def at(self, seq: int) -> None:
        """Search as of the change where the transaction that has just begun stands."""
        self._seq = seq

    def catch_up(self) -> None:
        """Be ready for a search at this change."""
        self._follower.follow(self._seq)

    def context(self, row: int, count: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return the `count` memories before and after one in its thread, each in the order of the thread."""
        self.catch_up()
        return self._follower.context(row, count)

    def neighbours(self, namespaces: Sequence[str] | None, vectors: Partitions | None) -> Neighbours | None:
        """Return what stands beside each memory of some namespaces, or of all, where it says something for it.

        None where it does nowhere, or nobody knows. The words are to be followed to the same change before.
        """
        if vectors is None:
            return None
        self.catch_up()
        return self._gates.neighbours(namespaces, vectors)


def worded(found: bm25.Scored, beside: Neighbours, weight: float) -> bm25.Scored:
    """Return the memories that have words of a query or stand beside one that has them, and their scores."""
    size = max(len(beside.after), int(found.rows[-1]) + 1 if found.rows.size else 0)
    total = np.zeros(size)
    total[found.rows] = found.scores
    total[: len(beside.after)] += neighbours.spread(found, beside, weight)
    rows = np.flatnonzero(total)
    return replace(found, rows=rows, scores=total[rows])


def together(
    fused: Parts, by_words: tuple[bm25.Scored, bm25.Scored], beside: Neighbours, weight: float, *, best: Sequence[int]
) -> Parts:
    """Return memories, ascending, with what those beside them and their threads say for them.

    by_words: their scores by words, without and with the words of those beside a memory. best: as of
    `neighbours.gains`.
    """
    fused = fused.only(np.argsort(fused.rows))
    rows = fused.rows.tolist()
    gains = neighbours.gains(fused.rows, fused.total, beside, np.isin(fused.rows, best), weight)
    own, all_words = (scores_of(scored, rows) for scored in by_words)
    words = fused.named[parts.WORDS]
    lent = words * np.array([1 - own.get(row, 0.0) / all_words[row] if row in all_words else 0.0 for row in rows])
    known = Parts(fused.rows, {**fused.named, parts.WORDS: words - lent})
    return known.plus(parts.NEIGHBOURS, gains.neighbours + lent).plus(parts.THREAD, gains.thread)


def whole(weight: float) -> float:
    """Return what a memory has at most by `together`, where it has at most 1 by itself."""
    return 1 + weight * (neighbours.WHOLE - 1)
