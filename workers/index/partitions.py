"""Partitions: the vectors of one model, an index for each namespace, at one point of the change log."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.index.composite import JoinedIndex, LayeredIndex
from workers.index.exact import ExactIndex
from workers.index.interface import Vectors
from workers.index.segment import Segment


class Partitions:
    """The indexes of all namespaces: in memory, or, where a segment of its many vectors is there, on top of that.

    model: the id of the model that made the vectors. seq: the last change that they have seen.
    """

    def __init__(self, model: int, dimensions: int) -> None:
        self.model = model
        self.seq = 0
        self._dimensions = dimensions
        self._indexes: dict[str, ExactIndex | LayeredIndex] = {}
        self._namespaces: dict[int, str] = {}  # of each memory that is in memory

    def __len__(self) -> int:
        """Return the number of vectors."""
        return sum(map(len, self._indexes.values()))

    @property
    def in_memory(self) -> int:
        """How many of the vectors are in memory and not in a segment."""
        indexes = self._indexes.values()
        return sum(len(index.above if isinstance(index, LayeredIndex) else index) for index in indexes)

    @property
    def segments(self) -> dict[str, Segment]:
        """The segments that are in use, by their namespaces."""
        return {name: index.below for name, index in self._indexes.items() if isinstance(index, LayeredIndex)}

    def of(self, namespace: str) -> ExactIndex | LayeredIndex:
        """Return the index of `namespace`, empty if nothing is in it."""
        return self._indexes.get(namespace) or ExactIndex(self._dimensions)

    def everywhere(self) -> JoinedIndex:
        """Return the indexes of all namespaces as one."""
        return JoinedIndex(list(self._indexes.values()))

    def joined(self, namespaces: Sequence[str]) -> JoinedIndex:
        """Return the indexes of some namespaces as one."""
        return JoinedIndex([self._indexes[name] for name in dict.fromkeys(namespaces) if name in self._indexes])

    def drifted(self, namespace: str, row: int, vectors: Vectors) -> bool:
        """Return whether the memory `row` of `namespace` has other vectors here than these, in whatever order."""
        known = self.of(namespace).of(row)
        return sorted(map(bytes, known)) != sorted(map(bytes, np.ascontiguousarray(vectors, known.dtype)))

    def stand_on(self, segment: Segment) -> None:
        """Let the index of a namespace be `segment` with nothing on top: what has changed since must be added anew."""
        namespace = segment.manifest.namespace
        self._indexes[namespace] = LayeredIndex(segment, ExactIndex(self._dimensions))
        self._namespaces = {row: name for row, name in self._namespaces.items() if name != namespace}

    def add(self, namespace: str, rows: Sequence[int], vectors: Vectors) -> None:
        """Add unit `vectors`, one line each, of the memories `rows` of `namespace`."""
        index = self._indexes.setdefault(namespace, ExactIndex(self._dimensions))
        index.add(np.array(rows, np.int64), vectors)
        self._namespaces.update(dict.fromkeys(rows, namespace))

    def remove(self, *rows: int) -> None:
        """Remove every vector of the memories `rows`, and the index of a namespace if those were the last."""
        for segment in self.segments.values():
            segment.hide(rows)
        for row in rows:
            namespace = self._namespaces.pop(row, None)
            if namespace is None:
                continue
            index = self._indexes[namespace]
            (index.above if isinstance(index, LayeredIndex) else index).remove(row)
            if not isinstance(index, LayeredIndex) and not index:
                del self._indexes[namespace]

    def tune(self) -> None:
        """Prepare every index for the number of vectors that it has; takes a while where that has doubled."""
        for index in self._indexes.values():
            index.tune()
