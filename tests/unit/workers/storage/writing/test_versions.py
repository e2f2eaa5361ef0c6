"""Versions: a newer memory takes another's place, and either change can be undone."""

from __future__ import annotations

from typing import Any

import pytest

from memmux.errors import ArgumentInvalidError, NotFoundError, UndoConflictError
from memmux.wire.ids import uuid7
from tests.unit.workers.desk import Desk, frames
from tests.unit.workers.storage.dumps import line

OLD, NEW = "the port is 5433", "the port is 5434"


def get(desk: Desk, memory_id: str) -> Any:
    return desk.ask("memory.get", {"id": memory_id})


def renew(desk: Desk, memory_id: str, content: str = NEW, **fields: Any) -> Any:
    body = {"id": memory_id, "content": content, "versioned": True, **fields}
    return desk.ask("memory.rewrite", body, *frames([(0, 1)]))


def told(desk: Desk, memory_id: str) -> list[str]:
    return [change["did"] for change in desk.ask("memory.history", {"id": memory_id})["changes"]]


def test_a_new_version_has_what_changes_over_what_the_old_one_has(desk: Desk) -> None:
    stored = desk.store(OLD, (1, 0), tags=["A"], type="fact", metadata={"k": 1, "gone": 2})
    before = get(desk, stored["id"])
    newer = renew(desk, stored["id"], metadata={"gone": None, "n": 3})
    memory = get(desk, newer["id"])
    assert newer["id"] != stored["id"]
    assert (memory["content"], memory["tags"], memory["type"]) == (NEW, ["A"], "fact")
    assert (memory["metadata"], memory["supersedes"]) == ({"k": 1, "n": 3}, stored["id"])
    assert get(desk, stored["id"]) == {**before, "superseded_by": newer["id"]}
    assert (newer["seq"], newer["indexed"]) == (3, True)
    tagged = renew(desk, newer["id"], "the port is 5435", tags=["b"], type="note")
    memory = get(desk, tagged["id"])
    assert (memory["tags"], memory["type"]) == (["b"], "note")


@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid", "ranked", "exact"])
def test_a_search_leaves_superseded_ones_out_unless_they_are_asked_for(desk: Desk, mode: str) -> None:
    renew(desk, desk.store(OLD, (1, 0))["id"])
    assert desk.contents("the port is", (1, 0), mode=mode) == [NEW]
    assert sorted(desk.contents("the port is", (1, 0), mode=mode, include_superseded=True)) == [OLD, NEW]
    assert desk.ask("memory.list", {})["total"] == 2
    assert desk.ask("memory.list", {"filter": {"include_superseded": False}})["total"] == 1


def test_the_history_tells_of_versions(desk: Desk) -> None:
    stored = desk.store(OLD)
    newer = renew(desk, stored["id"])
    assert told(desk, stored["id"]) == ["superseded by a newer version", "stored"]
    assert told(desk, newer["id"]) == ["stored as a newer version"]


def test_an_undone_new_version_makes_the_old_one_current_again_and_back(desk: Desk) -> None:
    stored = desk.store(OLD)
    newer = renew(desk, stored["id"])
    undone = desk.ask("memory.undo", {"seq": newer["seq"]})
    assert (undone["id"], undone["deleted"]) == (newer["id"], True)
    assert desk.contents("port", mode="keyword") == [OLD]
    assert told(desk, stored["id"])[0] == "undid a change: made current again"
    desk.ask("memory.undo", {"seq": undone["seq"]})
    assert desk.contents("port", mode="keyword") == [NEW]
    assert get(desk, stored["id"])["superseded_by"] == newer["id"]


def test_an_undone_end_of_the_old_one_leaves_both(desk: Desk) -> None:
    stored = desk.store(OLD)
    newer = renew(desk, stored["id"])
    desk.ask("memory.undo", {"seq": newer["seq"] - 1})
    assert sorted(desk.contents("port", mode="keyword")) == [OLD, NEW]
    assert get(desk, stored["id"])["superseded_by"] is None
    desk.ask("memory.undo", {"seq": newer["seq"] + 1})
    assert desk.contents("port", mode="keyword") == [NEW]


def test_a_load_of_versions_is_undone_newest_first(desk: Desk) -> None:
    ids = [uuid7(), uuid7()]
    older = line(id=ids[0], content=OLD, superseded_by=ids[1])
    newer = line(id=ids[1], content=NEW, supersedes=ids[0])
    loaded = desk.ask("memory.load", {"memories": [older, newer]})
    for seq in (loaded["seq"], loaded["first_seq"]):
        assert desk.ask("memory.undo", {"seq": seq})["deleted"]
    assert desk.ask("memory.list", {})["total"] == 0


def test_the_end_of_the_old_one_is_no_change_to_undo_once_the_new_one_is_undone(desk: Desk) -> None:
    newer = renew(desk, desk.store(OLD)["id"])
    desk.ask("memory.undo", {"seq": newer["seq"]})
    with pytest.raises(ArgumentInvalidError, match="as it was before change 2 already"):
        desk.ask("memory.undo", {"seq": newer["seq"] - 1})


def test_the_end_of_the_old_one_is_not_undone_under_a_later_change(desk: Desk) -> None:
    stored = desk.store(OLD)
    newer = renew(desk, stored["id"])
    desk.ask("memory.undo", {"seq": newer["seq"]})
    desk.ask("memory.update", {"id": stored["id"], "tags": ["x"]})
    with pytest.raises(UndoConflictError):
        desk.ask("memory.undo", {"seq": newer["seq"] - 1})


def test_a_deleted_version_leaves_the_old_one_hidden_and_its_return_too(desk: Desk) -> None:
    stored = desk.store(OLD)
    newer = renew(desk, stored["id"])
    deleted = desk.ask("memory.delete", {"id": newer["id"]})
    back = desk.ask("memory.undo", {"seq": deleted["seq"]})
    assert get(desk, stored["id"])["superseded_by"] == newer["id"]
    desk.ask("memory.undo", {"seq": back["seq"]})
    assert get(desk, stored["id"])["superseded_by"] == newer["id"]


def test_what_is_said_again_holds_again(desk: Desk) -> None:
    stored = desk.store(OLD)
    renew(desk, stored["id"])
    again = desk.store(OLD)
    assert (again["id"], again["status"], again["seq"]) == (stored["id"], "duplicate", 4)
    assert sorted(desk.contents("port", mode="keyword")) == [OLD, NEW]
    assert desk.store(OLD)["seq"] == 4


def test_a_new_version_needs_a_content_of_its_own_and_a_current_memory(desk: Desk) -> None:
    stored, other = desk.store(OLD), desk.store("another")
    with pytest.raises(ArgumentInvalidError, match="content"):
        desk.ask("memory.update", {"id": stored["id"], "tags": ["x"], "versioned": True})
    for content, named in ((OLD, stored), ("another", other)):
        with pytest.raises(ArgumentInvalidError, match=named["id"]):
            renew(desk, stored["id"], content)
    newer = renew(desk, stored["id"])
    with pytest.raises(ArgumentInvalidError, match=newer["id"]):
        renew(desk, stored["id"], "yet another")
    with pytest.raises(NotFoundError):
        renew(desk, "nothing")
    assert desk.writer.facts()["memories"] == 3


def test_many_superseded_ones_are_left_out_like_few(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        renew(desk, desk.store(f"old {number}", (1, 0))["id"], f"new {number}")
    few = [desk.search("x", (1, 0), mode=mode, limit=20) for mode in ("semantic", "hybrid")]
    assert all(hit["memory"]["content"].startswith("new") for found in few for hit in found["hits"])
    monkeypatch.setattr("workers.storage.reading.scope.FEW", 2)
    assert [desk.search("x", (1, 0), mode=mode, limit=20) for mode in ("semantic", "hybrid")] == few
    assert len(few[0]["hits"]) == 6
