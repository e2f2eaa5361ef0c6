"""The interface of embedding backends, for the embed worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memmux.wire.embeddings import Window
from workers.runtime.jobs import Alive, silent

Vectors = NDArray[np.float32]
"""Rows of unit length, shape (texts, dimensions)."""


@dataclass(frozen=True, slots=True)
class Named:
    """A model by what its vectors are labelled with, and by what settings called it; `source` is empty if unknown."""

    name: str
    source: str


class Embedder(Protocol):
    """One loaded model."""

    @property
    def name(self) -> str:
        """What its vectors are labelled with; vectors of different names are never compared."""

    @property
    def backend(self) -> str:
        """The library that runs it: onnx, torch or hash."""

    @property
    def dimensions(self) -> int:
        """Floats per vector."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text go through it at once, special ones included; a longer one is cut into windows."""

    @property
    def packs(self) -> bool:
        """Whether a batch costs what its tokens do; otherwise all of its texts cost what the longest does."""

    @property
    def threads(self) -> bool:
        """Whether several threads may embed with it at the same time, and gain by it."""

    @property
    def degraded(self) -> tuple[str, ...]:
        """Codes that every answer made with it carries."""

    def windows(self, text: str, alive: Alive = silent) -> tuple[Window, ...]:
        """Return the ranges of characters that fit the model, overlapping, that together are all of `text`.

        alive: is called often, as a long text takes seconds.
        """

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
        """Return one row per text, in their order; what goes past `max_tokens` is not read.

        queries: whether they are asked for, and not stored; some models make another vector of a query.
        """
