"""The sketch: each vector's share in the few directions in which vectors differ most, which tells which may be near.

These are their principal axes (Hotelling, 1933). What the other axes would add to a cosine is small, so the nearest are
almost surely among the few hundred that the sketch puts first; only those are compared in full.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.index.interface import Vectors

Slots = NDArray[np.intp]
AXES = 128  # at 384 dimensions, 85 % of what a sentence's vector is


class Sketch:
    """The sketches of vectors in slots.

    vectors: what the axes are those of, shape (vectors, dimensions); more than AXES dimensions. The axes are fixed: if
    later vectors differ in other ways the sketch gets worse, never wrong, and is made anew with the next.
    """

    def __init__(self, vectors: Vectors, capacity: int) -> None:
        _, axes = np.linalg.eigh(vectors.T @ vectors)
        self._axes: Vectors = np.ascontiguousarray(axes[:, : -AXES - 1 : -1].T, np.float32)
        self._lines: Vectors = np.empty((capacity, AXES), np.float32)
        self.put(slice(0, len(vectors)), vectors)

    def put(self, slots: slice, vectors: Vectors) -> None:
        """Keep the sketches of `vectors`, one line each, in `slots`."""
        self._lines[slots] = vectors @ self._axes.T

    def move(self, slot: int, to: int) -> None:
        """Copy what is in one slot to another one."""
        self._lines[to] = self._lines[slot]

    def reserve(self, capacity: int) -> None:
        """Make room for so many vectors."""
        lines = np.empty((capacity, AXES), np.float32)
        lines[: len(self._lines)] = self._lines
        self._lines = lines

    def nearest(self, query: Vectors, among: int, count: int) -> Slots:
        """Return those `count` of the first `among` slots that seem nearest to `query`, in no order."""
        cosines = self._lines[:among] @ (self._axes @ query)
        found: Slots = np.argpartition(cosines, among - count)[among - count :]
        return found
