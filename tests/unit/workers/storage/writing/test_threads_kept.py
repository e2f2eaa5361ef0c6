"""A memory keeps its thread and its place: when it is changed, undone, renewed, dumped, loaded and merged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError
from tests.unit.workers.desk import Desk


def _of(desk: Desk, memory_id: str) -> tuple[str | None, int | None]:
    memory = desk.ask("memory.get", {"id": memory_id})
    return memory["thread"], memory["place"]


def test_it_is_given_or_in_the_metadata_or_nowhere(desk: Desk) -> None:
    given = desk.store("one", thread="talk", place=3, metadata={"session_id": "s"})
    named = desk.store("two", metadata={"session_id": "s"})
    alone = desk.store("three")
    assert [_of(desk, one["id"]) for one in (given, named, alone)] == [("talk", 3), ("s", None), (None, None)]


@pytest.mark.parametrize("thread", ["", " ", 5, "x" * (limits.THREAD_CHARACTERS + 1), ["talk"]])
def test_a_thread_is_a_text(desk: Desk, thread: object) -> None:
    with pytest.raises(ArgumentInvalidError, match="thread"):
        desk.store("one", thread=thread)


@pytest.mark.parametrize("place", [1.5, "1", True, limits.PLACE + 1])
def test_a_place_is_a_whole_number(desk: Desk, place: object) -> None:
    with pytest.raises(LimitOutOfRangeError, match="place"):
        desk.store("one", thread="talk", place=place)


def test_metadata_that_named_it_take_it_elsewhere(desk: Desk) -> None:
    named = desk.store("one", metadata={"source": "/a", "chunk": 1})["id"]
    given = desk.store("two", thread="talk", metadata={"source": "/a", "chunk": 2})["id"]
    for memory_id in (named, given):
        desk.ask("memory.update", {"id": memory_id, "metadata": {"source": "/b", "chunk": 5}})
    assert (_of(desk, named), _of(desk, given)) == (("/b", 5), ("talk", None))
    desk.ask("memory.update", {"id": named, "metadata": {"chunk": None}})
    assert _of(desk, named) == (None, None)


@pytest.mark.parametrize("metadata", [{}, {"session_id": "a"}])
def test_a_given_place_stays_where_metadata_name_another_thread(desk: Desk, metadata: dict[str, Any]) -> None:
    memory_id = desk.store("one", place=5, metadata=metadata)["id"]
    desk.ask("memory.update", {"id": memory_id, "metadata": {"session_id": "b"}})
    assert _of(desk, memory_id) == ("b", 5)
    (line,) = desk.ask("memory.dump", {})["memories"]
    assert desk.ask("memory.load", {"memories": [line]})["skipped"] == 1
    renewed = {"id": memory_id, "content": "two", "versioned": True, "metadata": {"session_id": "c"}}
    assert _of(desk, desk.ask("memory.rewrite", renewed)["id"]) == ("c", 5)


def test_a_given_thread_stays_and_takes_no_place_from_metadata(desk: Desk) -> None:
    for thread, metadata in (("talk", {}), ("talk", {"session_id": "a"}), ("/a", {"source": "/a", "chunk": 2})):
        memory_id = desk.store(f"in {thread} {metadata}", thread=thread, metadata=metadata)["id"]
        desk.ask("memory.update", {"id": memory_id, "metadata": {"session_id": None, "source": "/b", "chunk": 5}})
        assert _of(desk, memory_id) == (thread, None)


def test_an_undo_brings_it_back(desk: Desk) -> None:
    memory_id = desk.store("one", metadata={"session_id": "a"})["id"]
    changed = desk.ask("memory.update", {"id": memory_id, "metadata": {"session_id": "b"}})
    assert desk.ask("memory.history", {"id": memory_id})["changes"][0]["did"] == "changed metadata, thread"
    desk.ask("memory.undo", {"seq": changed["seq"]})
    assert _of(desk, memory_id) == ("a", None)
    deleted = desk.ask("memory.delete", {"id": memory_id})
    desk.ask("memory.undo", {"seq": deleted["seq"]})
    assert _of(desk, memory_id) == ("a", None)


def test_a_change_of_before_there_were_threads_is_undone_to_what_the_metadata_named(desk: Desk) -> None:
    memory_id = desk.store("one", metadata={"session_id": "a"})["id"]
    changed = desk.ask("memory.update", {"id": memory_id, "tags": ["new"]})
    for seq, before in desk.sql("SELECT seq, before FROM changes WHERE before IS NOT NULL"):
        kept = {name: value for name, value in json.loads(before).items() if name not in ("thread", "place")}
        desk.sql("UPDATE changes SET before = ? WHERE seq = ?", json.dumps(kept), seq)
    desk.ask("memory.undo", {"seq": changed["seq"]})
    assert _of(desk, memory_id) == ("a", None)


def test_a_new_version_is_in_the_same_thread(desk: Desk) -> None:
    for number in range(3):
        desk.store(f"run {number}")
    given = desk.store("one", thread="talk", place=3)["id"]
    newer = desk.ask("memory.rewrite", {"id": given, "content": "two", "versioned": True})["id"]
    assert _of(desk, newer) == ("talk", 3)
    ((second,),) = desk.sql("SELECT id FROM memories WHERE row = 2")
    desk.clock.at += 1_000_000
    newest = desk.ask("memory.rewrite", {"id": second, "content": "three", "versioned": True})["id"]
    assert desk.sql("SELECT run FROM memories WHERE id = ?", newest) == [(1,)]


def test_stored_again_it_takes_up_a_thread_only_if_it_has_none(desk: Desk) -> None:
    alone, given = desk.store("one")["id"], desk.store("two", thread="first", place=1)["id"]
    assert desk.store("one", thread="talk", place=4)["merged"] == ["thread"]
    assert "merged" not in desk.store("two", thread="talk", place=4)
    assert (_of(desk, alone), _of(desk, given)) == (("talk", 4), ("first", 1))
    named = desk.store("three")["id"]
    assert desk.store("three", metadata={"session_id": "s"})["merged"] == ["metadata", "thread"]
    assert _of(desk, named) == ("s", None)
    with_place = desk.store("four", place=7)["id"]
    assert "merged" not in desk.store("four")
    desk.store("four", metadata={"session_id": "s"}, place=8)
    assert _of(desk, with_place) == ("s", 7)


def test_a_dump_has_it_and_a_load_keeps_it(desk: Desk) -> None:
    desk.store("one", thread="talk", place=0)
    desk.store("two", metadata={"session_id": "s"})
    desk.store("three")
    lines: list[dict[str, Any]] = desk.ask("memory.dump", {})["memories"]
    assert [(line.get("thread"), line.get("place")) for line in lines] == [("talk", 0), ("s", None), (None, None)]
    assert not {"thread", "place", "run"} & lines[2].keys()
    assert desk.ask("memory.load", {"memories": lines})["skipped"] == 3
    for line in lines:
        desk.ask("memory.delete", {"id": line["id"]})
    moved = [{**line, "id": f"0{number}", "namespace": "moved"} for number, line in enumerate(lines)]
    assert desk.ask("memory.load", {"memories": moved})["created"] == 3
    again = desk.ask("memory.dump", {"after": 3})["memories"]
    assert [(line.get("thread"), line.get("place")) for line in again] == [("talk", 0), ("s", None), (None, None)]


def test_a_line_of_before_there_were_threads_is_the_same_memory(desk: Desk) -> None:
    desk.store("one", metadata={"session_id": "s"})
    (line,) = desk.ask("memory.dump", {})["memories"]
    del line["thread"]
    assert desk.ask("memory.load", {"memories": [line]})["skipped"] == 1


def test_adopted_again_it_is_where_it_is_there_by_now(desk: Desk) -> None:
    line = {"id": "1", "content": "one", "metadata": {"conversation_id": "a"}, "created_at": 1.0, "updated_at": 1.0}
    desk.ask("memory.load", {"memories": [line], "adopt": True})
    assert _of(desk, "1") == ("a", None)
    line = {**line, "metadata": {"conversation_id": "b"}, "updated_at": 2.0}
    desk.ask("memory.load", {"memories": [line], "adopt": True})
    assert _of(desk, "1") == ("b", None)
    other = {**line, "id": "2", "aliases": ["theirs"], "thread": "elsewhere"}
    assert desk.ask("memory.load", {"memories": [other], "adopt": True})["merged"] == 1
    assert _of(desk, "1") == ("b", None)
