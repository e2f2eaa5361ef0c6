"""The comparison of the peers with little material; prints the rows. Run by test_peers.py."""

from __future__ import annotations

import sys

import numpy as np

from bench.harness import report
from bench.harness.material import Material
from bench.peers import table
from bench.peers.compare import compare

DIMENSIONS = 384  # of the model that the vectors are stored under


def _material(memories: int, queries: int) -> Material:
    """Random texts and vectors, which lie in clusters as real ones do."""
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(20, DIMENSIONS))
    spread = 0.5 * chance.normal(size=(memories + queries, DIMENSIONS))
    vectors = (centres[chance.integers(20, size=memories + queries)] + spread).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [f"memory {number} of a test" for number in range(memories + queries)]
    return Material(
        texts=texts[:memories],
        vectors=vectors[:memories],
        asked=texts[memories:],
        asked_vectors=vectors[memories:],
    )


if __name__ == "__main__":
    memories, queries, clients = map(int, sys.argv[1:])
    report.finish(table.rows(compare(_material(memories, queries), queries, clients=clients)), as_json=True)
