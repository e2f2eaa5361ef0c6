"""Neighbours: what the memories before and after one in its thread say for it.

A turn of a conversation says little by itself: the question before it has the words, the one after it the name. Words
of neighbours count by their maximum, half and a quarter as much at a distance of one and two; scores of neighbours are
added, and so is a part of the best one of the thread. Pure; memories are known by their rows, of which 0 is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.index.bm25 import Mask, Scored
from workers.index.interface import Rows

WORDS = (0.5, 0.25)  # of the weight of a word, at a distance of one and of two
SCORES = (0.4, 0.15)  # of the mean score of those at a distance of one and of two
BEST = 0.2  # of the best score of the thread
WHOLE = 1 + sum(SCORES) + BEST  # what a memory has at most, of which its own score is 1

Links = NDArray[np.int32]
"""Rows, or numbers of threads, by row."""
Beside = NDArray[np.int32]
"""The rows of what stands beside some memories, 0 where there is nothing."""
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What stands beside each memory: before, after: the row of it, by row; threads: a number, 0 for none."""

    before: Links
    after: Links
    threads: Links

    def beside(self, rows: Rows) -> tuple[tuple[Beside, Beside], tuple[Beside, Beside]]:
        """Return the rows after and before each of `rows`, at a distance of one and of two; 0 where there is none."""
        after, before = self.after[rows], self.before[rows]
        # No memory has row 0, so nothing is beside it.
        return (after, before), (self.after[after], self.before[before])

    def around(self, rows: Rows) -> Rows:
        """Return `rows` and all that is beside them, ascending, each once."""
        near, far = self.beside(rows)
        known = np.zeros(len(self.after), np.bool_)
        for some in (rows, *near, *far):
            known[some] = True
        known[:1] = False
        return np.flatnonzero(known)


@dataclass(frozen=True, slots=True)
class Gains:
    """What neighbours and the thread add to the scores of memories."""

    neighbours: Scores
    thread: Scores


def spread(found: Scored, neighbours: Neighbours, weight: float = 1.0) -> Scores:
    """Return, by row, what the words of neighbours add to the BM25 scores of memories.

    For each word it is what the best neighbour's weight is above the memory's own. weight: of neighbours, from 0 to 1.
    """
    added, most = np.zeros(len(neighbours.after)), np.zeros(len(neighbours.after))
    for term in found.terms:
        touched = []
        for part, sides in zip(WORDS, neighbours.beside(term.rows), strict=True):
            for beside in sides:  # of two memories none has the same one beside it on the same side
                there = beside > 0
                rows = beside[there]
                most[rows] = np.maximum(most[rows], weight * part * term.weights[there])
                touched.append(rows)
        most[term.rows] = np.maximum(most[term.rows] - term.weights, 0.0)
        rows = np.concatenate(touched)
        added[rows] = added[rows] + term.idf * most[rows]  # a row that stands there twice gets the same twice
        most[rows] = 0.0
    return added


def gains(rows: Rows, scores: Scores, neighbours: Neighbours, best: Mask, weight: float = 1.0) -> Gains:
    """Return what neighbours and the thread add to the own scores of memories.

    rows: ascending. A neighbour that is not among them has no score. best: those of them among which the best ones of
    threads are. weight: of neighbours, from 0 to 1. A memory that stands alone gains as much as the best ones do on
    average, so that it neither wins nor loses against those in threads.
    """
    near = np.zeros(len(rows))
    for part, sides in zip(SCORES, neighbours.beside(rows), strict=True):
        total, count = np.zeros(len(rows)), np.zeros(len(rows))
        for beside in sides:
            place = np.minimum(np.searchsorted(rows, beside), len(rows) - 1)
            total += np.where(rows[place] == beside, scores[place], 0.0)
            count += beside > 0
        mean = total / np.maximum(count, 1)
        known = best & (count > 0)
        near += part * np.where(count > 0, mean, mean[known].mean() if known.any() else 0.0)
    return Gains(weight * near, weight * BEST * _best(neighbours.threads[rows], scores, best))


def _best(threads: Links, scores: Scores, among: Mask) -> Scores:
    """Return for each memory the best score of its thread `among` some, or its own, if that is better."""
    names, numbers = np.unique(threads, return_inverse=True)
    best = np.zeros(len(names))
    np.maximum.at(best, numbers[among], scores[among])
    return np.where(threads == 0, scores, np.maximum(best[numbers], scores))
