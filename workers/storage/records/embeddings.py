"""Embeddings: the frames of a request as unit vectors, checked, because vec0 would take NaN and keep it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memmux.errors import ArgumentInvalidError, MalformedMessageError, ModelInvalidError
from memmux.wire.embeddings import Embedding, Window
from workers.index.interface import Vectors

DIMENSIONS = 8192  # the most that vec0 takes
MODEL_CHARACTERS = 1024  # a model may be named by its path
_POSITION = 1 << 53
_FRAMES = 2  # of the embeddings by one model
_MODELS = 2
_UNIT = 1e-6  # how far a length may be from 1 before it is corrected
_NEARLY_UNIT = 1e-3  # and how far it may be from what a model gives


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedding of one text: a line of `vectors`, of unit length, for each of `windows`."""

    model: str
    dimensions: int
    windows: tuple[Window, ...]
    vectors: Vectors


def embedded(frames: Sequence[bytes], texts: int) -> list[Embedded]:
    """Return the embeddings of so many texts from the two frames that hold them; none if there are no frames.

    Raises MalformedMessageError or ArgumentInvalidError.
    """
    if not frames:
        return []
    try:
        embedding = Embedding.from_frames(frames)
    except OverflowError:
        raise MalformedMessageError("a window of the embedding is no range of characters") from None
    if len(embedding.windows) != texts:
        raise MalformedMessageError(f"there are {texts} texts and the embeddings of {len(embedding.windows)}")
    if embedding.dimensions > DIMENSIONS:
        raise ArgumentInvalidError(f"a vector has {embedding.dimensions} dimensions, the most is {DIMENSIONS}")
    if not 0 < len(embedding.model) <= MODEL_CHARACTERS:
        raise ArgumentInvalidError(f"a model's name has 1 to {MODEL_CHARACTERS} characters")
    if not all(0 <= start <= end < _POSITION for text in embedding.windows for start, end in text):
        raise ArgumentInvalidError("a window of the embedding is no range of characters")
    vectors = _unit(np.frombuffer(embedding.data, "<f4").reshape(-1, embedding.dimensions))
    found, first = [], 0
    for windows in embedding.windows:
        last = first + len(windows)
        found.append(Embedded(embedding.model, embedding.dimensions, windows, vectors[first:last]))
        first = last
    return found


def by_text(frames: Sequence[bytes], texts: int) -> list[list[Embedded]]:
    """Return, for each of so many texts, its embeddings by each model whose two frames are among these.

    There are two models while the one takes the place of the other. Raises as `embedded` does.
    """
    if len(frames) > _MODELS * _FRAMES:
        raise MalformedMessageError(f"a text has embeddings by {_MODELS} models at most")
    each = [embedded(frames[first : first + _FRAMES], texts) for first in range(0, len(frames), _FRAMES)]
    if len({one[0].model for one in each if one}) < len(each):
        raise MalformedMessageError("a text has the embeddings by a model once")
    return [[one[number] for one in each] for number in range(texts)]


def refuse_wrong_lengths(frames: Sequence[bytes]) -> None:
    """Raise ModelInvalidError unless the vectors that a model of ours made are of unit length, if there are any."""
    for first in range(0, len(frames), _FRAMES):
        embedding = Embedding.from_frames(frames[first : first + _FRAMES])
        vectors = np.frombuffer(embedding.data, "<f4").reshape(-1, embedding.dimensions)
        if not (np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) <= _NEARLY_UNIT).all():  # also where one is NaN
            raise ModelInvalidError(f"{embedding.model} gives vectors that are not of unit length; install it again")


def mean(vectors: Vectors) -> Vectors:
    """Return the direction in which `vectors` point on the whole: what a query of several windows asks for."""
    if len(vectors) == 1:
        only: Vectors = vectors[0]
        return only
    total: Vectors = _unit(vectors.astype(np.float64).sum(axis=0, keepdims=True))[0]
    return total


def _unit(vectors: NDArray[np.floating]) -> Vectors:
    squares = np.einsum("ij,ij->i", vectors, vectors)
    if vectors.dtype == np.float32 and (np.abs(squares - 1) <= _UNIT).all():  # as nearly all are, and no NaN is
        return vectors
    wide = vectors.astype(np.float64)  # the square of a float32 may not be one
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    # Also false for NaN, which compares with nothing.
    if not ((lengths > 0) & np.isfinite(lengths)).all():
        raise ArgumentInvalidError("a vector is zero, or holds NaN or an infinity; it has no direction to compare")
    if (np.abs(lengths - 1) > _UNIT).any():
        wide /= lengths
    unit: Vectors = wide.astype(np.float32)
    return unit
