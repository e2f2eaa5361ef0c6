"""The real model, as the tests of each backend need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config.settings import Settings
from workers.embedding import exports, sources
from workers.embedding.exports import Export
from workers.embedding.onnx_backend import OnnxEmbedder
from workers.embedding.sources import Source


@pytest.fixture(scope="session")
def model_settings(model_cache: Path) -> Settings:
    """Settings whose cache holds the exported model."""
    return Settings(cache_dir=model_cache, state_dir=model_cache / "state", database=model_cache / "none.db")


@pytest.fixture(scope="session")
def source(model_settings: Settings) -> Source:
    """The real model's files."""
    return sources.find(model_settings)


@pytest.fixture(scope="session")
def exported(model_settings: Settings, source: Source) -> Export:
    """The real model's export."""
    export = exports.find(model_settings, source)
    assert export is not None
    return export


@pytest.fixture(scope="session")
def onnx_embedder(exported: Export) -> OnnxEmbedder:
    """The real model on onnxruntime."""
    return OnnxEmbedder(exported)
