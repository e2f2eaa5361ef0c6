from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import orjson
import pytest

from memmux import limits
from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import (
    ArgumentInvalidError,
    CancelledError,
    DatabaseForeignError,
    DatabaseNewerError,
    DeadlineExceededError,
    MalformedMessageError,
    MemmuxError,
    MessageTooLargeError,
    ModelInvalidError,
    ModelMismatchError,
    ModelMissingError,
    ModelUnsupportedError,
    StoragePermissionError,
    UnknownModeError,
    UnknownOperationError,
)
from memmux.wire.answers import Memory, Page, SearchResult
from memmux.wire.embeddings import Embedding
from memmux.wire.operations import Stage
from memmux.wire.requests import List
from tests.bounds import BOUND_S
from tests.unit.workers.desk import Desk, frames, job
from workers.embedding import queries
from workers.embedding.hashing import HashEmbedder
from workers.read import ReadWorker
from workers.runtime.jobs import Answer, Job, Outcome, Worker, silent
from workers.storage.records import rows
from workers.storage.sqlite import reader as sqlite_reader


def test_the_read_worker_opens_what_a_writer_made(desk: Desk) -> None:
    desk.store("one", (1, 0))
    worker: Worker = ReadWorker(desk.settings)
    worker.open()
    assert worker.facts().items() >= {"seq": 1, "indexed": 0, "embeds": False}.items()
    ((_, outcome),) = worker.handle([job("memory.list", {})], lambda: None)
    assert isinstance(outcome, Answer)
    desk.store("two")
    worker.idle()
    assert worker.facts().items() >= {"seq": 2, "indexed": 0}.items()
    assert (worker.stage, worker.credit, worker.retiring) == (Stage.READ, 4, False)
    worker.close()


def test_what_only_loading_took_is_given_back_and_the_next_search_is_answered_all_the_same(desk: Desk) -> None:
    for number in range(40):
        desk.store(f"number {number} " + "of many words " * 200, (1, number))
    worker = ReadWorker(desk.settings)
    worker.open()
    connection = worker._reader._raw  # type: ignore[attr-defined]
    after_open, _ = connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)
    with worker._reader.snapshot(math.inf, silent):
        worker._reader.list(List(limit=40))
    used, _ = connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)
    assert after_open < used / 4
    ((_, outcome),) = worker.handle([job("memory.match", {"query": "number 7", "mode": "keyword"})], lambda: None)
    assert isinstance(outcome, Answer)
    worker.close()


@pytest.fixture
def embedding(desk: Desk) -> Iterator[ReadWorker]:
    """A reader that has a model, over three memories with its vectors."""
    hashed = HashEmbedder()
    for content in ("the cat sleeps", "a dog barks", "birds sing"):
        made = Embedding.of_vector(hashed.name, hashed.embed([content])[0].tolist(), len(content))
        desk.ask("memory.store", {"content": content}, *made.frames())
    worker = ReadWorker(replace(desk.settings, embedder=EmbedderChoice.HASH))
    worker.open()
    assert worker.queries.wait(BOUND_S)
    yield worker
    worker.close()


def test_a_reader_that_is_never_idle_takes_up_the_model_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[HashEmbedder | None] = [None]
    monkeypatch.setattr(queries, "choose_shared", lambda _: found[0])
    monkeypatch.setattr(queries, "_LOOK_S", 0.0)
    monkeypatch.setattr(queries, "_RETRY_S", 0.0)
    worker = ReadWorker(desk.settings)
    worker.open()
    assert not worker.queries.wait(BOUND_S)
    found[0] = HashEmbedder()
    list(worker.handle([_search("the cat", "keyword")], silent))
    assert worker.queries.wait(BOUND_S)
    worker.close()


def _search(query: str, mode: str = "hybrid", **fields: Any) -> Job:
    return job("memory.search", {"query": query, "mode": mode, "limit": 3, "filter": {}}, **fields)


@pytest.mark.parametrize("mode", ["semantic", "hybrid", "ranked"])
def test_a_search_that_comes_alone_is_embedded_by_the_reader(embedding: ReadWorker, mode: str) -> None:
    ((_, alone),) = embedding.handle([_search("a dog barks", mode)], silent)
    hashed = HashEmbedder()
    made = Embedding.of_vector(hashed.name, hashed.embed(["a dog barks"])[0].tolist(), 11)
    asked = _search("a dog barks", mode)
    ((_, brought),) = embedding.handle([replace(asked, frames=(*asked.frames, *made.frames()))], silent)
    assert isinstance(alone, Answer)
    assert isinstance(brought, Answer)
    assert _ranking(alone) == _ranking(brought)
    assert orjson.loads(alone.frames[0])["mode"] == mode
    assert alone.degraded == hashed.degraded


def _ranking(answer: Answer) -> list[tuple[str, float]]:
    hits = orjson.loads(answer.frames[0])["hits"]
    return [(hit["memory"]["content"], round(hit["score"], 2)) for hit in hits]


def test_what_needs_no_model_is_answered_before_what_does(embedding: ReadWorker) -> None:
    jobs = [_search("cat"), job("memory.list", {}), _search("dog"), job("memory.list", {})]
    answered = [answered for answered, _ in embedding.handle(jobs, silent)]
    assert answered == [jobs[1], jobs[3], jobs[0], jobs[2]]


def test_a_search_that_nobody_waits_for_ends_alone(embedding: ReadWorker) -> None:
    jobs = [_search("cat", cancelled=lambda: True), _search("dog"), job("memory.search", b"nonsense")]
    outcomes = dict(zip(("cat", "dog", "bad"), _in_order(embedding.handle(jobs, silent), jobs), strict=True))
    assert isinstance(outcomes["cat"], CancelledError)
    assert isinstance(outcomes["dog"], Answer)
    assert isinstance(outcomes["bad"], MemmuxError)


def _in_order(outcomes: Iterable[Outcome], jobs: Sequence[Job]) -> list[Answer | MemmuxError]:
    """Return the outcomes in the order of `jobs`."""
    found = {answered.id: outcome for answered, outcome in outcomes}
    return [found[asked.id] for asked in jobs]


def test_the_read_worker_never_makes_a_database(tmp_path: Path) -> None:
    with pytest.raises(StoragePermissionError):
        ReadWorker(Settings(database=tmp_path / "memories.db")).open()
    assert list(tmp_path.iterdir()) == []


def test_the_read_worker_refuses_what_is_foreign_or_newer(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir")
    with pytest.raises(DatabaseForeignError):
        ReadWorker(Settings(database=tmp_path / "letter.txt")).open()
    desk.sql("PRAGMA user_version = 99")
    with pytest.raises(DatabaseNewerError):
        ReadWorker(desk.settings).open()


def test_answers_are_what_clients_read(desk: Desk) -> None:
    stored = desk.store("one thing", (1, 0), tags=["A"], metadata={"k": [1]})
    memory = Memory.from_json(desk.ask("memory.get", {"id": stored["id"]}))
    page = Page.from_body(desk.answer("memory.list", {}).frames[0])
    found = desk.answer("memory.search", {"query": "thing"}, *frames([(1, 0)]))
    result = SearchResult.from_body(found.frames[0]).with_degraded(found.degraded)
    assert page.memories == (memory,)
    assert page.total == 1
    assert result.hits[0].memory == memory
    assert result.hits[0].score == pytest.approx(1)
    assert result.mode == "hybrid"
    assert memory.tags == ("A",)
    assert memory.metadata == {"k": [1]}


def test_a_memory_is_found_by_the_time_it_says_it_was_created(desk: Desk) -> None:
    desk.clock.at += 0.123456789
    created = desk.ask("memory.get", {"id": desk.store("one")["id"]})["created_at"]
    assert desk.ask("memory.list", {"filter": {"after": created}})["total"] == 1
    assert desk.ask("memory.list", {"filter": {"before": created}})["total"] == 0


def test_an_acknowledged_write_is_seen_by_the_next_read(desk: Desk) -> None:
    for number in range(20):
        desk.store(f"memory {number}", (1, number))
        assert f"memory {number}" in desk.contents(f"{number}", (1, number), limit=100)
        assert desk.reader.facts()["seq"] == number + 1


# what a search has to do without


def degraded(desk: Desk, mode: str, *blobs: bytes, codes: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...]]:
    answer = desk.answer("memory.search", {"query": "thing", "mode": mode}, *blobs, degraded=codes)
    return orjson.loads(answer.frames[0])["mode"], answer.degraded


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_without_an_embedding_a_search_goes_by_keyword(desk: Desk, mode: str) -> None:
    desk.store("one thing", (1, 0))
    # The router has put its code into the header already; it is not said twice.
    assert degraded(desk, mode, codes=("embedder_loading",)) == ("keyword", ())


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
def test_without_any_vectors_a_search_goes_by_keyword(desk: Desk, mode: str) -> None:
    assert degraded(desk, mode, *frames([(1, 0)])) == ("keyword", ())
    desk.store("one thing")
    assert degraded(desk, mode, *frames([(1, 0)])) == ("keyword", ("indexing",))


def test_while_some_vectors_are_missing_a_search_says_so(desk: Desk) -> None:
    desk.store("one thing", (1, 0))
    assert degraded(desk, "hybrid", *frames([(1, 0)])) == ("hybrid", ())
    desk.store("another thing")
    assert degraded(desk, "hybrid", *frames([(1, 0)])) == ("hybrid", ("indexing",))
    assert desk.contents("thing", (1, 0)) == ["one thing", "another thing"]


@pytest.mark.parametrize("error", [ModelMissingError, ModelInvalidError, ModelUnsupportedError])
def test_meaning_is_not_replaced_by_words_when_there_will_never_be_a_model(
    desk: Desk, error: type[MemmuxError]
) -> None:
    desk.store("one thing")
    with pytest.raises(error):
        degraded(desk, "semantic", codes=(error.code,))
    assert degraded(desk, "hybrid", codes=(error.code,)) == ("keyword", ())
    assert degraded(desk, "keyword", codes=(error.code,)) == ("keyword", ())


def test_a_query_vector_of_other_dimensions_is_refused(desk: Desk) -> None:
    desk.store("one thing", (1, 0))
    with pytest.raises(ModelMismatchError):
        desk.search("thing", (1, 0, 0))


def test_a_query_vector_that_is_none_is_refused(desk: Desk) -> None:
    desk.store("one thing", (1, 0))
    with pytest.raises(ArgumentInvalidError):
        desk.search("thing", (math.nan, 0))


# words


def test_words_are_found_whatever_their_form_and_accents(desk: Desk) -> None:
    desk.store("The CAFÉ was closing")
    assert desk.contents("closed cafes", mode="keyword") == ["The CAFÉ was closing"]


def test_the_querys_words_are_no_query_language(desk: Desk) -> None:
    desk.store("a NEAR miss")
    for query in ('"', "NEAR(", "content:near", "near*", "AND OR NOT", "^miss", "'; DROP TABLE memories; --", "a\x00b"):
        desk.search(query, mode="keyword")
        desk.search(query, mode="exact")
    assert desk.contents('near"', mode="keyword") == ["a NEAR miss"]
    assert desk.contents("!!!", mode="keyword") == []


def test_stop_words_do_not_decide(desk: Desk) -> None:
    desk.store("the the the the")
    desk.store("key under a mat")
    assert desk.contents("where is the key", mode="keyword") == ["key under a mat"]
    assert desk.contents("the", mode="keyword") == ["the the the the"]


def test_exact_search_goes_by_the_letter(desk: Desk) -> None:
    for content in ("100% sure", "100 percent", "a_b", "axb", "Sure"):
        desk.store(content)
    assert desk.contents("100%", mode="exact") == ["100% sure"]
    assert desk.contents("a_b", mode="exact") == ["a_b"]
    assert desk.contents("Sure", mode="exact") == ["Sure", "100% sure"]


def test_a_query_of_tens_of_thousands_of_words_is_answered(desk: Desk) -> None:
    desk.store("w1 here", (1, 0))
    words = " ".join(f"w{number}" for number in range(9_000))
    assert desk.contents(words, (1, 0)) == ["w1 here"]


# limits, deadlines, hostile requests


def test_match_ranks_without_vectors_alone(desk: Desk) -> None:
    desk.store("one thing")
    for mode in ("keyword", "exact"):
        assert desk.ask("memory.match", {"query": "thing", "mode": mode})["hits"]
    for mode in ("semantic", "hybrid"):
        with pytest.raises(UnknownModeError, match=r"memory\.search"):
            desk.ask("memory.match", {"query": "thing", "mode": mode})


def test_an_answer_that_no_message_could_hold_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        desk.store(str(number) + "\x01" * 1000)  # six bytes each in JSON
    monkeypatch.setattr(rows, "ANSWER_BYTES", 4_000)
    with pytest.raises(MessageTooLargeError, match="fewer"):
        desk.ask("memory.list", {})
    with pytest.raises(MessageTooLargeError):
        desk.ask("memory.list", {"limit": 1})
    monkeypatch.setattr(rows, "ANSWER_BYTES", limits.MESSAGE_BYTES)
    assert desk.ask("memory.list", {})["total"] == 5


def test_a_question_is_interrupted_at_its_deadline_and_says_meanwhile_that_it_lives(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.store("one")
    beats: list[int] = []
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_reader, "time", SimpleNamespace(monotonic=lambda: len(beats)))  # a second for each look
        with pytest.raises(DeadlineExceededError), desk.questions.snapshot(3.0, lambda: beats.append(0)):
            desk.questions._raw.execute(endless)
    assert len(beats) == 3
    assert desk.ask("memory.list", {})["total"] == 1  # the connection is good for the next one


def test_one_late_job_does_not_hold_up_the_next(desk: Desk) -> None:
    desk.store("one")
    desk.questions._raw.set_progress_handler(desk.questions._interrupted, 1)
    jobs = [job("memory.list", {}, deadline=0.0), job("memory.list", {})]
    (_, first), (_, second) = desk.reader.handle(jobs, lambda: None)
    assert isinstance(first, DeadlineExceededError)
    assert isinstance(second, Answer)


@pytest.mark.parametrize("operation", ["memory.get", "memory.list", "memory.search", "memory.match"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{",
        b'{"x":1}',
        b"\xff",
        b'{"id":5,"limit":"x","query":7}',
        b'{"query":"x","filter":[]}',
        b'{"filter":{"metadata":{"a":' + b"[" * 900 + b"]" * 900 + b"}}}",
        b'{"query":"x","mode":[]}',
        b'{"query":"x","limit":1e9}',
        b'{"limit":0}',
        b'{"filter":{"after":"nan"}}',
        b'{"filter":{"after":"1e300"}}',
    ],
)
def test_a_hostile_body_is_an_error_of_the_request(desk: Desk, operation: str, body: bytes) -> None:
    desk.store("one", metadata={"a": 1})
    ((_, outcome),) = desk.reader.handle([job(operation, body)], lambda: None)
    assert isinstance(outcome, MemmuxError)
    assert outcome.code != "internal"


@pytest.mark.parametrize("fields", [{"after": "0001-01-01T00:00:00+00:00"}, {"before": "9999-12-31"}, {"after": "-1"}])
def test_times_at_the_edge_of_the_calendar_are_times(desk: Desk, fields: dict[str, Any]) -> None:
    desk.store("one")
    assert desk.ask("memory.list", {"filter": fields})["total"] == 1


@pytest.mark.slow
def test_metadata_of_very_many_keys_is_a_filter_like_any_other(desk: Desk) -> None:
    metadata = {f"key {number}": number for number in range(3_000)}
    desk.store("one", metadata=metadata)
    assert desk.ask("memory.list", {"filter": {"metadata": metadata}})["total"] == 1
    assert desk.ask("memory.list", {"filter": {"metadata": {**metadata, "key 7": 8}}})["total"] == 0


@pytest.mark.parametrize("blobs", [(b"{}",), (b"{}", b""), frames([(1, 0)], [(1, 0)])])
def test_hostile_vectors_are_an_error_of_the_request(desk: Desk, blobs: tuple[bytes, ...]) -> None:
    with pytest.raises(MalformedMessageError):
        desk.ask("memory.search", {"query": "x"}, *blobs)


def test_what_a_reader_does_not_do_is_refused(desk: Desk) -> None:
    jobs = [job("memory.store", {"content": "x"}), job("nothing", {}), job("memory.get", b"", frames=())]
    outcomes = [outcome for _, outcome in desk.reader.handle(jobs, lambda: None)]
    assert [type(outcome) for outcome in outcomes] == [
        UnknownOperationError,
        UnknownOperationError,
        MalformedMessageError,
    ]
