"""Duplicates: what is stored again adds what is new to the memory that is there, says so, and takes nothing away."""

from __future__ import annotations

from typing import Any

import pytest

from memmux import limits
from memmux.errors import IdConflictError, MemmuxError, MetadataInvalidError, TagInvalidError
from tests.unit.workers.desk import Desk, job

OTHER = "2c5ea4c0-4067-5fe9-8bad-5b8e1f2a3c4d"
FIRST: dict[str, Any] = {"tags": ["Work"], "metadata": {"from": "a", "kept": 1}}
AGAIN: dict[str, Any] = {
    "tags": ["work", "home"],
    "metadata": {"from": "b", "to": "c"},
    "type": "note",
    "aliases": ["x"],
}


def test_tags_metadata_type_and_aliases_are_taken_up_and_what_was_there_stays(desk: Desk) -> None:
    first = desk.store("a", [1.0, 0.0], **FIRST)
    again = desk.store("a", **AGAIN)
    assert (again["id"], again["status"], again["indexed"]) == (first["id"], "duplicate", True)
    assert again["merged"] == ["tags", "metadata", "type", "aliases"]
    memory = desk.ask("memory.get", {"id": "x"})
    assert memory["tags"] == ["Work", "home"]
    assert memory["metadata"] == {"from": "a", "kept": 1, "to": "c"}
    assert (memory["type"], memory["aliases"]) == ("note", ["x"])
    assert memory["updated_at"] > memory["created_at"]
    desk.check()


def test_what_was_taken_up_is_a_change_that_can_be_undone(desk: Desk) -> None:
    first = desk.store("a", **FIRST)
    before = desk.ask("memory.get", {"id": first["id"]})
    again = desk.store("a", **AGAIN)
    assert again["seq"] == first["seq"] + 1
    newest, _ = desk.ask("memory.history", {"id": first["id"]})["changes"]
    assert newest["before"]["tags"] == ["Work"]
    desk.ask("memory.undo", {"seq": again["seq"]})
    after = desk.ask("memory.get", {"id": first["id"]})
    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}
    desk.check()


@pytest.mark.parametrize(
    "again", [{}, {"tags": ["WORK "]}, {"metadata": {"from": "z"}}, {**FIRST}, {**AGAIN, "merge": False}]
)
def test_where_there_is_nothing_new_nothing_is_changed_or_said(desk: Desk, again: dict[str, Any]) -> None:
    first = desk.store("a", **FIRST)
    before = desk.ask("memory.get", {"id": first["id"]})
    answer = desk.store(" a ", **again)
    assert (answer["status"], answer["seq"], "merged" in answer) == ("duplicate", first["seq"], False)
    assert desk.ask("memory.get", {"id": first["id"]}) == before


def test_a_type_that_is_there_stays(desk: Desk) -> None:
    first = desk.store("a", type="fact")
    assert "merged" not in desk.store("a", type="note")
    assert desk.ask("memory.get", {"id": first["id"]})["type"] == "fact"


def test_another_id_becomes_an_alias(desk: Desk) -> None:
    first = desk.store("a")
    assert desk.store("a", id=OTHER)["merged"] == ["aliases"]
    assert desk.ask("memory.get", {"id": OTHER})["id"] == first["id"]
    assert "merged" not in desk.store("a", id=OTHER)


@pytest.mark.parametrize("given", [{"id": OTHER}, {"aliases": ["taken"]}])
def test_a_name_of_another_memory_is_refused(desk: Desk, given: dict[str, Any]) -> None:
    desk.store("a")
    desk.store("b", id=OTHER, aliases=["taken"])
    with pytest.raises(IdConflictError):
        desk.store("a", **given)
    assert desk.store("a", merge=False, **given)["status"] == "duplicate"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"tags": [f"b{number}" for number in range(limits.TAGS)]}, TagInvalidError),
        ({"metadata": {"b": "x" * (limits.METADATA_BYTES - 20)}}, MetadataInvalidError),
    ],
)
def test_more_than_a_memory_may_have_is_refused_and_nothing_is_dropped_in_silence(
    desk: Desk, given: dict[str, Any], error: type[MemmuxError]
) -> None:
    first = desk.store("a", tags=["a"], metadata={"a": "x" * 100})
    before = desk.ask("memory.get", {"id": first["id"]})
    with pytest.raises(error):
        desk.store("a", **given)
    assert desk.ask("memory.get", {"id": first["id"]}) == before


def test_a_superseded_memory_that_is_said_again_holds_again_with_what_is_new(desk: Desk) -> None:
    first = desk.store("a", tags=["one"])
    desk.ask("memory.rewrite", {"id": first["id"], "content": "b", "versioned": True})
    again = desk.store("a", tags=["two"])
    memory = desk.ask("memory.get", {"id": first["id"]})
    assert (memory["superseded_by"], memory["tags"], again["merged"]) == (None, ["one", "two"], ["tags"])
    desk.check()


def test_a_batch_adds_up(desk: Desk) -> None:
    body = {"memories": [{"content": "a", "tags": [tag]} for tag in "xyz"]}
    first, *others = desk.ask("memory.store_batch", body)["stored"]
    assert [other["merged"] for other in others] == [["tags"], ["tags"]]
    assert desk.ask("memory.get", {"id": first["id"]})["tags"] == ["x", "y", "z"]


def test_the_same_request_again_is_answered_as_it_was(desk: Desk) -> None:
    desk.store("a")
    request = job("memory.store", {"content": "a", "tags": ["x"]}, key="k")
    answers = [desk.write(request)[0][1] for _ in range(2)]
    assert [not isinstance(answer, MemmuxError) and answer.frames for answer in answers] == [answers[0].frames] * 2
