"""The change log of all memories, read on from where it was left."""

from __future__ import annotations

from typing import Any

from tests.unit.workers.desk import Desk


def _since(desk: Desk, after: int | None, **fields: Any) -> Any:
    return desk.ask("memory.changes", {"after": after, **fields})


def test_nothing_has_happened_after_the_newest_change(desk: Desk) -> None:
    assert _since(desk, None) == {"changes": [], "next": 0, "notes": []}
    desk.store("one")
    assert _since(desk, None) == {"changes": [], "next": 1, "notes": []}
    assert _since(desk, 1) == {"changes": [], "next": 1, "notes": []}


def test_changes_come_oldest_first_and_say_what_is_there_now(desk: Desk) -> None:
    one = desk.store("one", tags=["Left"])
    two = desk.store("two")
    desk.ask("memory.delete", {"id": two["id"]})
    told = _since(desk, 0)
    assert [(change["seq"], change["operation"], change["deleted"]) for change in told["changes"]] == [
        (1, "memory.store", False),
        (2, "memory.store", True),
        (3, "memory.delete", True),
    ]
    assert told["next"] == 3
    assert (told["changes"][0]["id"], told["changes"][0]["tags"]) == (one["id"], ["Left"])


def test_a_page_ends_where_the_next_one_begins(desk: Desk) -> None:
    for number in range(5):
        desk.store(str(number))
    after, seen = 0, []
    while (told := _since(desk, after, limit=2))["changes"]:
        seen += [change["seq"] for change in told["changes"]]
        after = told["next"]
    assert seen == [1, 2, 3, 4, 5]


def test_only_what_is_asked_for_is_told_and_the_rest_is_not_asked_for_again(desk: Desk) -> None:
    desk.store("ours", namespace="ours", tags=["a", "b"])
    desk.store("theirs", namespace="theirs", tags=["a"])
    desk.store("plain")
    for fields, seqs in (
        ({"namespace": "ours"}, [1]),
        ({"namespace": ["ours", "theirs"]}, [1, 2]),
        ({"namespace": None, "tags": ["A"]}, [1, 2]),
        ({"namespace": None, "tags": ["a", "b"]}, [1]),
        ({"namespace": None}, [1, 2, 3]),
        ({}, [3]),
    ):
        told = _since(desk, 0, **fields)
        assert [change["seq"] for change in told["changes"]] == seqs, fields
        assert told["next"] == 3
