from __future__ import annotations

import struct

import orjson
import pytest

from memmux.errors import MalformedMessageError
from memmux.wire.embeddings import Embedding

EMBEDDING = Embedding("m", 2, (((0, 3), (2, 5)), ((0, 1),)), struct.pack("<6f", 1, 0, 0, 1, 0.6, 0.8))


def test_embedding_comes_back_from_its_frames_as_it_was() -> None:
    assert Embedding.from_frames(EMBEDDING.frames()) == EMBEDDING


def test_vector_of_a_caller_is_one_window_over_the_whole_text() -> None:
    embedding = Embedding.of_vector("m", [1.0, 0.5], 9)
    assert embedding == Embedding("m", 2, (((0, 9),),), struct.pack("<2f", 1.0, 0.5))


def test_embedding_of_no_texts_is_empty() -> None:
    empty = Embedding("m", 2, (), b"")
    assert Embedding.from_frames(empty.frames()) == empty


@pytest.mark.parametrize(
    "frames",
    [
        (),
        (b"{}",),
        (b"{", b""),
        (b"[]", b""),
        (b"{}", b""),
        (orjson.dumps({"model": 5, "dimensions": 2, "windows": []}), b""),
        (orjson.dumps({"model": "m", "dimensions": 0, "windows": []}), b""),
        (orjson.dumps({"model": "m", "dimensions": 2, "windows": [[]]}), b""),
        (orjson.dumps({"model": "m", "dimensions": 2, "windows": [[[0]]]}), b"12345678"),
        (orjson.dumps({"model": "m", "dimensions": 2, "windows": [[[0, 1]]]}), b"1234567"),
        (orjson.dumps({"model": "m", "dimensions": 2, "windows": 5}), b""),
    ],
)
def test_frames_that_are_no_embedding_are_refused(frames: tuple[bytes, ...]) -> None:
    with pytest.raises(MalformedMessageError):
        Embedding.from_frames(frames)
