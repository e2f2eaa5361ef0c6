from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelInvalidError, ModelMissingError
from workers.embedding import exports
from workers.embedding.choose import choose
from workers.embedding.exports import GRAPH, Export
from workers.embedding.sources import Source


@pytest.mark.parametrize("choice", [EmbedderChoice.AUTO, EmbedderChoice.ONNX])
def test_onnx_serves_where_the_export_is_there(model_settings: Settings, choice: EmbedderChoice) -> None:
    chosen = choose(replace(model_settings, embedder=choice))
    assert (chosen.embedder.backend, chosen.export_wanted) == ("onnx", False)


@pytest.mark.slow
def test_torch_serves_until_then_and_an_export_is_wanted(tmp_path: Path) -> None:
    chosen = choose(Settings(cache_dir=tmp_path))
    assert (chosen.embedder.backend, chosen.export_wanted) == ("torch", True)


def test_a_model_that_was_refused_is_not_exported_again(tmp_path: Path, source: Source) -> None:
    settings = Settings(cache_dir=tmp_path)
    exports.place(settings, source).parent.mkdir(parents=True)
    exports.refuse(settings, source, "its pooling is max")
    chosen = choose(settings)
    assert (chosen.embedder.backend, chosen.export_wanted) == ("torch", False)


def test_torch_is_not_exported_when_torch_was_asked_for(model_settings: Settings) -> None:
    chosen = choose(replace(model_settings, embedder=EmbedderChoice.TORCH))
    assert (chosen.embedder.backend, chosen.export_wanted) == ("torch", False)


def test_the_hash_needs_no_model_at_all(tmp_path: Path) -> None:
    chosen = choose(Settings(cache_dir=tmp_path, embedder=EmbedderChoice.HASH, model="/nowhere"))
    assert (chosen.embedder.backend, chosen.export_wanted) == ("hash", False)


def test_an_export_that_can_not_be_loaded_is_made_again(tmp_path: Path, exported: Export, source: Source) -> None:
    settings = Settings(cache_dir=tmp_path)
    folder = exports.place(settings, source)
    shutil.copytree(exported.folder, folder)
    (folder / GRAPH).write_bytes(b"x" * exported.manifest.sizes[GRAPH])
    chosen = choose(settings)
    assert (chosen.embedder.backend, chosen.export_wanted) == ("torch", True)
    assert exports.find(settings, source) is None


@pytest.mark.parametrize("choice", [EmbedderChoice.AUTO, EmbedderChoice.ONNX, EmbedderChoice.TORCH])
def test_a_missing_model_is_said_whatever_was_chosen(tmp_path: Path, choice: EmbedderChoice) -> None:
    with pytest.raises(ModelMissingError):
        choose(Settings(cache_dir=tmp_path, embedder=choice, model="/nowhere"))


@pytest.mark.slow
def test_onnx_alone_fails_with_the_reason_when_there_can_be_no_export(tmp_path: Path) -> None:
    # A folder that only looks like a model: the export, a process of its own, refuses it.
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    settings = Settings(
        cache_dir=tmp_path / "cache",
        state_dir=tmp_path / "state",
        database=tmp_path / "none.db",
        embedder=EmbedderChoice.ONNX,
        model=str(model),
    )
    with pytest.raises(ModelInvalidError, match=r"can't be loaded.*set MEMMUX_EMBEDDER to auto"):
        choose(settings)
