"""Memories as of a change: the answers at each one are what the answers were when it was the newest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError, MemmuxError, NotFoundError
from tests.unit.examples import examples
from tests.unit.workers.desk import Desk, frames, waiting

NAMESPACES = ("default", "work")
FILTERS: tuple[dict[str, Any], ...] = (
    {"namespace": None},
    {"namespace": "work"},
    {"namespace": ["work", "default"]},
    {"tags": ["a"]},
    {"tags": ["A", "é"], "any_tag": True},
    {"tags": ["a", "b"]},
    {"type": "note"},
    {"metadata": {"k": 1}},
    {"metadata": {"k": True}},
    {"metadata": {"k": {"y": [1, 2], "x": None}}},
    {"include_superseded": False},
    {"after": "2025-01-01T00:00:00Z"},
    {"before": "2025-01-01T00:00:00Z"},
)


def _listed(desk: Desk, filtered: dict[str, Any], **fields: Any) -> Any:
    return desk.ask("memory.list", {"limit": 1000, "filter": filtered, **fields})


def _contents(found: Any) -> list[str]:
    return [memory["content"] for memory in found["memories"]]


def test_a_list_has_what_was_there_then_as_it_was(desk: Desk) -> None:
    one = desk.store("one", tags=["x"])["id"]
    two = desk.store("two")["id"]
    desk.ask("memory.update", {"id": one, "tags": ["y"]})
    desk.ask("memory.delete", {"id": two})
    desk.store("three")
    assert [_contents(_listed(desk, {}, as_of=seq)) for seq in range(7)] == [
        [],
        ["one"],
        ["two", "one"],
        ["two", "one"],
        ["one"],
        ["three", "one"],
        ["three", "one"],
    ]
    assert _contents(_listed(desk, {"tags": ["x"]}, as_of=2)) == ["one"]
    assert _contents(_listed(desk, {"tags": ["x"]}, as_of=3)) == []
    assert desk.ask("memory.get", {"id": one, "as_of": 2})["tags"] == ["x"]
    assert desk.ask("memory.get", {"id": two, "as_of": 3})["content"] == "two"


def test_one_memory_is_not_found_before_it_was_stored_and_while_it_was_deleted(desk: Desk) -> None:
    desk.store("first")
    memory_id = desk.store("one")["id"]
    seq = desk.ask("memory.delete", {"id": memory_id})["seq"]
    desk.ask("memory.undo", {"seq": seq})
    with pytest.raises(NotFoundError, match="stored after change 1"):
        desk.ask("memory.get", {"id": memory_id, "as_of": 1})
    with pytest.raises(NotFoundError, match="deleted as of change 3"):
        desk.ask("memory.get", {"id": memory_id, "as_of": 3})
    for seq in (2, 4, 99):
        assert desk.ask("memory.get", {"id": memory_id[:23], "namespace": None, "as_of": seq})["content"] == "one"
    with pytest.raises(NotFoundError, match="never was"):
        desk.ask("memory.get", {"id": "none such", "as_of": 2})


def test_what_was_purged_since_is_gone_and_a_list_says_how_many_those_are(desk: Desk) -> None:
    memory_id = desk.store("one", namespace="work")["id"]
    desk.store("two", namespace="work")
    desk.ask("memory.delete", {"id": memory_id, "namespace": "work"})
    desk.ask("memory.purge", {"id": memory_id, "namespace": "work"})
    found = _listed(desk, {"namespace": "work"}, as_of=2)
    assert (_contents(found), found["total"]) == (["two"], 1)
    assert found["notes"] == ["1 memory that was stored by change 2 was purged since, and can not be shown"]
    assert _listed(desk, {"namespace": "work"}, as_of=0)["notes"] == []
    assert _listed(desk, {}, as_of=2)["notes"] == []
    with pytest.raises(NotFoundError, match="was purged"):
        desk.ask("memory.get", {"id": memory_id, "namespace": "work", "as_of": 2})


def test_a_namespace_that_is_gone_is_there_as_of_then(desk: Desk) -> None:
    memory_id = desk.store("one", namespace="Attic")["id"]
    desk.ask("memory.delete", {"id": memory_id, "namespace": "Attic"})
    found = _listed(desk, {"namespace": "attic"}, as_of=1)
    assert (_contents(found), found["notes"]) == (["one"], [])
    assert desk.ask("memory.get", {"id": memory_id, "namespace": "attic", "as_of": 1})["namespace"] == "Attic"


def test_only_what_a_client_stored_is_listed_as_of_then_too(desk: Desk) -> None:
    memory_id = desk.ask("memory.store", {"content": "hers"}, client="ada")["id"]
    desk.store("his")
    desk.ask("memory.delete", {"id": memory_id})
    assert _contents(_listed(desk, {}, as_of=2, client="ADA")) == ["hers"]


def test_vectors_that_come_later_change_nothing(desk: Desk) -> None:
    desk.store("first", (1.0, 0.0))
    memory_id = desk.store("one")["id"]
    asked, texts = waiting(desk)
    desk.ask("vectors.backfill", asked, texts, *frames([(0.0, 1.0)]))
    assert _contents(_listed(desk, {}, as_of=2)) == ["one", "first"]
    assert desk.ask("memory.get", {"id": memory_id, "as_of": 2})["content"] == "one"


def test_pages_follow_each_other_and_ids_may_be_short(desk: Desk) -> None:
    ids = [desk.store(str(number))["id"] for number in range(9)]
    for memory_id in ids[::2]:
        desk.ask("memory.update", {"id": memory_id, "type": "changed"})
    pages = [_listed(desk, {}, as_of=9, limit=4, offset=offset, short=True) for offset in (0, 4, 8, 12)]
    assert [content for page in pages for content in _contents(page)] == list("876543210")
    assert {page["total"] for page in pages} == {9}
    assert all(page["short"].keys() == {memory["id"] for memory in page["memories"]} for page in pages[:3])
    assert {memory["type"] for page in pages for memory in page["memories"]} == {None}


def test_what_no_log_is_kept_of_is_refused(desk: Desk) -> None:
    for fields in ({"deleted": True}, {"unused_since": "2026-01-01T00:00:00Z"}):
        with pytest.raises(ArgumentInvalidError, match="as_of"):
            _listed(desk, {}, as_of=1, **fields)
    for wrong in (-1, 1 << 60, 1.5, "1", True):
        with pytest.raises(LimitOutOfRangeError):
            _listed(desk, {}, as_of=wrong)
        with pytest.raises(LimitOutOfRangeError):
            desk.ask("memory.get", {"id": "x", "as_of": wrong})


@dataclass
class Past:
    """What each filter let through after each change, and what was purged."""

    then: dict[int, list[list[dict[str, Any]]]] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)


@st.composite
def steps(draw: DrawFn) -> list[tuple[str, int, dict[str, Any]]]:
    """Draw writes: an operation, a number that chooses a memory or a change, and what is written."""
    written = st.fixed_dictionaries(
        {},
        optional={
            "tags": st.lists(st.sampled_from(["a", "A", "b", "É"]), max_size=3),
            "type": st.sampled_from(["note", "fact"]),
            "metadata": st.sampled_from(
                [{"k": 1}, {"k": 1.0}, {"k": True}, {"k": {"x": None, "y": [1, 2]}}, {"k": "1"}]
            ),
        },
    )
    operation = st.sampled_from(
        ["store", "old", "again", "update", "rewrite", "renew", "delete", "undo", "undo", "purge"]
    )
    return draw(st.lists(st.tuples(operation, st.integers(0, 30), written), min_size=1, max_size=14))


def _apply(desk: Desk, past: Past, step: tuple[str, int, dict[str, Any]], count: int) -> None:
    """Do one step, if it can be done."""
    operation, number, written = step
    live = _listed(desk, {"namespace": None})["memories"]
    one = live[number % len(live)] if live else None
    place = NAMESPACES[number % 2]
    if operation in ("store", "old"):
        at = {"created_at": f"20{number:02}-06-01T00:00:00Z"} if operation == "old" else {}
        desk.store(f"text {count}", namespace=place, **written, **at)
    elif operation == "undo":
        desk.ask("memory.undo", {"seq": 1 + number % max(1, desk.questions.seq)})
    elif operation == "purge":
        if gone := _listed(desk, {"namespace": None}, deleted=True)["memories"]:
            desk.ask("memory.purge", {"id": gone[0]["id"], "namespace": gone[0]["namespace"]})
            past.purged.add(gone[0]["id"])
    elif one is not None:
        named = {"id": one["id"], "namespace": one["namespace"]}
        if operation == "again":
            desk.store(one["content"], namespace=one["namespace"], **written)
        elif operation == "update":
            desk.ask("memory.update", {**named, "type": "note", **written})
        elif operation == "delete":
            desk.ask("memory.delete", named)
        else:
            versioned = operation == "renew"
            desk.ask("memory.rewrite", {**named, "content": f"text {count}", "versioned": versioned, **written})


@pytest.mark.slow
@settings(max_examples=examples(150))
@given(written=steps())
def test_each_answer_as_of_a_change_is_the_answer_of_then_without_what_was_purged(
    written: list[tuple[str, int, dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    desk, past = Desk(tmp_path_factory.mktemp("as_of") / "memories.db"), Past()
    try:
        for count, step in enumerate(written):
            try:
                _apply(desk, past, step, count)
            except MemmuxError:
                continue  # what is refused changes nothing
            then = [_listed(desk, one)["memories"] for one in FILTERS]
            past.then[desk.questions.seq] = then
        for seq, then in past.then.items():
            for filtered, memories in zip(FILTERS, then, strict=True):
                found = _listed(desk, filtered, as_of=seq)
                left = [memory for memory in memories if memory["id"] not in past.purged]
                assert found["memories"] == left, (seq, filtered)
                assert found["total"] == len(left)
            for memory in then[0]:
                asked = {"id": memory["id"], "namespace": memory["namespace"], "as_of": seq}
                if memory["id"] in past.purged:
                    with pytest.raises(NotFoundError):
                        desk.ask("memory.get", asked)
                else:
                    assert desk.ask("memory.get", asked) == memory
    finally:
        desk.close()
