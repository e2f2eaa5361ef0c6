"""The exact index: all vectors in one matrix, compared one by one; at this size nothing approximate is needed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from workers.index.interface import Rows, Scored, Vectors

_CAPACITY = 64  # vectors that a new index has room for
_SPARSE = 4  # below one in so many, gathering the allowed vectors is cheaper than comparing them all


class ExactIndex:
    """Vectors in slots of a matrix that doubles when it is full; a slot that falls free is filled by the last one."""

    def __init__(self, dimensions: int) -> None:
        self._matrix: Vectors = np.empty((_CAPACITY, dimensions), np.float32)
        self._rows: Rows = np.empty(_CAPACITY, np.int64)  # slot → memory
        self._slots: dict[int, list[int]] = {}  # memory → slots
        self._count = 0

    def __len__(self) -> int:
        """Return the number of vectors."""
        return self._count

    @property
    def memories(self) -> int:
        """How many memories have vectors here."""
        return len(self._slots)

    def of(self, row: int) -> Vectors:
        """Return a copy of the vectors of the memory `row`, one line each, in no order; none if it has none."""
        found: Vectors = self._matrix[self._slots.get(row, [])]
        return found

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """Add unit `vectors`, one line each, of the memories `rows`; a memory may have several."""
        first, self._count = self._count, self._count + len(rows)
        self._reserve(self._count)
        self._matrix[first : self._count] = vectors
        self._rows[first : self._count] = rows
        for slot, row in enumerate(rows.tolist(), first):
            self._slots.setdefault(row, []).append(slot)

    def remove(self, row: int) -> None:
        """Remove every vector of the memory `row`; nothing happens if it has none."""
        for slot in sorted(self._slots.pop(row, ()), reverse=True):
            self._count -= 1
            if slot != self._count:
                moved = int(self._rows[self._count])
                self._matrix[slot], self._rows[slot] = self._matrix[self._count], moved
                slots = self._slots[moved]
                slots[slots.index(self._count)] = slot

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`, exactly; of those in `allowed`, if given."""
        matrix, rows = self._matrix[: self._count], self._rows[: self._count]
        if allowed is None:
            return _best(rows, matrix @ query, k)
        slots = np.flatnonzero(np.isin(rows, allowed))
        cosines = matrix[slots] @ query if slots.size * _SPARSE < self._count else (matrix @ query)[slots]
        return _best(rows[slots], cosines, k)

    def similarities(self, query: Vectors, rows: Sequence[int]) -> dict[int, float]:
        """Return the cosine of each of the memories `rows` that has a vector."""
        slots = [slot for row in rows for slot in self._slots.get(row, ())]
        return dict(_best(self._rows[slots], self._matrix[slots] @ query, len(slots)))

    def _reserve(self, count: int) -> None:
        if count > (capacity := len(self._rows)):
            while capacity < count:
                capacity *= 2
            # Not ndarray.resize: it refuses while a view is alive, and a half-moved index would be worse than a copy.
            matrix, rows = np.empty((capacity, self._matrix.shape[1]), np.float32), np.empty(capacity, np.int64)
            matrix[: len(self._matrix)], rows[: len(self._rows)] = self._matrix, self._rows
            self._matrix, self._rows = matrix, rows


def _best(rows: Rows, cosines: Vectors, k: int) -> Scored:
    """Return the `k` best memories by their best window, given the memory and the cosine of each window."""
    take = k
    while True:
        if take < cosines.size:
            least = np.partition(cosines, -take)[-take]
            chosen = np.flatnonzero(cosines >= least)
        else:
            chosen = np.arange(cosines.size)
        chosen = chosen[np.lexsort((-rows[chosen], -cosines[chosen]))]
        best: dict[int, float] = {}
        for row, cosine in zip(rows[chosen].tolist(), cosines[chosen].clip(-1, 1).tolist(), strict=True):
            best.setdefault(row, cosine)
        # Every window left out is worse than every one in, so once there are k memories no other can be among them.
        if len(best) >= k or chosen.size == cosines.size:
            return list(islice(best.items(), k))
        take *= 2
