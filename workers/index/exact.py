"""The exact index: all vectors in one matrix. Few are compared one by one; of many, those that a sketch chooses."""

from __future__ import annotations

from itertools import islice

import numpy as np

from workers.index.centre import Centre
from workers.index.interface import Near, Rows, Scored, Vectors
from workers.index.scores import Scores
from workers.index.sketch import AXES, Sketch, Slots

_CAPACITY = 64  # vectors that a new index has room for
_GROWTH = 4  # a full one grows by one part in so many
_SPARSE = 4  # below one in so many, gathering the chosen vectors is cheaper than comparing them all
SKETCH_FROM = 2_000  # vectors from which on a sketch pays
TRIALS = 24  # queries with which it is tried how many candidates a sketch must give,
TRIAL_K = 10  # for so many hits,
TRIAL_RECALL = 0.995  # to find this part of them
_DEPTHS = (150, 300, 600)  # how many are tried
_SURER = 2  # times what sufficed is asked for: real questions are less like what is stored
KEPT = 4_096  # lines, at most, of the array that candidates are gathered into
_COLUMNS = 1 << 14  # vectors that many queries are compared with at once
_PER_HIT = 2  # candidates more for each hit that is asked for: of 201 hits it finds 0.9985, with 6 0.9999


class ExactIndex:
    """Vectors in slots of a matrix that grows when it is full; a slot that falls free is filled by the last one."""

    def __init__(self, dimensions: int) -> None:
        self._matrix: Vectors = np.empty((_CAPACITY, dimensions), np.float32)
        self._rows: Rows = np.empty(_CAPACITY, np.int64)  # slot → memory
        self._slots: dict[int, list[int]] = {}  # memory → slots
        self.centre = Centre.none(dimensions)
        self._count = 0
        self._sketch: Sketch | None = None
        self._depth = 0  # candidates of the sketch; 0 where it is not to be trusted
        self._gathered: Vectors = np.empty((0, dimensions), np.float32)
        self._tuned_at = 0  # vectors, when that was found out
        self._sorted: tuple[Rows, Slots] | None = None  # memories, ascending, each as often as it has vectors; slots

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
        self._sorted = None
        first, self._count = self._count, self._count + len(rows)
        self._reserve(self._count)
        self._matrix[first : self._count] = vectors
        self._rows[first : self._count] = rows
        self.centre.add(vectors)
        if self._sketch is not None:
            self._sketch.put(slice(first, self._count), vectors)
        for slot, row in enumerate(rows.tolist(), first):
            self._slots.setdefault(row, []).append(slot)

    def remove(self, row: int) -> None:
        """Remove every vector of the memory `row`; nothing happens if it has none."""
        self._sorted = None
        self.centre.remove(self.of(row))
        for slot in sorted(self._slots.pop(row, ()), reverse=True):
            self._count -= 1
            if slot != self._count:
                moved = int(self._rows[self._count])
                self._matrix[slot], self._rows[slot] = self._matrix[self._count], moved
                if self._sketch is not None:
                    self._sketch.move(self._count, slot)
                slots = self._slots[moved]
                slots[slots.index(self._count)] = slot

    def tune(self) -> None:
        """Sketch the vectors, once there are many and again when there are twice as many, and try how far to trust it.

        The trial compares with exact search on queries that lie between two stored vectors, which are harder to answer
        than any one of them. Where no depth finds enough, or there are few dimensions, all are compared.
        """
        if self._count < SKETCH_FROM or self._count < 2 * self._tuned_at:
            return
        held = self._matrix[: self._count]
        self._tuned_at, self._depth = self._count, 0
        if held.shape[1] <= AXES:
            return
        self._sketch = Sketch(held, len(self._rows))
        chance = np.random.default_rng(self._count)
        one, other = (held[chance.integers(self._count, size=TRIALS)] for _ in range(2))
        queries = one + other / 2
        queries[::2] -= held.mean(axis=0)  # half of them as a search by words and meaning asks
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        cosines = held @ queries.T
        truth = [set(np.argpartition(-line, TRIAL_K)[:TRIAL_K].tolist()) for line in cosines.T]
        for depth in _DEPTHS:
            found = 0
            for query, line, wanted in zip(queries, cosines.T, truth, strict=True):
                slots = self._sketch.nearest(query, self._count, depth + _PER_HIT * TRIAL_K)
                best = slots[np.argpartition(-line[slots], TRIAL_K)[:TRIAL_K]]
                found += len(wanted.intersection(best.tolist()))
            if found >= TRIAL_RECALL * TRIALS * TRIAL_K:
                self._depth = _SURER * depth
                return
        self._sketch = None

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Scored:
        """Return the `k` memories nearest to the unit vector `query`; of those in `allowed`, if given, exactly."""
        if not self._count:
            return []
        rows = self._rows[: self._count]
        if allowed is None:
            if (near := self._near(query, k)) is not None and len(found := self._best_of(near, query, k)) == k:
                return found
            return best(rows, self._matrix[: self._count] @ query, k)
        return self._best_of(self._slots_of(allowed), query, k)

    def within(self, queries: Vectors, wanted: Near, allowed: Rows | None = None) -> list[Scored]:
        """Return for each of the unit vectors `queries` the memories that are near; of those in `allowed`, if given.

        All are compared, in one product for all queries, which costs each of them far less than by itself.
        """
        k, least = wanted.k, wanted.least
        chosen = None if allowed is None else self._slots_of(allowed)
        count = self._count if chosen is None else chosen.size
        slots: list[list[Slots]] = [[] for _ in queries]
        cosines: list[list[Vectors]] = [[] for _ in queries]
        for begin in range(0, count, _COLUMNS):
            piece = slice(begin, min(begin + _COLUMNS, count)) if chosen is None else chosen[begin : begin + _COLUMNS]
            for number, line in enumerate(queries @ self._matrix[piece].T):
                floor = least if line.size <= k else min(least, float(np.partition(line, -k)[-k]))
                near = np.arange(line.size) if line.size <= k else np.flatnonzero(line >= floor)
                cosines[number].append(line[near])
                slots[number].append(near + begin if chosen is None else chosen[near + begin])
        return [
            self._first(np.concatenate(near), np.concatenate(some), wanted) if near else []
            for near, some in zip(slots, cosines, strict=True)
        ]

    def _first(self, slots: Slots, cosines: Vectors, wanted: Near) -> Scored:
        found = best(self._rows[slots], cosines, wanted.most)
        return [hit for place, hit in enumerate(found) if place < wanted.k or hit[1] >= wanted.least]

    def similarities(self, query: Vectors, rows: Rows) -> Scores:
        """Return the cosine of each of the memories `rows`, ascending, that has a vector."""
        slots = self._listed(rows)
        return best_windows(self._rows[slots], self._gather(slots) @ query)

    def _near(self, query: Vectors, k: int) -> Slots | None:
        """Return the slots that the sketch finds near, or None where to compare all is quicker, or surer."""
        count = self._depth + _PER_HIT * k
        if self._sketch is None or not self._depth or count * _SPARSE > self._count:
            return None
        return self._sketch.nearest(query, self._count, count)

    def _slots_of(self, allowed: Rows) -> Slots:
        if allowed.size * _SPARSE < self._count:
            return self._listed(allowed)
        return np.flatnonzero(np.isin(self._rows[: self._count], allowed))

    def _listed(self, rows: Rows) -> Slots:
        """Return the slots of the memories `rows`, one after the other."""
        if self._sorted is None:
            order = np.argsort(self._rows[: self._count], kind="stable")  # they mostly stand so, which makes it quick
            self._sorted = self._rows[order], order
        held, order = self._sorted
        first, end = np.searchsorted(held, rows), np.searchsorted(held, rows, "right")
        counts = end - first
        places = np.arange(counts.sum()) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        found: Slots = order[places]
        return found

    def _best_of(self, slots: Slots, query: Vectors, k: int) -> Scored:
        few = slots.size * _SPARSE < self._count
        cosines = self._gather(slots) @ query if few else (self._matrix[: self._count] @ query)[slots]
        return best(self._rows[slots], cosines, k)

    def _gather(self, slots: Slots) -> Vectors:
        """Return the vectors in `slots`, valid until the next call.

        In an array that is kept: new memory for some thousand lines is hundreds of page faults, which take longer than
        to compare them. What a broad filter lets through is too much to be kept.
        """
        if slots.size > KEPT:
            return self._matrix[slots]
        if len(self._gathered) < slots.size:
            self._gathered = np.empty((slots.size, self._matrix.shape[1]), np.float32)
        # With mode raise, the default, numpy would gather into new memory first; every slot is a valid one.
        return np.take(self._matrix, slots, axis=0, out=self._gathered[: slots.size], mode="clip")

    def _reserve(self, count: int) -> None:
        if count > (capacity := len(self._rows)):
            capacity = max(count, capacity + capacity // _GROWTH)
            # Not ndarray.resize: it refuses while a view is alive, and a half-moved index would be worse than a copy.
            matrix, rows = np.empty((capacity, self._matrix.shape[1]), np.float32), np.empty(capacity, np.int64)
            matrix[: len(self._matrix)], rows[: len(self._rows)] = self._matrix, self._rows
            self._matrix, self._rows = matrix, rows
            if self._sketch is not None:
                self._sketch.reserve(capacity)


def best(rows: Rows, cosines: Vectors, k: int) -> Scored:
    """Return the `k` best memories by their best window, given the memory and the cosine of each window."""
    take = k
    while True:
        if take < cosines.size:
            least = np.partition(cosines, -take)[-take]
            chosen = np.flatnonzero(cosines >= least)
        else:
            chosen = np.arange(cosines.size)
        chosen = chosen[np.lexsort((-rows[chosen], -cosines[chosen]))]
        pairs = list(zip(rows[chosen].tolist(), cosines[chosen].clip(-1, 1).tolist(), strict=True))
        scored = dict(pairs)
        if len(scored) < len(pairs):  # some have several windows, of which the first one here is the best
            scored = dict(reversed(pairs))
            scored = {row: scored[row] for row in dict.fromkeys(row for row, _ in pairs)}
        # Every window left out is worse than every one in, so once there are k memories no other can be among them.
        if len(scored) >= k or chosen.size == cosines.size:
            return list(islice(scored.items(), k))
        take *= 2


def best_windows(rows: Rows, cosines: Vectors) -> Scores:
    """Return the scores of memories by their best window; rows: ascending, of each of whose windows is a cosine."""
    if not rows.size:
        return Scores(rows, np.empty(0))
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    return Scores(rows[starts], np.maximum.reduceat(cosines, starts).clip(-1, 1).astype(np.float64))
