from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ContentEmptyError, ModelMissingError
from memmux.wire.embeddings import Embedding
from memmux.wire.requests import Search, Store, StoreBatch, Update
from workers.embed import EmbedWorker
from workers.runtime.jobs import Answer, Job, silent, work_off


def job(operation: str, *frames: bytes, name: str = "id") -> Job:
    return Job(name, operation, frames, "", "test", math.inf, 1, ())


def only(worker: EmbedWorker, asked: Job) -> Answer:
    ((_, outcome),) = work_off(worker, [asked])
    assert isinstance(outcome, Answer)
    return outcome


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[EmbedWorker]:
    worker = EmbedWorker(Settings(cache_dir=tmp_path, embedder=EmbedderChoice.HASH))
    worker.open()
    yield worker
    worker.close()


def test_a_stored_text_gets_its_vector_and_the_answer_says_how(worker: EmbedWorker) -> None:
    answer = only(worker, job("memory.store", Store(content="one two").to_body()))
    embedding = Embedding.from_frames(answer.frames)
    assert (embedding.model, embedding.dimensions, embedding.windows) == ("hash", 384, (((0, 7),),))
    assert answer.degraded == ("hash_embedder",)


def test_a_batch_has_the_windows_of_each_of_its_texts(worker: EmbedWorker) -> None:
    memories = (Store(content="short"), Store(content="word " * 600))
    answer = only(worker, job("memory.store_batch", StoreBatch(memories=memories).to_body()))
    assert [len(windows) for windows in Embedding.from_frames(answer.frames).windows] == [1, 3]


def test_a_rewrite_without_a_content_has_no_windows(worker: EmbedWorker) -> None:
    answer = only(worker, job("memory.rewrite", Update(id="i", tags=("t",)).to_body()))
    assert Embedding.from_frames(answer.frames) == Embedding("hash", 384, (), b"")


def test_a_backfill_of_nothing_has_no_windows(worker: EmbedWorker) -> None:
    answer = only(worker, job("vectors.backfill", orjson.dumps({"model": "hash"}), b'{"memories": []}'))
    assert Embedding.from_frames(answer.frames).windows == ()


def test_a_wrong_body_fails_alone(worker: EmbedWorker) -> None:
    jobs = [
        job("memory.store", b'{"content": ""}', name="wrong"),
        job("memory.store", Store(content="right").to_body(), name="right"),
    ]
    outcomes = {asked.id: outcome for asked, outcome in work_off(worker, jobs)}
    assert isinstance(outcomes["wrong"], ContentEmptyError)
    assert isinstance(outcomes["right"], Answer)


def test_every_job_is_answered_exactly_once(worker: EmbedWorker) -> None:
    query = job("memory.search", Search(query="the same").to_body())
    jobs = [query, query, job("memory.store", b""), job("memory.store", Store(content="x").to_body()), query]
    assert len(list(work_off(worker, jobs))) == len(jobs)


def test_a_query_that_was_asked_before_comes_from_the_cache(worker: EmbedWorker) -> None:
    query = job("memory.search", Search(query="what was it").to_body())
    first, again = only(worker, query), only(worker, query)
    assert first == again
    assert (worker.facts()["cache_hits"], worker.facts()["cache_misses"]) == (1, 1)


def test_what_is_stored_does_not_go_into_the_cache(worker: EmbedWorker) -> None:
    for _ in range(2):
        only(worker, job("memory.store", Store(content="x").to_body()))
    assert (worker.facts()["cache_hits"], worker.facts()["cache_misses"]) == (0, 0)


def test_each_batch_is_a_turn_of_its_own_and_says_that_the_worker_is_alive(worker: EmbedWorker) -> None:
    memories = tuple(Store(content=f"text {number}") for number in range(40))
    said: list[bool] = []
    assert list(worker.handle([job("memory.store_batch", StoreBatch(memories=memories).to_body())], silent)) == []
    outcomes = []
    for _ in range(3):
        assert worker.due_s == 0
        outcomes += worker.late(lambda: said.append(True))
    assert worker.due_s == math.inf
    assert len(outcomes) == 1
    assert len(said) == 3


def test_facts_name_the_model(worker: EmbedWorker) -> None:
    expected = {"model": "hash", "dimensions": 384, "backend": "hash", "max_tokens": 256}
    assert worker.facts().items() >= expected.items()


def test_a_worker_that_is_not_open_has_no_facts(tmp_path: Path) -> None:
    assert EmbedWorker(Settings(cache_dir=tmp_path)).facts() == {}


def test_a_missing_model_keeps_the_worker_from_starting(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError):
        EmbedWorker(Settings(cache_dir=tmp_path, model="/nowhere")).open()
