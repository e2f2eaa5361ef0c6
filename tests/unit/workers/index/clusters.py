"""Vectors as a model makes them, and what is nearest among them."""

from __future__ import annotations

import numpy as np

from workers.index.exact import ExactIndex, best
from workers.index.interface import Vectors


def clustered(count: int, dimensions: int = 192, seed: int = 3) -> Vectors:
    """Unit vectors around some centres, all of them off the origin, as a model's are."""
    centres = np.random.default_rng(1).standard_normal((60, dimensions)) + 1
    chance = np.random.default_rng(seed)
    vectors = centres[chance.integers(len(centres), size=count)] + 0.7 * chance.standard_normal((count, dimensions))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def index(rows: dict[int, tuple[float, float]]) -> ExactIndex:
    """Return the index of these vectors by their numbers."""
    made = ExactIndex(2)
    made.add(np.array(list(rows), np.int64), np.array(list(rows.values()), np.float32))
    return made


def brute_force(vectors: Vectors, query: Vectors, k: int) -> list[int]:
    return [row for row, _ in best(np.arange(len(vectors), dtype=np.int64), vectors @ query, k)]
