"""sentence-transformers is the authority: the graph's vectors are its vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from memmux.config.settings import Settings
from memmux.errors import ModelUnsupportedError
from tests.unit.workers.embedding.graph import tiny
from workers.embedding import onnx_backend, sources
from workers.embedding.graph import architecture

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

pytestmark = pytest.mark.slow
NEAR = 2e-6
LETTERS = "abcdefghij"
TEXTS = (
    "",
    "a",
    "How do I read a file, line by line?",
    "naïve façade, Straße; Ünïcödé, 42 %.\n\tTwo lines.",
    "記憶は共有される。 Память общая. الذاكرة مشتركة 🧠",
    "<pad> [PAD] </s> [SEP] \x00 \ufffd",
    " ",
    *(" ".join(LETTERS[(number * length) % 10] for number in range(length)) for length in (2, 3, 31, 100, 253, 254)),
)


def graph_and_torch(folder: Path, tmp_path: Path) -> tuple[onnx_backend.OnnxEmbedder, SentenceTransformer]:
    from workers.embedding import torch_backend

    settings = Settings(cache_dir=tmp_path / "cache", model=str(folder))
    source = sources.find(settings)
    return onnx_backend.load(settings, source), torch_backend.load(source)


def compare(folder: Path, tmp_path: Path) -> None:
    embedder, model = graph_and_torch(folder, tmp_path)
    assert embedder.max_tokens == model.max_seq_length
    assert embedder.dimensions == model.get_embedding_dimension()
    for text in TEXTS:
        assert embedder._tokenizer.encode(text).ids == model.tokenizer(text, truncation=True)["input_ids"]
    for batch in (TEXTS, TEXTS[:3], TEXTS[-1:], TEXTS[1:2], TEXTS[:1]):
        wanted = model.encode(list(batch), batch_size=len(batch), normalize_embeddings=True, show_progress_bar=False)
        np.testing.assert_allclose(embedder.embed(batch), wanted, atol=NEAR, rtol=0)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_tiny_model_of_each_kind_has_the_same_vectors(
    tmp_path: Path, kind: str, pooling: str, normalize: bool
) -> None:
    compare(tiny.make(tmp_path / "model", kind, pooling, normalize=normalize), tmp_path)


def test_the_default_model_has_the_same_vectors(tmp_path: Path) -> None:
    compare(sources.find(Settings(cache_dir=tmp_path)).folder, tmp_path)


def test_another_token_may_fill_up(tmp_path: Path) -> None:
    compare(tiny.make(tmp_path / "model", "bert", "mean", normalize=True, pad_token_id=3), tmp_path)


def test_weights_with_a_head_for_another_task_are_found(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny.make(tmp_path / "model", "roberta", "cls", normalize=True)
    path = folder / "model.safetensors"
    tensors = {f"roberta.{name}": tensor for name, tensor in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    compare(folder, tmp_path)


def test_a_model_that_says_no_length_reads_what_it_has_positions_for(tmp_path: Path) -> None:
    folder = tiny.make(tmp_path / "model", "roberta", "mean", normalize=True)
    for name in ("sentence_bert_config.json", "tokenizer_config.json"):
        (folder / name).write_text("{}")
    assert architecture.read(folder).max_tokens == tiny.MAX_TOKENS
    source = replace(sources.find(Settings(model=str(folder), cache_dir=tmp_path)), name="x")
    long = "b" * 1000
    embedder = onnx_backend.load(Settings(cache_dir=tmp_path), source)
    assert np.isfinite(embedder.embed([long, "a"])).all()


@pytest.mark.parametrize("pooling", ["max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens"])
def test_other_poolings_are_refused_by_name(tmp_path: Path, pooling: str) -> None:
    folder = tiny.make(tmp_path / "model", "bert", pooling, normalize=True)
    with pytest.raises(ModelUnsupportedError, match=f"its pooling is {pooling}; `.* install"):
        architecture.read(folder)


@pytest.mark.parametrize("activation", ["gelu_new", "relu", "silu"])
def test_other_activations_are_refused_by_name(tmp_path: Path, activation: str) -> None:
    folder = tiny.make(tmp_path / "model", "bert", "mean", normalize=True, hidden_act=activation)
    with pytest.raises(ModelUnsupportedError, match=f"its hidden_act is {activation}"):
        architecture.read(folder)
