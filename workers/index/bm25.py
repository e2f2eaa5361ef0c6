"""BM25: how well the words of memories fit those of a query, by the statistics of the memories that are searched among.

Robertson's formula with Lucene's idf, ln(1 + (N - n + ½) / (n + ½)). A long text is scored by its best window, as its
vectors are: a fact at its end counts as much as in a short one. Pure: postings come from whatever engine has them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.index.interface import Rows

K1, B = 0.9, 0.4  # measured: better for short texts than 1.2 and 0.75
WINDOW = 200  # words; windows overlap by half
_STEP = WINDOW // 2
SHIFT = 24  # bits of a place in a text: its words are at most as many as its bytes, 2²⁰, and NFKC may make 18 of one

Places = NDArray[np.int64]
"""Where a word stands, ascending: the row of a memory shifted left by SHIFT, and the word's number in its text."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Among:
    """The memories that are searched among: which rows they are, how many, and how long they are on average.

    lengths: words of each memory by its row, of all that are there.
    """

    rows: Mask
    lengths: NDArray[np.int32]
    count: int
    average: float

    @classmethod
    def of(cls, rows: Mask, lengths: NDArray[np.int32]) -> Among:
        """Return the memories of a mask."""
        there = np.minimum(lengths[rows], WINDOW)
        return cls(rows, lengths, int(there.size), float(there.mean()) if there.size else 1.0)

    def only(self, places: Places) -> Places:
        """Return the places that are in these memories; a damaged index may have some of a row that is not there."""
        if places.size and places[-1] >> SHIFT >= len(self.rows):
            places = places[: np.searchsorted(places, len(self.rows) << SHIFT)]
        kept: Places = places[self.rows[places >> SHIFT]]
        return kept


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the query: the memories that have it, each once, its weight in each, and its idf."""

    rows: Rows
    weights: NDArray[np.float64]
    idf: float


@dataclass(frozen=True, slots=True)
class Scored:
    """The memories that have any of the words, ascending, and their scores, which are positive.

    memories: among how many. postings: as given. weights: how much each word says, its idf. terms: the words that any
    of them has.
    """

    rows: Rows
    scores: NDArray[np.float64]
    memories: int
    postings: Sequence[Places] = ()
    weights: Sequence[float] = ()
    terms: Sequence[Term] = ()

    @property
    def most(self) -> float:
        """What no score can reach: that of a memory which has nothing but all of the words."""
        return sum(self.weights)


def scored(postings: Sequence[Places], among: Among) -> Scored:
    """Return the scores of memories; postings: the places of each word of the query, in these memories alone."""
    total, idfs, terms = np.zeros(len(among.lengths)), [], []
    scattered: list[tuple[Places, float]] = []
    for places in postings:
        if not places.size:
            idfs.append(_idf(among.count, 0))
            continue
        rows = places >> SHIFT
        starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
        docs, times = rows[starts], np.diff(np.append(starts, rows.size))
        idf = _idf(among.count, docs.size)
        idfs.append(idf)
        lengths = among.lengths[docs]
        weights = _weight(times, np.minimum(lengths, WINDOW), among.average)
        terms.append(Term(docs, weights, idf))
        long = lengths > WINDOW
        if long.any():
            scattered.append((places[among.lengths[rows] > WINDOW], idf))
            docs, weights = docs[~long], weights[~long]
        total[docs] += idf * weights
    if scattered:
        docs, best = _by_windows(scattered, among)
        total[docs] = best
    found = np.flatnonzero(total)
    return Scored(found, total[found], among.count, postings, idfs, terms)


def _by_windows(scattered: Sequence[tuple[Places, float]], among: Among) -> tuple[Rows, NDArray[np.float64]]:
    """Return the memories that are long, and the score of the best window of each."""
    keys, weights = [], []
    for places, idf in scattered:
        rows, numbers = places >> SHIFT, places & ((1 << SHIFT) - 1)
        last = np.maximum(0, -(-(among.lengths[rows] - WINDOW) // _STEP))  # the number of the last window
        second = np.minimum(numbers // _STEP, last)
        first = np.maximum(second - 1, 0)
        inside = (second != first) & (numbers < first * _STEP + WINDOW)
        windows = np.concatenate((rows << SHIFT | second, rows[inside] << SHIFT | first[inside]))
        window, times = np.unique(windows, return_counts=True)
        of, number = window >> SHIFT, window & ((1 << SHIFT) - 1)
        lengths = np.minimum(among.lengths[of] - number * _STEP, WINDOW)
        keys.append(window)
        weights.append(idf * _weight(times, lengths, among.average))
    window, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    scores = np.bincount(inverse, np.concatenate(weights))
    rows = window >> SHIFT
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    return rows[starts], np.maximum.reduceat(scores, starts)


def _idf(memories: int, having: int) -> float:
    return math.log1p((memories - having + 0.5) / (having + 0.5))


def _weight(times: NDArray[np.int64], lengths: NDArray[np.int32], average: float) -> NDArray[np.float64]:
    weight: NDArray[np.float64] = times / (times + K1 * (1 - B + B * lengths / average))
    return weight


def merged(postings: Sequence[Places]) -> Places:
    """Return the places of several words as those of one."""
    return np.unique(np.concatenate(postings)) if postings else np.empty(0, np.int64)
