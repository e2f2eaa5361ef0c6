"""Partitions: the vectors of one model in memory, an exact index for each namespace, at one point of the change log."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.index.exact import ExactIndex
from workers.index.interface import Vectors


class Partitions:
    """The indexes of all namespaces.

    model: the id of the model that made the vectors. seq: the last change that they have seen.
    """

    def __init__(self, model: int, dimensions: int) -> None:
        self.model = model
        self.seq = 0
        self._dimensions = dimensions
        self._indexes: dict[str, ExactIndex] = {}
        self._namespaces: dict[int, str] = {}  # of each memory

    def __len__(self) -> int:
        """Return the number of vectors."""
        return sum(map(len, self._indexes.values()))

    def of(self, namespace: str) -> ExactIndex:
        """Return the index of `namespace`, empty if nothing is in it."""
        return self._indexes.get(namespace) or ExactIndex(self._dimensions)

    def drifted(self, namespace: str, row: int, vectors: Vectors) -> bool:
        """Return whether the memory `row` of `namespace` has other vectors here than these, in whatever order."""
        known = self.of(namespace).of(row)
        return sorted(map(bytes, known)) != sorted(map(bytes, np.ascontiguousarray(vectors, known.dtype)))

    def add(self, namespace: str, rows: Sequence[int], vectors: Vectors) -> None:
        """Add unit `vectors`, one line each, of the memories `rows` of `namespace`."""
        index = self._indexes.setdefault(namespace, ExactIndex(self._dimensions))
        index.add(np.array(rows, np.int64), vectors)
        self._namespaces.update(dict.fromkeys(rows, namespace))

    def remove(self, row: int) -> None:
        """Remove every vector of the memory `row`, and the index of its namespace if that was the last."""
        namespace = self._namespaces.pop(row, None)
        if namespace is not None:
            self._indexes[namespace].remove(row)
            if not self._indexes[namespace]:
                del self._indexes[namespace]
