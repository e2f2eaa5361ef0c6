from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelInvalidError, ModelMissingError, ModelUnsupportedError
from tests.unit.workers.embedding.graph import tiny
from workers.embedding import onnx_backend
from workers.embedding.choose import choose, choose_shared, shared_signs
from workers.embedding.sources import Source


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """sentence-transformers, as if it were not installed."""
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sentence_transformers" else known(name)
    )


def test_what_is_shared_is_the_packed_graph_and_nobody_makes_it_for_that(
    model_settings: Settings, source: Source, tmp_path: Path
) -> None:
    assert choose_shared(replace(model_settings, cache_dir=tmp_path)) is None
    assert list(tmp_path.iterdir()) == []
    assert shared_signs(replace(model_settings, cache_dir=tmp_path)) == frozenset()
    made, shared = onnx_backend.load(model_settings, source), choose_shared(model_settings)
    assert shared is not None
    assert (shared.name, shared.backend) == (made.name, "onnx")
    assert np.array_equal(shared.embed(["the same vector"]), made.embed(["the same vector"]))


def test_torch_shares_nothing_and_hashes_need_nothing_to_share(model_settings: Settings) -> None:
    assert choose_shared(replace(model_settings, embedder=EmbedderChoice.TORCH)) is None
    shared = choose_shared(replace(model_settings, embedder=EmbedderChoice.HASH))
    assert shared is not None
    assert shared.backend == "hash"


@pytest.fixture
def unsupported(tmp_path: Path) -> Settings:
    """Settings that name a model of a kind of which no graph can be built."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(orjson.dumps({"model_type": "mpnet"}))
    (folder / "model.safetensors").write_bytes(b"weights")
    return Settings(cache_dir=tmp_path / "cache", model=str(folder))


@pytest.mark.parametrize("choice", [EmbedderChoice.AUTO, EmbedderChoice.ONNX])
def test_onnx_serves_the_default_model(model_settings: Settings, choice: EmbedderChoice) -> None:
    assert choose(replace(model_settings, embedder=choice)).backend == "onnx"


def test_onnx_serves_it_where_torch_is_not_installed(model_settings: Settings, no_torch: None) -> None:
    assert no_torch is None
    assert choose(model_settings).backend == "onnx"


@pytest.mark.slow
def test_torch_serves_a_model_of_another_kind(tmp_path: Path) -> None:
    folder = tiny.make(tmp_path / "model", "bert", "max", normalize=False)
    assert choose(Settings(cache_dir=tmp_path / "cache", model=str(folder))).backend == "torch"


@pytest.mark.parametrize("choice", [EmbedderChoice.AUTO, EmbedderChoice.ONNX])
def test_what_to_install_for_one_is_said_once(unsupported: Settings, no_torch: None, choice: EmbedderChoice) -> None:
    assert no_torch is None
    with pytest.raises(ModelUnsupportedError, match=r"its type is mpnet; `.* install 'memmux\[models\]'` brings"):
        choose(replace(unsupported, embedder=choice))


def test_onnx_alone_never_falls_back(unsupported: Settings) -> None:
    with pytest.raises(ModelUnsupportedError, match="its type is mpnet"):
        choose(replace(unsupported, embedder=EmbedderChoice.ONNX))


def test_torch_that_is_asked_for_and_not_installed_is_said(model_settings: Settings, no_torch: None) -> None:
    assert no_torch is None
    with pytest.raises(ModelUnsupportedError, match=r"install 'memmux\[models\]'`, or unset it"):
        choose(replace(model_settings, embedder=EmbedderChoice.TORCH))


def test_torch_serves_when_it_was_asked_for(model_settings: Settings) -> None:
    assert choose(replace(model_settings, embedder=EmbedderChoice.TORCH)).backend == "torch"


def test_the_hash_needs_no_model_at_all(tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path, embedder=EmbedderChoice.HASH, model="/nowhere")
    assert choose(settings).backend == "hash"


@pytest.mark.parametrize("choice", [EmbedderChoice.AUTO, EmbedderChoice.ONNX, EmbedderChoice.TORCH])
def test_a_missing_model_is_said_whatever_was_chosen(tmp_path: Path, choice: EmbedderChoice) -> None:
    with pytest.raises(ModelMissingError):
        choose(Settings(cache_dir=tmp_path, embedder=choice, model="/nowhere"))


@pytest.mark.parametrize("choice", [EmbedderChoice.AUTO, EmbedderChoice.ONNX])
def test_damaged_weights_are_said_and_torch_does_not_get_them(
    tmp_path: Path, source: Source, choice: EmbedderChoice
) -> None:
    folder = tmp_path / "model"
    for path in (path for path in source.folder.rglob("*.json") if path.is_file()):
        (folder / path.relative_to(source.folder)).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to(source.folder)).write_bytes(path.read_bytes())
    (folder / "model.safetensors").write_bytes((source.folder / "model.safetensors").read_bytes()[:-1])
    with pytest.raises(ModelInvalidError, match="bytes instead of"):
        choose(Settings(cache_dir=tmp_path / "cache", embedder=choice, model=str(folder)))
