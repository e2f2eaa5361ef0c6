from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import orjson
import pytest

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelInvalidError
from tests.bounds import BOUND_S
from tests.unit.workers.embedding.capitals import tell_capitals
from workers.embedding import onnx_backend, probes, sources
from workers.embedding.graph import packed
from workers.embedding.graph.packed import GRAPH, GRAPH_DATA, MANIFEST
from workers.embedding.onnx_backend import OnnxEmbedder
from workers.embedding.sources import Source


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


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a cache of their own."""
    return Settings(cache_dir=tmp_path / "cache", state_dir=tmp_path / "state", database=tmp_path / "none.db")


def same(one: OnnxEmbedder, other: OnnxEmbedder) -> None:
    np.testing.assert_allclose(one.embed(probes.TEXTS), other.embed(probes.TEXTS), atol=1e-6)


def folder_of(settings: Settings, source: Source) -> Path:
    found = packed.find(settings, source)
    assert found is not None
    return found.folder


def test_the_graph_is_made_once_and_found_again(
    settings: Settings, source: Source, onnx_embedder: OnnxEmbedder
) -> None:
    same(onnx_backend.load(settings, source), onnx_embedder)
    made = (folder_of(settings, source) / GRAPH).stat().st_ino
    same(onnx_backend.load(settings, source), onnx_embedder)
    assert (folder_of(settings, source) / GRAPH).stat().st_ino == made


@pytest.mark.parametrize("name", [GRAPH, GRAPH_DATA])
def test_a_damaged_file_is_made_again(
    settings: Settings, source: Source, onnx_embedder: OnnxEmbedder, name: str
) -> None:
    onnx_backend.load(settings, source)
    path = folder_of(settings, source) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)
    same(onnx_backend.load(settings, source), onnx_embedder)
    assert path.read_bytes() != content


def test_vectors_that_are_not_those_of_when_it_was_new_make_it_again(
    settings: Settings, source: Source, onnx_embedder: OnnxEmbedder
) -> None:
    onnx_backend.load(settings, source)
    path = folder_of(settings, source) / MANIFEST
    fields = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(fields | {"vectors": [[0.0] * 384] * 3}))
    same(onnx_backend.load(settings, source), onnx_embedder)
    assert orjson.loads(path.read_bytes()) == fields


def test_another_version_of_onnxruntime_makes_it_again(
    settings: Settings, source: Source, onnx_embedder: OnnxEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx_backend.load(settings, source)
    monkeypatch.setattr(onnxruntime, "__version__", "99.0")
    assert packed.find(settings, source) is None
    same(onnx_backend.load(settings, source), onnx_embedder)
    assert orjson.loads((folder_of(settings, source) / MANIFEST).read_bytes())["onnxruntime"] == "99.0"


def test_without_a_cache_the_graph_runs_over_the_models_own_file(
    settings: Settings, source: Source, onnx_embedder: OnnxEmbedder
) -> None:
    settings.cache_dir.write_text("a file where the folder should be")
    same(onnx_backend.load(settings, source), onnx_embedder)


def test_a_graph_that_can_not_be_kept_does_not_keep_the_model_from_serving(
    settings: Settings, source: Source, onnx_embedder: OnnxEmbedder
) -> None:
    # A folder with no room, so to speak: the file is there already, and can't be written.
    place = packed.place(settings, source)
    place.parent.mkdir(parents=True)
    place.write_text("a file where the folder should be")
    same(onnx_backend.load(settings, source), onnx_embedder)


def test_weights_that_changed_since_they_were_read_are_refused(settings: Settings, source: Source) -> None:
    with pytest.raises(ModelInvalidError, match="has changed since"):
        onnx_backend.load(settings, replace(source, digest="0" * 64))
    assert not any(path.is_dir() for path in (settings.cache_dir / "models").iterdir())


def test_a_tokenizer_that_is_none_is_said(tmp_path: Path, settings: Settings, source: Source) -> None:
    folder = tmp_path / "model"
    shutil.copytree(source.folder, folder)
    tokenizer = orjson.loads((folder / "tokenizer.json").read_bytes())
    (folder / "tokenizer.json").write_bytes(orjson.dumps(tokenizer | {"model": {"type": "none"}}))
    with pytest.raises(ModelInvalidError, match=r"tokenizer\.json can't be loaded"):
        onnx_backend.load(settings, replace(source, folder=folder))


@pytest.fixture
def copied(tmp_path: Path, settings: Settings, source: Source) -> Iterator[Settings]:
    """Settings that name a copy of the model, and a graph of it; nothing is kept afterwards."""
    folder = tmp_path / "model"
    shutil.copytree(source.folder, folder)
    named = replace(settings, model=str(folder), embedder=EmbedderChoice.ONNX)
    onnx_backend.load(named, sources.find(named))
    yield named
    onnx_backend._kept = onnx_backend._Kept()


def tokenizer_of(settings: Settings) -> Path:
    return Path(settings.model) / "tokenizer.json"


def test_what_is_kept_is_the_model_as_long_as_its_files_are_the_same(copied: Settings) -> None:
    onnx_backend.keep(copied)
    kept = onnx_backend.shared(copied)
    assert kept is not None
    onnx_backend.keep(copied)
    assert onnx_backend.shared(copied) is kept
    assert onnx_backend.load(copied, sources.find(copied)) is kept


@pytest.mark.parametrize("name", [GRAPH, GRAPH_DATA])
def test_graph_that_is_damaged_after_it_was_kept_is_made_again(copied: Settings, name: str) -> None:
    onnx_backend.keep(copied)
    kept, source = onnx_backend.shared(copied), sources.find(copied)
    assert kept is not None
    path = folder_of(copied, source) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    exchanged = path.with_name("exchanged")
    exchanged.write_bytes(content)
    exchanged.rename(path)
    same(onnx_backend.load(copied, source), kept)
    assert path.read_bytes() != content
    made = onnx_backend.shared(copied)
    onnx_backend.keep(copied)
    again = onnx_backend.shared(copied)
    assert again is onnx_backend.shared(copied)
    assert len({id(kept), id(made), id(again)}) == 3


def test_tokenizer_that_changes_after_the_model_was_kept_is_noticed(copied: Settings) -> None:
    onnx_backend.keep(copied)
    kept = onnx_backend.shared(copied)
    assert kept is not None
    tell_capitals(Path(copied.model))
    assert onnx_backend.shared(copied) is None  # there is no graph of such a model
    onnx_backend.keep(copied)
    with pytest.raises(ModelInvalidError, match="known texts"):  # it is not that of these weights
        onnx_backend.load(copied, sources.find(copied))


def test_model_that_can_not_be_loaded_is_tried_once_and_each_process_says_what_is_wrong(
    copied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = orjson.loads(tokenizer_of(copied).read_bytes())
    tokenizer_of(copied).write_bytes(orjson.dumps(tokenizer | {"model": {"type": "none"}}))
    manifest = packed.place(copied, sources.find(copied)) / MANIFEST
    fields = orjson.loads(manifest.read_bytes())
    fields["configuration"] = packed.configuration(sources.find(copied))  # as if its graph were of this tokenizer
    manifest.write_bytes(orjson.dumps(fields))
    onnx_backend.keep(copied)
    with monkeypatch.context() as patched:
        patched.setattr(onnx_backend, "_new", None)  # it is not tried again
        onnx_backend.keep(copied)
    with pytest.raises(ModelInvalidError, match=r"tokenizer\.json can't be loaded"):
        onnx_backend.shared(copied)


def test_nothing_is_kept_where_there_is_no_graph_and_no_model(settings: Settings) -> None:
    for named in (settings, replace(settings, model=str(settings.cache_dir / "none"))):
        onnx_backend.keep(named)
        assert onnx_backend.shared(named) is None


def test_many_processes_that_start_at_once_make_one_graph(settings: Settings, source: Source) -> None:
    program = """
import sys
from memmux.config.settings import parse_flags
from memmux.logs import log
from workers.embed import EmbedWorker
name, *flags = sys.argv[1:]
settings = parse_flags(flags)
log.configure(name, settings)
worker = EmbedWorker(settings)
print("ready", flush=True)
sys.stdin.read()
worker.open()
"""
    with ExitStack() as running:
        makers = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, f"embed-{number}", *settings.flags()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            for number in range(3)
        ]
        for maker in makers:
            assert maker.stdout is not None
            assert maker.stdout.readline() == b"ready\n"
        for maker in makers:
            assert maker.stdin is not None
            maker.stdin.close()
        assert [maker.wait(BOUND_S) for maker in makers] == [0, 0, 0]
    logs = settings.state_dir.rglob("embed-*.jsonl")
    events = [orjson.loads(line)["event"] for log in logs for line in log.read_bytes().splitlines()]
    assert events.count("graph_made") == 1
    assert {path.suffix for path in folder_of(settings, source).parent.iterdir() if path.is_dir()} == {""}


def test_a_worker_imports_nothing_heavy_and_writes_nothing(model_settings: Settings) -> None:
    program = """
import sys
import workers.__main__
from memmux.config.settings import parse_flags
from workers.embed import EmbedWorker
worker = EmbedWorker(parse_flags(sys.argv[1:]))
worker.open()
assert worker.facts()["backend"] == "onnx"
worker.close()
heavy = {"torch", "transformers", "sentence_transformers", "onnx", "onnxscript", "scipy", "sklearn", "sympy"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    onnx_backend.load(model_settings, sources.find(model_settings))  # it says so when it makes one
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
