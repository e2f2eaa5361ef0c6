"""The gate: whether memories that stand beside each other have to do with each other.

Of a conversation they do. What was stored one after the other for no reason says nothing for its neighbours, and would
only blur a ranking. So cosines of neighbours are compared with those of random pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from workers.index.interface import Rows, Vectors
from workers.index.neighbours import Beside

OPEN = 0.3  # standard deviations: conversations have 0.5 to 1.8, and at most 0.06 when they are shuffled
PAIRS = 256  # that are looked at, of each kind
FEW = 10  # pairs: so many prove half of what they show; of fewer there is little to be known


def strength(rows: Rows, after: Beside | Rows, vectors: Callable[[int], Vectors]) -> float:
    """Return by how many standard deviations of random pairs the cosines of neighbours are above theirs.

    rows, after: two memories that stand beside each other, for each pair. vectors: those of a memory, one line each.
    The same pairs and vectors give the same.
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, PAIRS).astype(np.intp)) if len(rows) else np.empty(0, np.intp)
    beside = _cosines(rows[chosen], after[chosen], vectors)
    every = np.unique(np.concatenate((rows, after)))
    if not beside.size or len(every) < 3:  # noqa: PLR2004  # of two there is no other pair
        return 0.0
    chance = np.random.default_rng(len(every))
    one = chance.integers(len(every), size=PAIRS)
    other = (one + chance.integers(1, len(every), size=PAIRS)) % len(every)
    random = _cosines(every[one], every[other], vectors)
    deviation = float(random.std()) if random.size else 0.0
    if deviation < 1e-6:  # noqa: PLR2004  # all are alike, or opposite, by rounding
        return 0.0
    return float(beside.mean() - random.mean()) / deviation * beside.size / (beside.size + FEW)


def _cosines(some: Beside | Rows, others: Beside | Rows, vectors: Callable[[int], Vectors]) -> np.ndarray:
    """Return the cosines of pairs, without those of which one has no vector."""
    known = {row: _direction(vectors(row)) for row in np.unique(np.concatenate((some, others))).tolist()}
    pairs = [(known[one], known[other]) for one, other in zip(some.tolist(), others.tolist(), strict=True)]
    found: Sequence[float] = [float(one @ other) for one, other in pairs if one.size and other.size]
    return np.array(found)


def _direction(windows: Vectors) -> Vectors:
    """Return the direction of the mean of some vectors; empty if there is none."""
    if len(windows) == 1:
        first: Vectors = windows[0]
        return first
    mean = windows.sum(axis=0)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 0 else np.empty(0, np.float32)
