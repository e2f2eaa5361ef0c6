from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from memmux.errors import ModelInvalidError
from workers.embedding import probes
from workers.embedding.hashing import HashEmbedder
from workers.embedding.interface import Vectors
from workers.embedding.onnx_backend import OnnxEmbedder
from workers.embedding.sources import WHEEL_SHA256


class Scaled(HashEmbedder):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> Vectors:
        return super().embed(texts, queries=queries) * np.float32(self._factor)


def test_the_default_model_makes_what_its_authority_makes(onnx_embedder: OnnxEmbedder) -> None:
    rows = probes.verify(onnx_embedder, WHEEL_SHA256)
    probes.compare(onnx_embedder, rows.tolist())


def test_vectors_that_are_not_those_of_the_weights_are_refused() -> None:
    with pytest.raises(ModelInvalidError, match="known texts"):
        probes.verify(HashEmbedder(), WHEEL_SHA256)


@pytest.mark.parametrize("factor", [0.9, 0, float("nan")])
def test_vectors_that_are_not_of_unit_length_are_refused(factor: float) -> None:
    probes.verify(HashEmbedder(), "unknown")
    with pytest.raises(ModelInvalidError, match="known texts"):
        probes.verify(Scaled(factor), "unknown")


@pytest.mark.parametrize("known", [[], [[1.0]], [[0.0] * 384] * 3, [[float("nan")] * 384] * 3])
def test_vectors_that_are_not_those_of_before_are_refused(known: list[list[float]]) -> None:
    with pytest.raises(ModelInvalidError, match="known texts"):
        probes.compare(HashEmbedder(), known)
