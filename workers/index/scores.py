"""Scores: a number of each of some memories. In arrays, so that a thousand of them cost hardly more than ten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.index.interface import Rows

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """Memories by their row, ascending, each once, and a number of each; iterate them as pairs."""

    rows: Rows
    values: Values

    @classmethod
    def of(cls, scored: Iterable[tuple[int, float]]) -> Scores:
        """Return pairs of rows, in any order, and numbers as scores."""
        pairs = list(scored)
        rows = np.array([row for row, _ in pairs], np.int64)
        values = np.array([score for _, score in pairs], np.float64)
        order = np.argsort(rows)
        return cls(rows[order], values[order])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self.rows.tolist(), self.values.tolist(), strict=True)

    @property
    def most(self) -> float:
        """The greatest of them; 0 where there is none."""
        return float(self.values.max()) if len(self) else 0.0

    @property
    def least(self) -> float:
        """The least of them; 0 where there is none."""
        return float(self.values.min()) if len(self) else 0.0

    def at(self, rows: Rows, missing: float) -> Values:
        """Return the number of each of `rows`, in their order, and `missing` where there is none."""
        if not len(self):
            return np.full(len(rows), missing)
        places = np.minimum(np.searchsorted(self.rows, rows), len(self) - 1)
        return np.where(self.rows[places] == rows, self.values[places], missing)

    def among(self, rows: Rows) -> Scores:
        """Return the scores of those that are among `rows`, which are ascending."""
        if len(rows) < len(self):
            known = rows[within(rows, self.rows)]
            return Scores(known, self.at(known, 0.0))
        which = within(self.rows, rows)
        return Scores(self.rows[which], self.values[which])

    def beside(self, others: Scores) -> Scores:
        """Return these, and those of `others`, all of which are other memories."""
        rows = np.concatenate((self.rows, others.rows))
        order = np.argsort(rows)
        return Scores(rows[order], np.concatenate((self.values, others.values))[order])

    def best(self, count: int) -> Scores:
        """Return the `count` best, newer ones among equals."""
        return self if count >= len(self) else Scores.among(self, np.sort(self.best_first(count)))

    def best_first(self, count: int) -> Rows:
        """Return the rows of the `count` best, best first, newer first among equals."""
        rows, values = self.rows, self.values
        if count < len(self):
            chosen = np.flatnonzero(values >= np.partition(values, -count)[-count])
            rows, values = rows[chosen], values[chosen]
        return rows[np.lexsort((-rows, -values))[:count]]


def within(rows: Rows, some: Rows) -> Mask:
    """Return of each of `rows`, in any order, whether it is among `some`, which are ascending."""
    if not len(some):
        return np.zeros(len(rows), np.bool_)
    found: Mask = some[np.minimum(np.searchsorted(some, rows), len(some) - 1)] == rows
    return found


def merged(*several: Rows) -> Rows:
    """Return the rows of several arrays, ascending, each once."""
    rows = np.sort(np.concatenate(several))
    return rows[:1] if len(rows) < 2 else rows[np.concatenate(([True], rows[1:] != rows[:-1]))]  # noqa: PLR2004  # one is once
