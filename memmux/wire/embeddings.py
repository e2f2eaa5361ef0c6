"""Embeddings on the wire: a JSON frame that describes them and a frame of raw little-endian float32.

A text longer than the model's window is embedded in overlapping windows, so one text has one vector or more.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from memmux.errors import MalformedMessageError

FLOAT_BYTES = 4
Window = tuple[int, int]
"""The half-open range of characters of a text that one vector stands for."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """The vectors of some texts, all made by one model.

    model: the model's name; vectors of different models are never compared.
    dimensions: floats per vector.
    windows: for each text, the windows it was cut into, in order; a text has at least one.
    data: one row of float32 per window, texts and windows in order, little-endian, unit length.
    """

    model: str
    dimensions: int
    windows: tuple[tuple[Window, ...], ...]
    data: bytes

    @classmethod
    def of_vector(cls, model: str, vector: Sequence[float], characters: int) -> Embedding:
        """Return the embedding of one text of that many characters by a vector that the caller made."""
        floats = array("f", vector)
        if sys.byteorder == "big":
            floats.byteswap()
        return cls(model, len(vector), (((0, characters),),), floats.tobytes())

    def frames(self) -> tuple[bytes, bytes]:
        """Return the two frames that `from_frames` reads."""
        described = {"model": self.model, "dimensions": self.dimensions, "windows": self.windows}
        return orjson.dumps(described), self.data

    @classmethod
    def from_frames(cls, frames: Sequence[bytes]) -> Embedding:
        """Return the embedding in the two frames; raise MalformedMessageError if they do not describe one."""
        try:
            described, data = frames
            fields = orjson.loads(described)
            model, dimensions = fields["model"], fields["dimensions"]
            windows = tuple(tuple((int(start), int(end)) for start, end in text) for text in fields["windows"])
        except (ValueError, TypeError, KeyError, OverflowError):
            raise MalformedMessageError("the frames after the body are not an embedding") from None
        if not isinstance(model, str) or type(dimensions) is not int or dimensions < 1:
            raise MalformedMessageError("an embedding names its model and its number of dimensions")
        rows = sum(map(len, windows))
        if not all(windows) or len(data) != rows * dimensions * FLOAT_BYTES:
            raise MalformedMessageError(f"an embedding of {rows} windows of {dimensions} float32 has another size")
        return cls(model, dimensions, windows, data)
