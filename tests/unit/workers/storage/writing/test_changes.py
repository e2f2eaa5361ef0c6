"""What each write does, and its line in the change log."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest

from memmux import limits
from memmux.errors import (
    ArgumentInvalidError,
    MalformedMessageError,
    MemmuxError,
    MetadataInvalidError,
    ModelMismatchError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOperationError,
)
from memmux.wire.answers import Memory
from tests.unit.workers.desk import Desk, frames, job, waiting
from workers.storage import backfill


def log(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.sql("SELECT seq, operation, memory, client, before FROM changes ORDER BY seq")


def last_before(desk: Desk) -> Any:
    return orjson.loads(log(desk)[-1][-1])


def get(desk: Desk, memory_id: str, namespace: str = "default") -> Any:
    return desk.ask("memory.get", {"id": memory_id, "namespace": namespace})


# store


@pytest.mark.sqlite_only("stores NUL, which PostgreSQL refuses")
def test_a_stored_memory_is_read_back_as_it_was(desk: Desk) -> None:
    stored = desk.store("  a text\x00with zero ", tags=["B", "a", "b"], type="note", metadata={"z": 1, "a": [True]})
    memory = get(desk, stored["id"])
    assert memory["content"] == "  a text\x00with zero "
    assert memory["tags"] == ["B", "a"]
    assert memory["type"] == "note"
    assert memory["metadata"] == {"z": 1, "a": [True]}
    assert memory["content_hash"] == hashlib.sha256(b"a text\x00with zero").hexdigest() == stored["content_hash"]
    assert memory["created_at"] == memory["updated_at"]
    assert get(desk, stored["content_hash"]) == memory
    assert stored["status"] == "created"
    assert stored["indexed"] is False
    assert log(desk) == [(1, "memory.store", stored["id"], "test", None)]


def test_the_log_names_the_request(desk: Desk) -> None:
    desk.write(job("memory.store", {"content": "one"}, id="request-1", client="the client"))
    assert desk.sql("SELECT request, client FROM changes") == [("request-1", "the client")]


def test_the_same_content_is_stored_once_in_a_namespace(desk: Desk) -> None:
    first = desk.store("one", (1, 0))
    desk.store("two")
    again = desk.store(" one\n")
    assert again == {**first, "status": "duplicate"}
    assert desk.store("one", namespace="other")["status"] == "created"
    assert desk.writer.facts()["memories"] == 3


def test_a_duplicate_names_the_last_change_of_the_memory(desk: Desk) -> None:
    memory_id = desk.store("one")["id"]
    desk.store("two")
    changed = desk.ask("memory.update", {"id": memory_id, "tags": ["x"]})
    assert desk.store("one")["seq"] == changed["seq"] == 3


def test_a_batch_may_hold_the_same_content_twice(desk: Desk) -> None:
    batch = {"memories": [{"content": "one"}, {"content": "one "}]}
    first, second = desk.ask("memory.store_batch", batch, *frames([(1, 0)], [(1, 0)]))["stored"]
    assert second == {**first, "status": "duplicate"}


def test_a_deleted_memory_can_be_stored_again(desk: Desk) -> None:
    first = desk.store("one", (1, 0))
    desk.ask("memory.delete", {"id": first["id"]})
    again = desk.store("one", (1, 0))
    assert again["status"] == "created"
    assert again["id"] != first["id"]


def test_vectors_of_other_dimensions_than_the_models_are_refused(desk: Desk) -> None:
    desk.store("one", (1, 0))
    with pytest.raises(ModelMismatchError, match="2 dimensions"):
        desk.store("two", (1, 0, 0))


def test_a_store_with_another_model_than_searches_go_by_works(desk: Desk) -> None:
    desk.store("one", (1, 0))
    stored = desk.ask("memory.store", {"content": "two"}, *frames([(1, 0, 0)], model="new"))
    assert stored["indexed"] is False
    assert desk.writer.facts()["model"] == "tiny"
    assert desk.writer.facts()["pending"] == 1


# update and rewrite


def test_an_update_changes_what_it_names_and_keeps_the_rest(desk: Desk) -> None:
    stored = desk.store("one", (1, 0), tags=["a"], type="note", metadata={"keep": 1, "drop": 2, "change": 3})
    before = get(desk, stored["id"])
    asked = {"id": stored["content_hash"], "tags": ["B", "c"], "metadata": {"drop": None, "change": 4, "new": 5}}
    updated = desk.ask("memory.update", asked)
    assert updated == {"id": stored["id"], "content_hash": stored["content_hash"], "seq": 2, "indexed": True}
    after = get(desk, stored["id"])
    assert after["tags"] == ["B", "c"]
    assert after["metadata"] == {"keep": 1, "change": 4, "new": 5}
    assert (after["type"], after["content"], after["created_at"]) == ("note", "one", before["created_at"])
    assert after["updated_at"] > before["updated_at"]
    assert last_before(desk) == before
    assert desk.contents("one", (1, 0), mode="semantic") == ["one"]


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("memory.update", {"tags": ["late"]}),
        ("memory.rewrite", {"content": "late"}),
        ("memory.rewrite", {"content": "late", "versioned": True}),
        ("memory.delete", {}),
    ],
)
def test_a_change_of_a_state_that_is_no_more_leaves_nothing(desk: Desk, operation: str, change: dict[str, Any]) -> None:
    stored = desk.store("as it was read", tags=["read"])
    read = Memory.from_json(get(desk, stored["id"])).etag
    desk.ask("memory.update", {"id": stored["id"], "tags": ["meanwhile"], "if_match": read})
    now, lines = get(desk, stored["id"]), log(desk)
    with pytest.raises(PreconditionFailedError, match=stored["id"]):
        desk.ask(operation, {"id": stored["id"], "if_match": read, **change})
    assert (get(desk, stored["id"]), log(desk)) == (now, lines)
    desk.ask(operation, {"id": stored["id"], "if_match": Memory.from_json(now).etag, **change})
    assert len(log(desk)) > len(lines)


def test_metadata_that_grows_past_its_limit_is_refused(desk: Desk) -> None:
    half = "x" * (limits.METADATA_BYTES // 2)
    memory_id = desk.store("one", metadata={"a": half})["id"]
    with pytest.raises(MetadataInvalidError):
        desk.ask("memory.update", {"id": memory_id, "metadata": {"b": half}})
    assert get(desk, memory_id)["metadata"] == {"a": half}


def test_a_rewrite_replaces_content_hash_words_and_vectors(desk: Desk) -> None:
    stored = desk.store("old words", (1, 0), (0.9, 0.1))
    asked = {"id": stored["id"], "content": "new text"}
    rewritten = desk.ask("memory.rewrite", asked, *frames([(0, 1)]))
    assert rewritten["indexed"] is True
    assert rewritten["content_hash"] == hashlib.sha256(b"new text").hexdigest()
    assert desk.contents("old", mode="keyword") == []
    assert desk.contents("text", mode="keyword") == ["new text"]
    (hit,) = desk.search("x", (0, 1), mode="semantic")["hits"]
    assert hit["score"] == pytest.approx(1)
    assert last_before(desk)["content"] == "old words"
    assert desk.store("old words")["status"] == "created"


def test_a_rewrite_without_an_embedding_waits_for_its_vector(desk: Desk) -> None:
    stored = desk.store("old", (1, 0))
    assert desk.ask("memory.rewrite", {"id": stored["id"], "content": "new"})["indexed"] is False
    assert desk.writer.facts()["pending"] == 1
    assert desk.sql("SELECT count(*) FROM vectors") == [(0,)]


def test_a_rewrite_to_the_same_content_keeps_its_vectors(desk: Desk) -> None:
    stored = desk.store("same", (1, 0))
    assert desk.ask("memory.rewrite", {"id": stored["id"], "content": "same"})["indexed"] is True


def test_a_rewrite_to_a_content_that_another_memory_has_names_it(desk: Desk) -> None:
    other, memory_id = desk.store("one")["id"], desk.store("two")["id"]
    with pytest.raises(ArgumentInvalidError, match=other):
        desk.ask("memory.rewrite", {"id": memory_id, "content": "one "})
    assert get(desk, memory_id)["content"] == "two"


# delete


def test_a_deleted_memory_is_found_by_nothing(desk: Desk) -> None:
    stored = desk.store("one thing", (1, 0), tags=["a"])
    kept = desk.store("another thing", (0, 1))
    before = get(desk, stored["id"])
    deleted = desk.ask("memory.delete", {"id": stored["content_hash"]})
    assert deleted == {"id": stored["id"], "seq": 3, "content_hash": stored["content_hash"]}
    for mode in ("hybrid", "semantic", "keyword", "exact"):
        assert desk.contents("thing", (1, 0), mode=mode) == ["another thing"]
    with pytest.raises(NotFoundError, match=stored["id"]):
        get(desk, stored["id"])
    assert desk.ask("memory.list", {})["total"] == 1
    assert last_before(desk) == before
    assert desk.sql("SELECT content FROM memories WHERE deleted_at IS NOT NULL") == [("one thing",)]
    assert get(desk, kept["id"])


@pytest.mark.parametrize(
    ("operation", "fields"), [("memory.get", {}), ("memory.delete", {}), ("memory.update", {"tags": []})]
)
def test_what_is_not_there_is_named_with_a_remedy(desk: Desk, operation: str, fields: dict[str, Any]) -> None:
    desk.store("here")
    elsewhere = desk.store("one", namespace="other")["id"]
    for memory_id in ("nothing", elsewhere):
        with pytest.raises(NotFoundError, match=f"{memory_id}.*search or list"):
            desk.ask(operation, {"id": memory_id, **fields})


# backfill


def test_memories_stored_without_a_vector_get_theirs_oldest_first(desk: Desk) -> None:
    for content in ("one", "two", "three"):
        desk.store(content)
    asked, texts = waiting(desk, limit=2)
    assert [memory["content"] for memory in orjson.loads(texts)["memories"]] == ["one", "two"]
    answer = desk.ask("vectors.backfill", asked, texts, *frames([(1, 0)], [(0, 1), (1, 1)]))
    assert answer == {"stored": 2, "gone": 0, "pending": 1, "dropped": 0}
    facts = desk.writer.facts()
    assert (facts["model"], facts["dimensions"], facts["pending"], facts["seq"]) == ("tiny", 2, 1, 5)
    found = desk.answer("memory.search", {"query": "x", "mode": "semantic"}, *frames([(1, 0)]))
    assert len(orjson.loads(found.frames[0])["hits"]) == 2
    assert found.degraded == ("indexing",)


def test_memories_that_changed_meanwhile_are_skipped(desk: Desk) -> None:
    ids = [desk.store(content)["id"] for content in ("deleted", "rewritten", "done", "kept")]
    asked, texts = waiting(desk)
    desk.ask("memory.delete", {"id": ids[0]})
    desk.ask("memory.rewrite", {"id": ids[1], "content": "other"})
    desk.ask("memory.rewrite", {"id": ids[2], "content": "done"}, *frames([(0, 1)]))
    answer = desk.ask("vectors.backfill", asked, texts, *frames([(1, 0)], [(1, 0)], [(1, 0)], [(1, 0)]))
    assert answer == {"stored": 1, "gone": 2, "pending": 1, "dropped": 0}


def test_a_new_model_replaces_the_old_one_when_all_is_done(desk: Desk) -> None:
    for content in ("one", "two"):
        desk.store(content, (1, 0))
    asked, texts = waiting(desk, "new", limit=1, dimensions=3)
    answer = desk.ask("vectors.backfill", asked, texts, *frames([(1, 0, 0)], model="new"))
    assert answer == {"stored": 1, "gone": 0, "pending": 1, "dropped": 0}
    assert {name for (name,) in desk.sql("SELECT name FROM models")} == {"tiny", "new"}
    assert desk.writer.facts()["model"] == "new"
    asked, texts = waiting(desk, "new", limit=1, dimensions=3)
    answer = desk.ask("vectors.backfill", asked, texts, *frames([(0, 1, 0)], model="new"))
    assert answer == {"stored": 1, "gone": 0, "pending": 0, "dropped": 2}
    assert desk.sql("SELECT name, memories, vectors FROM models") == [("new", 2, 2)]
    assert desk.ask("memory.search", {"query": "two"}, *frames([(0, 1, 0)], model="new"))["mode"] == "hybrid"


def test_a_backfill_of_nothing_makes_its_model_the_current_one(desk: Desk) -> None:
    asked, texts = waiting(desk, "new", dimensions=3)
    assert orjson.loads(texts) == {"memories": []}
    empty = orjson.dumps({"model": "new", "dimensions": 3, "windows": []})
    assert desk.ask("vectors.backfill", asked, texts, empty, b"") == {
        "stored": 0,
        "gone": 0,
        "pending": 0,
        "dropped": 0,
    }
    assert desk.writer.facts()["model"] == "new"


def test_a_turn_of_backfill_is_bounded_in_bytes(desk: Desk) -> None:
    for letter in "abcdef":
        desk.store(letter * (backfill.TEXT_BYTES // 4))
    _, texts = waiting(desk)
    assert len(orjson.loads(texts)["memories"]) == 4


# hostile requests


@pytest.mark.parametrize(
    "operation",
    ["memory.store", "memory.store_batch", "memory.update", "memory.rewrite", "memory.delete", "vectors.backfill"],
)
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"x":1}', b"\xff", b'{"id":5}', b"[" * 5000])
def test_a_hostile_body_is_an_error_of_the_request(desk: Desk, operation: str, body: bytes) -> None:
    with pytest.raises(MemmuxError) as caught:
        desk.ask(operation, body)
    assert caught.value.code != "internal"


def test_a_request_without_frames_is_malformed(desk: Desk) -> None:
    ((_, outcome),) = desk.write(job("memory.store", b"", frames=(), key="k"))
    assert isinstance(outcome, MalformedMessageError)


@pytest.mark.parametrize("operation", ["memory.get", "memory.search", "nothing", ""])
def test_what_a_writer_does_not_do_is_refused(desk: Desk, operation: str) -> None:
    ((_, outcome),) = desk.write(job(operation, {"id": "x"} if operation == "memory.get" else {"query": "x"}))
    assert isinstance(outcome, UnknownOperationError)


@pytest.mark.parametrize(
    "blobs",
    [
        (),
        (b"{}",),
        (b'{"memories": 5}',),
        (b'{"memories": [{"id": 1, "content": "x"}]}', *frames([(1, 0)])),
        (b'{"memories": [{"id": "x", "content": "x"}]}', *frames([(1, 0)], [(1, 0)])),
        (b'{"memories": [{"id": "x", "content": "x"}]}', *frames([(1, 0)], model="other")),
        (b'{"memories": [{"id": "x", "content": "x"}]}',),
    ],
)
def test_a_hostile_backfill_is_an_error_of_the_request(desk: Desk, blobs: tuple[bytes, ...]) -> None:
    asked = {"model": "tiny", "dimensions": 2, "limit": 10}
    ((_, outcome),) = desk.write(job("vectors.backfill", asked, *blobs))
    assert isinstance(outcome, MemmuxError)
    assert outcome.code != "internal"
