from __future__ import annotations

import math

import numpy as np
import orjson
import pytest

from memmux.errors import ArgumentInvalidError, MalformedMessageError, MemmuxError
from tests.unit.workers.desk import frames
from workers.storage.records.embeddings import DIMENSIONS, by_text, embedded, mean


def test_no_frames_are_no_embedding() -> None:
    assert embedded((), 3) == []


def test_each_text_gets_its_own_windows() -> None:
    first, second = embedded(frames([(1, 0)], [(0, 1), (1, 0)]), 2)
    assert first.windows == ((0, 1),)
    assert second.windows == ((0, 1), (1, 2))
    assert second.vectors.tolist() == [[0, 1], [1, 0]]
    assert (first.model, first.dimensions) == ("tiny", 2)


@pytest.mark.parametrize("vector", [(3, 4), (3e30, 4e30), (3e-30, 4e-30)])
def test_vectors_are_brought_to_unit_length(vector: tuple[float, float]) -> None:
    (text,) = embedded(frames([vector]), 1)
    assert text.vectors[0].tolist() == pytest.approx([0.6, 0.8], rel=1e-6)


def test_unit_vectors_are_kept_to_the_bit() -> None:
    vector = np.random.default_rng(1).standard_normal(384)
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    (text,) = embedded(frames([unit.tolist()]), 1)
    assert (text.vectors[0] == unit).all()


@pytest.mark.parametrize("vector", [(0, 0), (math.nan, 1), (math.inf, 1), (-math.inf, 0)])
def test_a_vector_without_direction_is_refused(vector: tuple[float, float]) -> None:
    with pytest.raises(ArgumentInvalidError, match="direction"):
        embedded(frames([(1, 0)], [vector]), 2)


@pytest.mark.parametrize(
    "blobs",
    [
        (b"{}",),
        (b"{}", b""),
        (b"not JSON", b""),
        (b"[]", b""),
        (*frames([(1, 0)]), b""),
        (frames([(1, 0)])[0], b"123"),
        frames([(1, 0)], [(1, 0)]),
        (orjson.dumps({"model": "m", "dimensions": 1, "windows": [[[0, 1e300]]]}), bytes(4)),
        (orjson.dumps({"model": "m", "dimensions": 1, "windows": [[[-1, 1]]]}), b"\0\0\x80?"),
        (orjson.dumps({"model": "m", "dimensions": 1, "windows": [[[2, 1]]]}), b"\0\0\x80?"),
        (orjson.dumps({"model": "", "dimensions": 1, "windows": [[[0, 1]]]}), b"\0\0\x80?"),
        (orjson.dumps({"model": "m" * 1025, "dimensions": 1, "windows": [[[0, 1]]]}), b"\0\0\x80?"),
        frames([[1.0] * (DIMENSIONS + 1)]),
    ],
)
def test_hostile_frames_are_errors_of_the_request(blobs: tuple[bytes, ...]) -> None:
    with pytest.raises(MemmuxError) as caught:
        embedded(blobs, 1)
    assert isinstance(caught.value, MalformedMessageError | ArgumentInvalidError)


def test_a_text_has_the_embeddings_by_each_of_two_models_and_by_none_twice() -> None:
    tiny, other = frames([(1, 0)]), frames([(0, 1)], model="other")
    assert [text.model for text in by_text((*tiny, *other), 1)[0]] == ["tiny", "other"]
    for blobs in ((*tiny, *tiny), (*other, *frames([(1, 0)], model="other"))):
        with pytest.raises(MalformedMessageError, match="once"):
            by_text(blobs, 1)


def test_a_query_of_several_windows_points_where_they_point_on_the_whole() -> None:
    assert mean(np.array([[1, 0], [0, 1]], np.float32)).tolist() == pytest.approx([math.sqrt(0.5)] * 2)


def test_windows_that_cancel_out_have_no_direction() -> None:
    with pytest.raises(ArgumentInvalidError):
        mean(np.array([[1, 0], [-1, 0]], np.float32))
