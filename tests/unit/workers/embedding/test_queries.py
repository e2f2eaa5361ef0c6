from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import DeadlineExceededError, ModelInvalidError
from tests.bounds import BOUND_S
from tests.unit.workers.desk import job
from workers.embedding import queries
from workers.embedding.hashing import HashEmbedder
from workers.embedding.interface import Named
from workers.embedding.queries import QueryEmbedder


class Model(HashEmbedder):
    """The hash embedder, which keeps what it was given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    def embed(self, texts: Any, *, queries: bool = False) -> Any:
        self.batches.append(list(texts))
        if "fails" in texts:
            raise RuntimeError("the model broke")
        return super().embed(texts, queries=queries)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=tmp_path / "memories.db", embedder=EmbedderChoice.HASH, cache_dir=tmp_path)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    model = Model()
    monkeypatch.setattr(queries, "choose_shared", lambda _: model)
    return model


def ready(settings: Settings) -> QueryEmbedder:
    embedder = QueryEmbedder(settings)
    embedder.load()
    assert embedder.wait(BOUND_S)
    return embedder


def search(**fields: Any) -> Any:
    return job("memory.search", {}, **fields)


def test_a_query_is_embedded_as_an_embed_worker_does(settings: Settings) -> None:
    embedder = ready(settings)
    asked = search()
    made = embedder.begin([(asked, "a question")])[asked.id].result(BOUND_S)
    assert made is not None
    alone = HashEmbedder()
    assert (made.model, made.dimensions, made.windows) == (alone.name, alone.dimensions, (((0, 10),),))
    assert np.array_equal(np.frombuffer(made.data, "<f4"), alone.embed(["a question"])[0])
    assert embedder.degraded == alone.degraded
    embedder.close()


def test_queries_that_wait_together_go_through_the_model_at_once(settings: Settings, model: Model) -> None:
    embedder = ready(settings)
    asked = [search() for _ in range(3)]
    begun = embedder.begin([(one, f"question {number}") for number, one in enumerate(asked)])
    assert all(begun[one.id].result(BOUND_S) is not None for one in asked)
    assert [sorted(batch) for batch in model.batches] == [["question 0", "question 1", "question 2"]]
    assert (embedder.facts()["batches"], embedder.facts()["windows"]) == (1, 3)
    embedder.close()


def test_a_query_that_was_asked_before_is_in_the_cache(settings: Settings, model: Model) -> None:
    embedder = ready(settings)
    first, second = search(), search()
    one = embedder.begin([(first, "again")])[first.id].result(BOUND_S)
    assert embedder.begin([(second, "again")])[second.id].result(BOUND_S) is one
    assert model.batches == [["again"]]
    assert (embedder.facts()["cache_hits"], embedder.facts()["cache_misses"]) == (1, 1)
    embedder.close()


def test_who_comes_while_the_model_is_loading_waits_for_it(settings: Settings) -> None:
    embedder = QueryEmbedder(settings)
    asked = search()
    assert embedder.begin([(asked, "too early")]) == {}
    embedder.load()
    embedder.wait(BOUND_S)
    assert embedder.begin([(asked, "in time")])[asked.id].result(BOUND_S) is not None
    embedder.close()


def test_without_a_packed_graph_nothing_is_begun_and_it_is_looked_for_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[HashEmbedder | None] = [None]
    monkeypatch.setattr(queries, "choose_shared", lambda _: found[0])
    monkeypatch.setattr(queries, "_LOOK_S", 0.0)
    monkeypatch.setattr(queries, "_RETRY_S", 0.0)
    embedder = QueryEmbedder(settings)
    embedder.load()
    assert not embedder.wait(BOUND_S)
    assert (embedder.begin([(search(), "words alone")]), embedder.facts()["embeds"]) == ({}, False)
    found[0] = HashEmbedder()
    embedder.look_again()
    assert embedder.wait(BOUND_S)
    assert embedder.facts()["embeds"] is True
    embedder.close()


def test_a_graph_is_loaded_at_once_when_it_is_made_however_often_there_was_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs, tries = ["damaged"], list[str]()

    def choose(_: Settings) -> HashEmbedder:
        tries.append(signs[0])
        if signs[0] != "made anew":
            raise ModelInvalidError(signs[0])
        return HashEmbedder()

    monkeypatch.setattr(queries, "choose_shared", choose)
    monkeypatch.setattr(queries, "shared_signs", lambda _: tuple(signs))
    monkeypatch.setattr(queries, "_LOOK_S", 0.0)
    embedder = QueryEmbedder(settings)
    embedder.look_again()  # the first time is when the worker opens
    assert embedder.facts()["embeds"] is False
    embedder.load()
    assert not embedder.wait(BOUND_S)
    for _ in range(10):
        embedder.look_again()
        assert not embedder.wait(BOUND_S)
    assert tries == ["damaged"], "what was there was loaded again"
    signs[0] = "made anew"
    embedder.look_again()
    assert embedder.wait(BOUND_S)
    embedder.close()


def test_no_query_waits_for_a_later_look(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "choose_shared", lambda _: None)
    monkeypatch.setattr(queries, "_LOOK_S", 0.0)
    monkeypatch.setattr(queries, "_RETRY_S", 0.0)
    embedder, asked_for = QueryEmbedder(settings), Event()
    embedder.load()
    assert not embedder.wait(BOUND_S)

    def load(_: Settings) -> HashEmbedder:
        assert asked_for.wait(BOUND_S)
        return HashEmbedder()

    monkeypatch.setattr(queries, "choose_shared", load)
    embedder.look_again()
    assert embedder.begin([(search(), "meanwhile")]) == {}
    asked_for.set()
    assert embedder.wait(BOUND_S)
    embedder.close()


def test_a_query_that_waited_for_a_model_that_is_not_there_gets_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = Event()

    def load(_: Settings) -> None:
        assert asked_for.wait(BOUND_S)
        raise ModelInvalidError("damaged")

    monkeypatch.setattr(queries, "choose_shared", load)
    embedder, asked = QueryEmbedder(settings), search()
    embedder.load()
    begun = embedder.begin([(asked, "meanwhile")])
    asked_for.set()
    assert not embedder.wait(BOUND_S)
    assert begun[asked.id].result(BOUND_S) is None
    assert embedder.degraded == ("embedder_unavailable",)
    embedder.close()


def test_a_query_whose_time_is_up_never_reaches_the_model(settings: Settings, model: Model) -> None:
    embedder = ready(settings)
    late = search(deadline=time.monotonic() - 1)
    with pytest.raises(DeadlineExceededError):
        embedder.begin([(late, "late")])[late.id].result(BOUND_S)
    assert model.batches == []
    embedder.close()


@pytest.mark.usefixtures("model")
def test_what_breaks_in_the_model_is_raised_where_it_is_waited_for(settings: Settings) -> None:
    embedder = ready(settings)
    asked = search()
    with pytest.raises(RuntimeError, match="the model broke"):
        embedder.begin([(asked, "fails")])[asked.id].result(BOUND_S)
    embedder.close()


def test_queries_are_embedded_by_the_model_that_is_searched_with(settings: Settings) -> None:
    embedder = QueryEmbedder(replace(settings, model="hash-96"))
    embedder.follow(Named("hash", "hash"))
    embedder.load()
    assert embedder.wait(BOUND_S)
    asked = search()
    made = embedder.begin([(asked, "a question")])[asked.id].result(BOUND_S)
    assert made is not None
    assert (made.model, made.dimensions) == ("hash", 384)
    assert embedder.again((asked, "a question"), Named("hash", "hash"), made) is None
    again = embedder.again((asked, "a question"), Named("hash-96", ""), made)
    assert again is not None
    found = again.result(BOUND_S)
    assert found is not None
    assert (found.model, found.dimensions) == ("hash-96", 96)
    embedder.close()


def test_while_the_model_that_is_searched_with_is_not_there_readers_leave_queries_to_others(settings: Settings) -> None:
    embedder = ready(settings)
    embedder.follow(Named("somebody/gone", ""))
    embedder.load()
    assert not embedder.wait(BOUND_S)
    assert (embedder.begin([(search(), "words alone")]), embedder.facts()["embeds"]) == ({}, False)
    embedder.follow(Named("hash", ""))
    assert embedder.facts()["embeds"] is True
    embedder.close()


def test_a_model_of_the_settings_that_is_missing_does_not_keep_the_one_that_is_searched_with(tmp_path: Path) -> None:
    embedder = QueryEmbedder(Settings(database=tmp_path / "memories.db", model="/nowhere", cache_dir=tmp_path))
    embedder.follow(Named("hash", "hash"))
    embedder.load()
    assert embedder.wait(BOUND_S)
    asked = search()
    made = embedder.begin([(asked, "a question")])[asked.id].result(BOUND_S)
    assert made is not None
    assert made.model == "hash"
    embedder.close()
