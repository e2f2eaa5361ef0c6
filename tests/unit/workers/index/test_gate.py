"""The gate: conversations pass it, and nothing that is in no order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.index import gate

DIMENSIONS = 64


def _talk(memories: int, turns: int, seed: int) -> NDArray[np.float32]:
    """Return vectors of conversations, of which each has a subject."""
    chance = np.random.default_rng(seed)
    found = (
        chance.normal(size=(memories, DIMENSIONS))
        + np.repeat(chance.normal(size=(-(-memories // turns), DIMENSIONS)), turns, axis=0)[:memories]
    )
    unit: NDArray[np.float32] = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _strength(vectors: NDArray[np.float32]) -> float:
    rows = np.arange(1, len(vectors))
    return gate.strength(rows, rows + 1, lambda row: vectors[row - 1 : row])


@pytest.mark.parametrize("memories", [60, 400, 5_000])
def test_conversations_pass(memories: int) -> None:
    assert _strength(_talk(memories, 20, seed=1)) > gate.OPEN


@pytest.mark.slow
def test_what_is_shuffled_does_not_pass() -> None:
    chance = np.random.default_rng(2)
    passed = 0
    for memories in (3, 4, 6, 10, 20, 60, 400):
        for seed in range(40):
            passed += _strength(chance.permutation(_talk(memories, 20, seed))) > gate.OPEN
    assert passed <= 0.03 * 7 * 40


def test_it_is_the_same_for_the_same() -> None:
    vectors = _talk(900, 9, seed=3)
    assert _strength(vectors) == _strength(vectors)


def test_of_few_there_is_little_to_be_known() -> None:
    vectors = np.eye(DIMENSIONS, dtype=np.float32)[[0, 0, 1]]
    assert _strength(vectors) <= gate.OPEN
    assert _strength(vectors[:2]) == 0
    assert _strength(vectors[:0]) == 0


def test_where_all_are_alike_neighbours_are_nothing_special() -> None:
    assert _strength(np.tile(np.eye(DIMENSIONS, dtype=np.float32)[0], (50, 1))) == 0


def test_memories_without_a_vector_are_left_out() -> None:
    vectors = _talk(400, 20, seed=4)
    rows = np.arange(1, 400)
    every_third = gate.strength(rows, rows + 1, lambda row: vectors[row - 1 : row - 1 + (row % 3 > 0)])
    assert every_third > gate.OPEN
    assert gate.strength(rows, rows + 1, lambda _: vectors[:0]) == 0


def test_a_memory_of_several_windows_has_their_mean_direction() -> None:
    vectors = _talk(400, 20, seed=5)
    rows = np.arange(1, 400)
    split = {row: np.concatenate((vectors[row - 1 : row] * 2, vectors[row - 1 : row])) for row in range(1, 401)}
    assert gate.strength(rows, rows + 1, split.__getitem__) == pytest.approx(_strength(vectors), abs=1e-5)
