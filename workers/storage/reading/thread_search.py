"""The search in threads: what the memories around a candidate say for it, and what stands around a hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.index import bm25, neighbours
from workers.index.interface import Rows
from workers.index.neighbours import Neighbours
from workers.index.partitions import Partitions
from workers.index.scores import Scores, within
from workers.storage.connection import Connection
from workers.storage.reading import parts
from workers.storage.reading.gates import Gates
from workers.storage.reading.parts import Parts
from workers.storage.reading.thread_follower import ThreadFollower
from workers.storage.reading.word_follower import WordFollower


class ThreadSearch:
    """The threads that a connection's transaction sees."""

    def __init__(self, connection: Connection, words: WordFollower) -> None:
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


@dataclass(frozen=True, slots=True)
class Around:
    """What stands beside the memories of one search, and what it says for them.

    beside: as of `ThreadSearch.neighbours`. weight: how much it counts, from 0 to 1. own: the scores by words.
    words: the same with the words of what stands beside a memory, so that there are more.
    """

    beside: Neighbours
    weight: float
    own: Scores
    words: Scores

    @classmethod
    def of(cls, found: bm25.Scored, beside: Neighbours, weight: float) -> Around:
        """Return what stands beside the memories that have words of a query."""
        size = max(len(beside.after), int(found.rows[-1]) + 1 if found.rows.size else 0)
        total = np.zeros(size)
        total[found.rows] = found.scores
        total[: len(beside.after)] += neighbours.spread(found, beside, weight)
        rows = np.flatnonzero(total)
        return cls(beside, weight, Scores(found.rows, found.scores), Scores(rows, total[rows]))

    @property
    def whole(self) -> float:
        """What a memory has at most by `together`, where it has at most 1 by itself."""
        return 1 + self.weight * (neighbours.WHOLE - 1)

    def near(self, rows: Rows) -> Rows:
        """Return some memories, in any order, and all that stand beside them, ascending."""
        return self.beside.around(rows)

    def together(self, fused: Parts, best: Rows) -> Parts:
        """Return memories, ascending, with what those beside them and their threads say for them.

        best: ascending, as of `neighbours.gains`.
        """
        gains = neighbours.gains(fused.rows, fused.total, self.beside, within(fused.rows, best), self.weight)
        own, words = (scores.at(fused.rows, 0.0) for scores in (self.own, self.words))
        share = np.divide(own, words, out=np.ones_like(words), where=words > 0)
        lent = fused.named[parts.WORDS] * (1 - share)
        known = Parts(fused.rows, {**fused.named, parts.WORDS: fused.named[parts.WORDS] - lent})
        return known.plus(parts.NEIGHBOURS, gains.neighbours + lent).plus(parts.THREAD, gains.thread)
