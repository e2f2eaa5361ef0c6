"""What each write does, and its line in the change log."""

from __future__ import annotations

import hashlib
from pathlib import Path
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
from workers.runtime.jobs import Answer


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
        desk.store(letter * limits.CONTENT_BYTES)
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


# a change of the model

OLD, NEW, THIRD = "tiny", "new", "third"


def _turn(desk: Desk, model: str, count: int, beside: str = OLD) -> Any:
    """Give so many memories, which are there, vectors of another model, of three dimensions."""
    asked, texts = waiting(desk, model, limit=count, dimensions=3)
    made = frames(*[[(1, 0, 0)]] * len(orjson.loads(texts)["memories"]), model=model)
    return desk.ask("vectors.backfill", {**asked, "beside": beside, "source": f"/models/{model}"}, texts, *made)


def _state(desk: Desk) -> tuple[Any, ...]:
    facts = desk.writer.facts()
    return facts["model"], facts["pending"], facts["unneeded"], facts["switch"].get("to"), facts["switch"].get("done")


@pytest.fixture
def changing(desk: Desk) -> Desk:
    """A database of three memories, the first of which has vectors of another model, too."""
    for content in ("one", "two", "three"):
        desk.store(content, (1, 0))
    _turn(desk, NEW, 1)
    return desk


def test_the_old_model_serves_until_the_new_one_has_as_many_memories(changing: Desk) -> None:
    assert _state(changing) == (OLD, 0, 0, NEW, 1)
    both = (*frames([(0, 1, 0)], model=NEW), *frames([(0, 1)]))
    assert changing.ask("memory.store", {"content": "four"}, *both)["indexed"]
    assert _state(changing) == (OLD, 0, 0, NEW, 2)
    found = changing.ask("memory.search", {"query": "x", "mode": "semantic"}, *both)
    assert found["hits"][0]["memory"]["content"] == "four"
    changing.check()
    assert _turn(changing, NEW, 9) == {"stored": 2, "gone": 0, "pending": 0, "dropped": 4}
    assert _state(changing) == (NEW, 0, 0, None, None)
    found = changing.ask("memory.search", {"query": "x", "mode": "semantic"}, *both)
    assert found["hits"][0]["memory"]["content"] == "four"
    kept = {key: str(value) for key, value in changing.sql("SELECT key, value FROM meta WHERE key LIKE '%model%'")}
    assert kept == {"model": "2", "source_of_model_2": "/models/new"}
    changing.check()


def test_what_nobody_needs_any_more_goes_a_piece_at_a_time(changing: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.storage.writing.changes._DROPPED", 2)
    for dropped, left in ((2, [1, 3]), (1, [3]), (0, [3])):
        assert _turn(changing, NEW, 9, beside="")["dropped"] == dropped
        assert [count for (count,) in changing.sql("SELECT vectors FROM models ORDER BY id")] == left
        changing.check()


def test_a_memory_that_is_purged_meanwhile_leaves_no_vector_of_either_model(changing: Desk) -> None:
    (purged,) = changing.sql("SELECT id FROM memories WHERE content = 'one'")[0]
    changing.ask("memory.delete", {"id": purged})
    changing.ask("memory.purge", {"id": purged})
    assert changing.sql("SELECT name, vectors FROM models") == [(OLD, 2), (NEW, 0)]
    changing.check()


@pytest.mark.parametrize("back", [OLD, THIRD])
def test_half_way_another_model_may_be_wanted(changing: Desk, back: str) -> None:
    if back == OLD:
        asked, texts = waiting(changing, OLD)
        changing.ask("vectors.backfill", asked, texts, *frames())
    else:
        _turn(changing, THIRD, 1)
        assert _state(changing) == (OLD, 0, 0, THIRD, 1)
        _turn(changing, THIRD, 9)
    assert _state(changing)[:4] == (back, 0, 0, None) or changing.writer.facts()["unneeded"] == 1
    while changing.writer.facts()["unneeded"]:
        asked, texts = waiting(changing, back, dimensions=2 if back == OLD else 3)
        changing.ask("vectors.backfill", asked, texts, *frames(model=back) if back == OLD else _none(back))
    assert changing.sql("SELECT name, memories FROM models") == [(back, 3)]
    changing.check()


def _none(model: str) -> tuple[bytes, bytes]:
    return orjson.dumps({"model": model, "dimensions": 3, "windows": []}), b""


def test_without_the_old_model_there_is_nothing_to_wait_for(desk: Desk) -> None:
    for content in ("one", "two", "three"):
        desk.store(content, (1, 0))
    _turn(desk, NEW, 1, beside="")
    assert _state(desk) == (NEW, 2, 1, None, None)  # the old vectors stay for who wants to go back
    asked, texts = waiting(desk, OLD)
    desk.ask("vectors.backfill", asked, texts, *frames())
    assert _state(desk)[:2] == (OLD, 0)


def test_how_long_it_takes_is_told_once_that_is_known(changing: Desk) -> None:
    assert "left_s" not in changing.writer.facts()["switch"]
    _turn(changing, NEW, 1)
    assert changing.writer.facts()["switch"].items() >= {"to": NEW, "done": 2, "of": 3}.items()
    assert changing.writer.facts()["switch"]["left_s"] >= 0


def test_vectors_that_nobody_searches_yet_are_no_change_for_those_who_follow_the_log(changing: Desk) -> None:
    before = changing.writer.facts()["seq"]
    _turn(changing, NEW, 1)
    assert changing.writer.facts()["seq"] == before
    _turn(changing, NEW, 9)
    changing.ask("memory.rewrite", {"id": changing.store("four")["id"], "content": "five"})
    assert changing.writer.facts()["pending"] == 1
    asked = changing.writer.facts()["seq"]
    assert _turn(changing, NEW, 9)["stored"] == 1
    assert changing.writer.facts()["seq"] == asked + 1


def test_a_repair_half_way_leaves_the_change_as_it_is(desk: Desk) -> None:
    for content in "abc":
        desk.store(content, (1, 0))
    _turn(desk, NEW, 1)
    ((_, outcome),) = desk.write(job("admin.rebuild", {}))
    assert isinstance(outcome, Answer)
    assert _state(desk) == (OLD, 0, 0, NEW, 1)
    desk.check()
    assert _turn(desk, NEW, 9)["pending"] == 0


def test_a_dump_half_way_can_be_loaded_where_the_change_then_goes_on(changing: Desk, tmp_path: Path) -> None:
    lines = changing.ask("memory.dump", {"after": 0, "limit": 10, "vectors": True})["memories"]
    other = Desk(tmp_path / "other.db")
    assert other.ask("memory.load", {"memories": lines})["created"] == 3
    assert (_state(other)[:3], other.sql("SELECT name, memories FROM models")) == ((OLD, 0, 1), [(OLD, 3), (NEW, 1)])
    assert _turn(other, NEW, 9)["stored"] == 2
    assert _state(other) == (NEW, 0, 0, None, None)
    other.check()
    other.close()
