from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import ContentEmptyError, ModelMissingError
from memmux.wire.embeddings import Embedding
from memmux.wire.requests import Search, Store, StoreBatch, Update
from tests.unit.workers.desk import Desk, waiting
from workers.embed import EmbedWorker
from workers.embedding.batches import LATER, LATER_BYTES, BatchQueue, Work
from workers.embedding.hashing import HashEmbedder
from workers.runtime.jobs import Answer, Job, silent, work_off


def job(operation: str, *frames: bytes, name: str = "id") -> Job:
    return Job(name, operation, frames, "", "test", math.inf, 1, ())


def only(worker: EmbedWorker, asked: Job) -> Answer:
    ((_, outcome),) = work_off(worker, [asked])
    assert isinstance(outcome, Answer)
    return outcome


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[EmbedWorker]:
    worker = EmbedWorker(Settings(database=tmp_path / "memories.db", cache_dir=tmp_path, embedder=EmbedderChoice.HASH))
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


def _frames(answer: Answer) -> list[str]:
    """Return the models whose embeddings an answer has."""
    pairs = zip(answer.frames[::2], answer.frames[1::2], strict=True)
    return [Embedding.from_frames(pair).model for pair in pairs]


@pytest.fixture
def changing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Desk, EmbedWorker]]:
    """A worker whose model is to take the place of the one by which a database is searched."""
    monkeypatch.setattr("workers.embed.LOOK_S", 0.0)
    made = Embedding.of_vector("hash", HashEmbedder().embed(["one"])[0].tolist(), 3)
    desk.ask("memory.store", {"content": "one"}, *made.frames())
    worker = EmbedWorker(replace(desk.settings, embedder=EmbedderChoice.HASH, model="hash-96"))
    worker.open()
    yield desk, worker
    worker.close()


def test_while_the_model_is_changed_texts_get_the_vectors_of_both(changing: tuple[Desk, EmbedWorker]) -> None:
    desk, worker = changing
    assert worker.facts().items() >= {"model": "hash-96", "source": "hash-96", "beside": "hash", "lost": ""}.items()
    query = job("memory.search", Search(query="the same").to_body())
    stored = job("memory.store", Store(content="x").to_body())
    wanted = job("vectors.backfill", orjson.dumps({"model": "hash-96"}), b'{"memories": []}')
    assert [_frames(only(worker, one)) for one in (query, query, stored, wanted)] == [
        *[["hash-96", "hash"]] * 3,
        ["hash-96"],
    ]
    asked, texts = waiting(desk, "hash-96", dimensions=96)
    made = Embedding.of_vector("hash-96", HashEmbedder("hash-96").embed(["one"])[0].tolist(), 3)
    desk.ask("vectors.backfill", {**asked, "beside": "hash"}, texts, *made.frames())
    assert _frames(only(worker, query)) == ["hash-96"]
    assert worker.facts()["beside"] == ""


def test_after_the_change_of_the_model_the_other_one_is_left_to_what_waits_for_it(
    changing: tuple[Desk, EmbedWorker],
) -> None:
    desk, worker = changing
    before, after = (replace(job("memory.store", Store(content="x").to_body()), id=one) for one in ("before", "after"))
    assert worker._beside is not None
    waits = Work.of(before, ("x",), worker._beside, silent)
    worker._made[waits] = Embedding.of_vector("hash-96", [1.0], 1).frames()
    worker._beside_queue.add(waits)
    asked, texts = waiting(desk, "hash-96", dimensions=96)
    made = Embedding.of_vector("hash-96", HashEmbedder("hash-96").embed(["one"])[0].tolist(), 3)
    desk.ask("vectors.backfill", {**asked, "beside": "hash"}, texts, *made.frames())
    done = {one.id: answer for one, answer in work_off(worker, [after]) if isinstance(answer, Answer)}
    assert {name: _frames(answer) for name, answer in done.items()} == {
        "before": ["hash-96", "hash"],
        "after": ["hash-96"],
    }
    assert worker.facts()["beside"] == ""


def test_a_model_before_that_is_gone_is_said_in_a_sentence(desk: Desk) -> None:
    desk.store("one", (1, 0))  # of a model that nobody has
    worker = EmbedWorker(replace(desk.settings, embedder=EmbedderChoice.HASH))
    worker.open()
    facts = worker.facts()
    assert (facts["beside"], _frames(only(worker, job("memory.store", Store(content="x").to_body())))) == ("", ["hash"])
    assert str(facts["lost"]).startswith("the model before, tiny, can't be loaded (")
    worker.close()


@pytest.mark.parametrize("operation", ["memory.store", "memory.store_similar", "memory.store_batch", "memory.rewrite"])
def test_what_takes_longer_than_one_waits_is_stored_without_vectors_at_once(
    worker: EmbedWorker, operation: str
) -> None:
    short, long = "word " * (LATER_BYTES // 5), "word " * (LATER_BYTES // 5 + 1)
    bodies = {
        "memory.store_batch": lambda text: StoreBatch(memories=(Store(content="a"), Store(content=text))).to_body(),
        "memory.rewrite": lambda text: Update(id="i", content=text).to_body(),
    }
    body = bodies.get(operation, lambda text: Store(content=text).to_body())
    assert Embedding.from_frames(only(worker, job(operation, body(short))).frames).windows[-1][-1][1] == len(short)
    assert only(worker, job(operation, body(long))) == Answer((), (LATER,))


def test_what_has_no_vectors_yet_gets_them_however_long_it_is(worker: EmbedWorker) -> None:
    long = orjson.dumps({"memories": [{"id": "i", "content": "word " * LATER_BYTES}]})
    answer = only(worker, job("vectors.backfill", orjson.dumps({"model": "hash"}), long))
    assert Embedding.from_frames(answer.frames).windows[0][-1][1] == 5 * LATER_BYTES


def test_a_store_that_has_waited_for_half_its_time_goes_on_without_vectors(worker: EmbedWorker) -> None:
    now = time.monotonic()
    waiting_long = replace(job("memory.store", Store(content="one two").to_body()), deadline=now + 1000)
    ((_, outcome),) = work_off(worker, [waiting_long])
    assert isinstance(outcome, Answer)
    assert outcome.frames
    work = Work.of(waiting_long, ("one two",), HashEmbedder(), silent)
    assert now + 499 < work.until < now + 502
    queue = BatchQueue()
    work.until = now
    queue.add(work)
    assert list(queue.embed_next(HashEmbedder())) == [(work, (waiting_long, Answer((), (LATER,))))]
    assert not queue
    assert Work.of(replace(waiting_long, operation="memory.search"), ("q",), HashEmbedder(), silent).until == math.inf
