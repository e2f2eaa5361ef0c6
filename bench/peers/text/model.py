"""The model in a client of a peer that takes vectors: the graph that memmux's own workers run, on one thread."""

from __future__ import annotations

from dataclasses import replace

from bench.peers.interface import Vector
from memmux.config.loader import load
from memmux.config.settings import EmbedderChoice
from workers.embedding.choose import choose


class Model:
    """The loaded model, whose weights all processes share."""

    def __init__(self) -> None:
        self._embedder = choose(replace(load(), embedder=EmbedderChoice.ONNX))

    def vector(self, text: str) -> Vector:
        """Return the unit vector of a text; shape (dimensions,)."""
        found: Vector = self._embedder.embed([text])[0]
        return found
