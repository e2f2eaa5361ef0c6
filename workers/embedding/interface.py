"""What every embedding backend offers to the embed worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memmux.vectors import Window

Vectors = NDArray[np.float32]
"""Rows of unit length, shape (texts, dimensions)."""


class Embedder(Protocol):
    """One loaded model.

    name: what its vectors are labelled with; vectors of different names are never compared.
    backend: onnx, torch or hash. dimensions: floats per vector.
    max_tokens: what the model reads of one text, special tokens included; the rest would be cut off.
    degraded: codes that every answer made with it carries.
    """

    @property
    def name(self) -> str: ...

    @property
    def backend(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    @property
    def degraded(self) -> tuple[str, ...]: ...

    def windows(self, text: str) -> tuple[Window, ...]:
        """Return the ranges of characters that fit the model, overlapping, that together are all of `text`."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in their order; what goes past `max_tokens` is not read."""
