from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelInvalidError
from tests.bounds import BOUND_S
from workers.embedding.exports import GRAPH, Export
from workers.embedding.onnx_backend import OnnxEmbedder


def test_rows_are_of_unit_length_and_float32(onnx_embedder: OnnxEmbedder) -> None:
    rows = onnx_embedder.embed(["one", "two words", ""])
    assert (rows.shape, rows.dtype) == ((3, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_text_has_the_same_vector_alone_and_beside_a_longer_one(onnx_embedder: OnnxEmbedder) -> None:
    (alone,) = onnx_embedder.embed(["a short text"])
    beside = onnx_embedder.embed(["a short text", "a much longer text " * 40])[0]
    np.testing.assert_allclose(alone, beside, atol=1e-5)


def test_a_paraphrase_is_nearer_than_another_subject(onnx_embedder: OnnxEmbedder) -> None:
    query, near, far = onnx_embedder.embed(
        ["How do I make a copy of a dictionary?", "Duplicating a dict.", "The weather in Lisbon is mild."]
    )
    assert query @ near > 0.5 > query @ far


def test_no_texts_give_no_rows(onnx_embedder: OnnxEmbedder) -> None:
    assert onnx_embedder.embed([]).shape == (0, 384)


def test_a_long_text_is_read_to_its_end(onnx_embedder: OnnxEmbedder) -> None:
    text = "filler words about nothing " * 120 + "and at last the giraffe"
    windows = onnx_embedder.windows(text)
    assert len(windows) > 1
    (query,) = onnx_embedder.embed(["giraffe"])
    scores = onnx_embedder.embed([text[start:end] for start, end in windows]) @ query
    assert int(scores.argmax()) == len(windows) - 1


def test_a_damaged_graph_is_said_to_be_invalid(tmp_path: Path, exported: Export) -> None:
    shutil.copytree(exported.folder, tmp_path / "copy")
    (tmp_path / "copy" / GRAPH).write_bytes(b"no graph")
    with pytest.raises(ModelInvalidError, match="can't be loaded"):
        OnnxEmbedder(replace(exported, folder=tmp_path / "copy"))


def test_a_worker_on_onnx_imports_neither_torch_nor_transformers_and_writes_nothing(model_settings: Settings) -> None:
    program = """
import sys
from memmux.config.settings import parse_flags
from workers.embed import EmbedWorker
worker = EmbedWorker(parse_flags(sys.argv[1:]))
worker.open()
assert worker.facts()["backend"] == "onnx"
worker.close()
assert not {"torch", "transformers", "sentence_transformers"} & set(sys.modules)
"""
    flags = replace(model_settings, embedder=EmbedderChoice.AUTO).flags()
    done = subprocess.run([sys.executable, "-c", program, *flags], capture_output=True, timeout=BOUND_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_torch_writes_nothing_either(model_settings: Settings) -> None:
    program = """
import sys
from memmux.config.settings import parse_flags
from workers.embed import EmbedWorker
worker = EmbedWorker(parse_flags(sys.argv[1:]))
worker.open()
assert worker.facts()["backend"] == "torch"
worker.close()
"""
    flags = replace(model_settings, embedder=EmbedderChoice.TORCH).flags()
    done = subprocess.run([sys.executable, "-c", program, *flags], capture_output=True, timeout=BOUND_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
