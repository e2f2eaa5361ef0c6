"""What is stored and asked."""

from __future__ import annotations

import numpy as np
import pytest

from bench.harness.material import TAG, Material, place_of
from memmux import limits

COUNT = limits.BATCH_MEMORIES + 10


@pytest.fixture
def material() -> Material:
    vectors = np.random.default_rng(1).standard_normal((COUNT + 5, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Material(
        texts=[f"paragraph {letter} of words" for letter in "abc"],
        vectors=vectors[:COUNT],
        asked=[f"asked {letter}" for letter in "abcde"],
        asked_vectors=vectors[COUNT:],
        tag_every=7,
    )


def test_contents_are_distinct_and_tell_their_places(material: Material) -> None:
    contents = [material.content(place) for place in range(COUNT)]
    assert len(set(contents)) == COUNT
    assert [place_of(content) for content in contents] == list(range(COUNT))


def test_batches_hold_everything_once_and_none_more_than_a_request_may(material: Material) -> None:
    batches = list(material.batches())
    assert [len(memories) for memories, _ in batches] == [limits.BATCH_MEMORIES, 10]
    contents = [memory.content for memories, _ in batches for memory in memories]
    assert contents == [material.content(place) for place in range(COUNT)]
    rows = np.array([vector for _, vectors in batches for vector in vectors], np.float32)
    assert np.array_equal(rows, material.vectors)


def test_each_so_manieth_memory_carries_the_tag(material: Material) -> None:
    memories = [memory for batch, _ in material.batches() for memory in batch]
    assert [place for place, memory in enumerate(memories) if memory.tags == (TAG,)] == list(range(0, COUNT, 7))


def test_nearest_are_the_best_of_all_or_of_those_with_the_tag(material: Material) -> None:
    cosines = material.asked_vectors @ material.vectors.T
    assert np.array_equal(material.nearest(5, 3, tagged=False), np.argsort(-cosines, axis=1)[:, :3])
    for row, found in zip(cosines, material.nearest(5, 3, tagged=True), strict=True):
        best = sorted(range(0, COUNT, 7), key=lambda place: -row[place])[:3]
        assert found.tolist() == best
    assert material.nearest(2, 3, tagged=False).shape == (2, 3)
