"""The real model, as the tests of each backend need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config.settings import Settings
from workers.embedding import onnx_backend, sources
from workers.embedding.onnx_backend import OnnxEmbedder
from workers.embedding.sources import Source


@pytest.fixture(scope="session")
def model_settings(model_cache: Path) -> Settings:
    """Settings whose cache holds the real model's graph once it was loaded."""
    return Settings(cache_dir=model_cache, state_dir=model_cache / "state", database=model_cache / "none.db")


@pytest.fixture(scope="session")
def source(model_settings: Settings) -> Source:
    """The real model's files."""
    return sources.find(model_settings)


@pytest.fixture(scope="session")
def onnx_embedder(model_settings: Settings, source: Source) -> OnnxEmbedder:
    """The real model on onnxruntime."""
    return onnx_backend.load(model_settings, source)
