"""The model on torch, which takes seconds to import: only the tests that are run pay for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError
from workers.embedding import sources
from workers.embedding.onnx_backend import OnnxEmbedder
from workers.embedding.sources import Source

if TYPE_CHECKING:
    from workers.embedding.torch_backend import TorchEmbedder

# Padded together in one batch: several lengths, one past any window, several scripts.
TEXTS = (
    "a",
    "How do I read a file line by line?",
    "Two words.\n\tThen, some MORE of them; naïve façade, Straße, 42 %.",
    "記憶は共有される。 Память общая. الذاكرة مشتركة 🧠",
    "The writer drains its queue into one transaction, commits once, and acknowledges everyone. " * 5,
    "a text that no model of this kind reads to its end " * 400,
)


@pytest.fixture(scope="module")
def torch_embedder(source: Source) -> TorchEmbedder:
    from workers.embedding.torch_backend import TorchEmbedder

    return TorchEmbedder(source)


def test_torch_and_onnx_are_one_model(torch_embedder: TorchEmbedder, onnx_embedder: OnnxEmbedder) -> None:
    for name in ("name", "dimensions", "max_tokens"):
        assert getattr(torch_embedder, name) == getattr(onnx_embedder, name)
    np.testing.assert_allclose(torch_embedder.embed(TEXTS), onnx_embedder.embed(TEXTS), atol=1e-4)


def test_both_cut_the_same_windows(torch_embedder: TorchEmbedder, onnx_embedder: OnnxEmbedder) -> None:
    for text in TEXTS:
        assert torch_embedder.windows(text) == onnx_embedder.windows(text)


def test_no_texts_give_no_rows(torch_embedder: TorchEmbedder) -> None:
    assert torch_embedder.embed([]).shape == (0, 384)


@pytest.mark.slow
def test_files_that_are_no_model_are_said_to_be_invalid(tmp_path: Path) -> None:
    from workers.embedding.torch_backend import TorchEmbedder

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    source = sources.find(Settings(model=str(tmp_path), cache_dir=tmp_path / "cache"))
    with pytest.raises(ModelInvalidError, match="can't be loaded"):
        TorchEmbedder(source)
