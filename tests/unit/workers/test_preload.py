"""What is loaded before workers are forked, as a fork server would."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.config.settings import EmbedderChoice, Settings
from tests.bounds import BOUND_S
from workers.embedding import onnx_backend, sources
from workers.preload import WorkerPreload

_PROGRAM = """
import os, sys
import workers.__main__
from memmux.config.settings import parse_flags
from workers.preload import WorkerPreload
preload = WorkerPreload(parse_flags(sys.argv[1:]))
preload.begin()
assert not preload.has_more("write")
assert preload.has_more("read")
assert preload.has_more("embed")
assert not {"onnxruntime", "faiss", "torch"} & set(sys.modules)
preload.load("read")
from workers.embedding import onnx_backend
assert len(os.listdir("/proc/self/task")) == 1
assert [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")] == ["0", "1", "2"]
print(onnx_backend._kept.embedder is not None)
"""


def _said(settings: Settings) -> list[str]:
    command = [sys.executable, "-c", _PROGRAM, *settings.flags()]
    done = subprocess.run(command, capture_output=True, timeout=BOUND_S, check=True, text=True)
    assert not done.stderr
    return done.stdout.split()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", state_dir=tmp_path / "state", database=tmp_path / "none.db")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")
@pytest.mark.slow
def test_model_is_loaded_for_those_who_embed_with_one_thread_and_nothing_open(model_cache: Path) -> None:
    settings = Settings(cache_dir=model_cache, state_dir=model_cache / "state", database=model_cache / "none.db")
    onnx_backend.load(settings, sources.find(settings))
    assert _said(settings) == ["True"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")
def test_without_a_graph_there_is_nothing_to_load(settings: Settings) -> None:
    assert _said(settings) == ["False"]


@pytest.mark.parametrize("choice", [EmbedderChoice.HASH, EmbedderChoice.TORCH])
def test_other_backends_share_nothing(settings: Settings, choice: EmbedderChoice) -> None:
    preload = WorkerPreload(replace(settings, embedder=choice))
    assert not any(map(preload.has_more, ("write", "read", "embed")))
