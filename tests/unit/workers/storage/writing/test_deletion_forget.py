"""Forgetting all memories that a filter lets through."""

from __future__ import annotations

from typing import Any

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError
from tests.unit.workers.desk import Desk


def forget(desk: Desk, *, dry_run: bool = False, key: str = "", **fields: Any) -> Any:
    return desk.ask("memory.forget", {"filter": fields, "dry_run": dry_run}, key=key)


@pytest.fixture
def ids(desk: Desk) -> list[str]:
    """Memories of every kind; the third is in another namespace."""
    return [
        desk.store("one", (1, 0), tags=["Red", "blue"])["id"],
        desk.store("two", (0, 1), tags=["red"], type="note")["id"],
        desk.store("three", tags=["red"], namespace="other")["id"],
        desk.store("four", tags=["green"])["id"],
    ]


def test_of_what_the_filter_lets_through_only_the_ids_that_are_named_are_deleted(
    desk: Desk, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [ids[1], ids[3]]
    monkeypatch.setattr(limits, "FORGOTTEN", 2)  # more than that are not among these
    desk.store("five", tags=["red"])
    desk.store("six", tags=["red"])
    answer = desk.ask("memory.forget", {"filter": {"tags": ["red"]}, "ids": named})
    assert answer == {"ids": [ids[1]], "count": 1, "dry_run": False, "first_seq": 7, "last_seq": 7}
    assert desk.ask("memory.forget", {"filter": {"tags": ["red"]}, "ids": []})["count"] == 0


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"tags": ["RED"]}, [0, 1]),
        ({"tags": ["red", "blue"]}, [0]),
        ({"tags": ["blue", "green"], "any_tag": True}, [0, 3]),
        ({"type": "note"}, [1]),
        ({"tags": ["red"], "namespace": "other"}, [2]),
        ({"tags": ["red"], "namespace": None}, [0, 1, 2]),
        ({"before": "2999-01-01"}, [0, 1, 3]),
        ({"after": "2999-01-01"}, []),
    ],
)
def test_what_the_filter_lets_through_is_deleted_and_nothing_else(
    desk: Desk, ids: list[str], fields: dict[str, Any], meant: list[int]
) -> None:
    wanted = {"ids": [ids[place] for place in meant], "count": len(meant)}
    before = desk.writer.facts()
    assert forget(desk, dry_run=True, **fields) == {**wanted, "dry_run": True}
    assert desk.writer.facts() == before
    changes = {"first_seq": 5, "last_seq": 4 + len(meant)} if meant else {}
    assert forget(desk, **fields) == {**wanted, **changes, "dry_run": False}
    left = desk.ask("memory.list", {"filter": {"namespace": None}})["memories"]
    assert {memory["id"] for memory in left} == set(ids) - set(wanted["ids"])  # type: ignore[arg-type]  # a list
    assert desk.writer.facts()["seq"] == 4 + len(meant)


def test_each_has_its_line_in_the_log_and_is_undone_by_itself(desk: Desk, ids: list[str]) -> None:
    forget(desk, tags=["red"])
    (newest, _) = desk.ask("memory.history", {"id": ids[1]})["changes"]
    assert (newest["did"], newest["operation"], newest["before"]["tags"]) == ("deleted", "memory.forget", ["red"])
    desk.ask("memory.undo", {"seq": newest["seq"]})
    assert desk.ask("memory.get", {"id": ids[1]})["type"] == "note"
    assert desk.contents("two", mode="keyword") == ["two"]


def test_superseded_ones_are_forgotten_too(desk: Desk) -> None:
    stored = desk.store("old", tags=["x"])
    newer = desk.ask("memory.rewrite", {"id": stored["id"], "content": "new", "versioned": True})
    assert forget(desk, tags=["x"])["ids"] == [stored["id"], newer["id"]]


@pytest.mark.parametrize("fields", [{}, {"namespace": "other"}, {"namespace": None}, {"tags": []}, {"any_tag": True}])
def test_a_filter_that_lets_through_everything_is_refused(desk: Desk, ids: list[str], fields: dict[str, Any]) -> None:
    with pytest.raises(ArgumentInvalidError, match="every memory"):
        forget(desk, **fields)
    assert desk.writer.facts()["memories"] == len(ids)


def test_more_than_a_transaction_may_delete_are_refused(
    desk: Desk, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FORGOTTEN", 1)
    with pytest.raises(LimitOutOfRangeError, match="2 memories"):
        forget(desk, tags=["red"])
    assert desk.writer.facts()["memories"] == len(ids)


def test_a_forget_that_is_sent_twice_is_done_once(desk: Desk, ids: list[str]) -> None:
    first = forget(desk, tags=["red"], key="k")
    assert forget(desk, tags=["red"], key="k") == first
    assert first["count"] == 2
    assert desk.writer.facts()["seq"] == len(ids) + 2


def test_pieces_of_many_are_all_deleted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.storage.writing.deletion._PIECE", 2)
    ids = [desk.store(str(number), tags=["t"])["id"] for number in range(5)]
    assert forget(desk, tags=["t"])["ids"] == ids
    assert desk.writer.facts()["memories"] == 0
