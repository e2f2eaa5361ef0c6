"""What happened to a memory, and how it is undone."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from memmux.errors import ArgumentInvalidError, NotFoundError, UndoConflictError
from tests.unit.workers.desk import Desk, frames, job, waiting
from tests.unit.workers.storage.dumps import dumped, line


def get(desk: Desk, memory_id: str) -> Any:
    return desk.ask("memory.get", {"id": memory_id})


def undo(desk: Desk, seq: int) -> Any:
    return desk.ask("memory.undo", {"seq": seq})


def told(desk: Desk, memory_id: str, **fields: Any) -> list[tuple[int, str]]:
    changes = desk.ask("memory.history", {"id": memory_id, **fields})["changes"]
    return [(change["seq"], change["did"]) for change in changes]


# history


def test_a_history_tells_newest_first_what_each_change_did(desk: Desk) -> None:
    stored = desk.store("one", tags=["a"])
    desk.store("another")
    desk.ask("memory.update", {"id": stored["id"], "tags": ["b"], "type": "note"})
    desk.ask("memory.rewrite", {"id": stored["id"], "content": "two"})
    desk.ask("memory.update", {"id": stored["id"], "tags": ["b"]})
    desk.ask("memory.delete", {"id": stored["id"]})
    assert told(desk, stored["id"]) == [
        (6, "deleted"),
        (5, "changed nothing"),
        (4, "changed content"),
        (3, "changed tags, type"),
        (1, "stored"),
    ]
    assert told(desk, stored["id"], limit=2) == [(6, "deleted"), (5, "changed nothing")]


def test_a_change_says_who_made_it_when_and_what_was_before(desk: Desk) -> None:
    stored = desk.store("one", metadata={"k": 1})
    before = get(desk, stored["id"])
    desk.write(job("memory.update", {"id": stored["id"], "type": "note"}, id="request-1", client="somebody"))
    newest, oldest = desk.ask("memory.history", {"id": stored["id"]})["changes"]
    assert (newest["client"], newest["request"], newest["operation"]) == ("somebody", "request-1", "memory.update")
    assert newest["before"] == before
    assert newest["at"] == get(desk, stored["id"])["updated_at"]
    assert oldest["before"] is None


def test_vectors_that_came_later_are_told_and_hide_no_change(desk: Desk) -> None:
    stored = desk.store("one")
    asked, texts = waiting(desk)
    desk.ask("vectors.backfill", asked, texts, *frames([(1, 0)]))
    desk.ask("memory.update", {"id": stored["id"], "tags": ["x"]})
    assert told(desk, stored["id"]) == [(3, "changed tags"), (2, "got vectors"), (1, "stored")]


def test_a_content_hash_names_the_live_memory_first_and_then_the_last_deleted(desk: Desk) -> None:
    content_hash = desk.store("one")["content_hash"]
    desk.ask("memory.delete", {"id": content_hash})
    assert told(desk, content_hash) == [(2, "deleted"), (1, "stored")]
    desk.store("one")
    assert told(desk, content_hash) == [(3, "stored")]


def test_a_history_keeps_to_its_namespace(desk: Desk) -> None:
    stored = desk.store("one", namespace="other")
    assert told(desk, stored["id"], namespace="other") == [(1, "stored")]
    for memory_id in (stored["id"], stored["content_hash"], "nothing"):
        with pytest.raises(NotFoundError, match=memory_id):
            told(desk, memory_id)


# undo


def test_an_undone_store_is_a_deleted_memory(desk: Desk) -> None:
    stored = desk.store("one", (1, 0))
    undone = undo(desk, stored["seq"])
    assert (undone["id"], undone["seq"], undone["undone"], undone["deleted"]) == (stored["id"], 2, 1, True)
    with pytest.raises(NotFoundError):
        get(desk, stored["id"])
    assert desk.contents("one", mode="keyword") == []
    assert desk.sql("SELECT count(*) FROM vectors") == [(0,)]
    assert told(desk, stored["id"]) == [(2, "undid a change: deleted"), (1, "stored")]


def test_an_undone_delete_brings_everything_back_but_the_vector_which_follows(desk: Desk) -> None:
    stored = desk.store("one thing", (1, 0), tags=["A", "b"], type="note", metadata={"k": 1})
    before = get(desk, stored["id"])
    deleted = desk.ask("memory.delete", {"id": stored["id"]})
    undone = undo(desk, deleted["seq"])
    assert (undone["deleted"], undone["indexed"], undone["content_hash"]) == (False, False, stored["content_hash"])
    assert get(desk, stored["id"]) == before
    assert desk.contents("thing", mode="keyword") == ["one thing"]
    assert desk.writer.facts()["pending"] == 1
    assert [memory["id"] for memory in _texts(desk)] == [stored["id"]]


def _texts(desk: Desk) -> Any:
    return orjson.loads(waiting(desk)[1])["memories"]


def test_an_undone_update_is_the_former_state(desk: Desk) -> None:
    stored = desk.store("one", (1, 0), tags=["A", "b"], metadata={"k": 1})
    before = get(desk, stored["id"])
    updated = desk.ask("memory.update", {"id": stored["id"], "tags": ["c"], "type": "note", "metadata": {"k": None}})
    undone = undo(desk, updated["seq"])
    after = get(desk, stored["id"])
    assert {**after, "updated_at": before["updated_at"]} == before
    assert after["updated_at"] > before["updated_at"]
    assert undone["indexed"] is True
    assert desk.ask("memory.list", {"filter": {"tags": ["c"]}})["total"] == 0


def test_an_undone_rewrite_brings_the_words_back_and_drops_the_vectors_of_the_others(desk: Desk) -> None:
    stored = desk.store("old words", (1, 0))
    rewritten = desk.ask("memory.rewrite", {"id": stored["id"], "content": "new text"}, *frames([(0, 1)]))
    undone = undo(desk, rewritten["seq"])
    assert (undone["content_hash"], undone["indexed"]) == (stored["content_hash"], False)
    assert desk.contents("words", mode="keyword") == ["old words"]
    assert desk.contents("text", mode="keyword") == []
    assert desk.sql("SELECT count(*) FROM vectors") == [(0,)]
    assert desk.writer.facts()["pending"] == 1


def test_an_undo_is_undone_as_often_as_one_likes(desk: Desk) -> None:
    memory_id = desk.store("one")["id"]
    seq = desk.ask("memory.delete", {"id": memory_id})["seq"]
    for deleted in (False, True, False, True, False):
        undone = undo(desk, seq)
        assert undone["deleted"] is deleted
        seq = undone["seq"]
    seq = desk.ask("memory.rewrite", {"id": memory_id, "content": "two"})["seq"]
    for content in ("one", "two", "one"):
        seq = undo(desk, seq)["seq"]
        assert get(desk, memory_id)["content"] == content
    assert told(desk, memory_id)[0] == (seq, "undid a change: changed content")


def test_a_change_is_not_undone_under_a_later_one_which_is_named(desk: Desk) -> None:
    stored = desk.store("one")
    desk.ask("memory.update", {"id": stored["id"], "tags": ["x"]})
    with pytest.raises(UndoConflictError, match="change 2;"):
        undo(desk, 1)
    undo(desk, 2)
    with pytest.raises(UndoConflictError, match="change 3;"):
        undo(desk, 2)
    desk.store("another")
    assert undo(desk, 3)["deleted"] is False


def test_changes_are_undone_one_after_the_other_newest_first(desk: Desk) -> None:
    stored = desk.store("a", tags=["one"])
    given = [{"tags": ["two"]}, {"type": "note"}, {"metadata": {"k": 1}}, {"tags": ["three"]}]
    changes = [desk.ask("memory.update", {"id": stored["id"], **fields})["seq"] for fields in given]
    changes.append(desk.ask("memory.delete", {"id": stored["id"]})["seq"])
    with pytest.raises(UndoConflictError):
        desk.ask("memory.undo", {"seq": changes[0]})
    for seq in reversed(changes):
        desk.ask("memory.undo", {"seq": seq})
    memory = desk.ask("memory.get", {"id": stored["id"]})
    assert (memory["tags"], memory["type"], memory["metadata"]) == (["one"], None, {})
    assert desk.ask("memory.undo", {"seq": stored["seq"]})["deleted"]
    desk.check()


def test_vectors_that_came_later_are_in_no_undos_way(desk: Desk) -> None:
    stored = desk.store("one")
    asked, texts = waiting(desk)
    desk.ask("vectors.backfill", asked, texts, *frames([(1, 0)]))
    with pytest.raises(ArgumentInvalidError, match="change 2"):
        undo(desk, 2)
    assert undo(desk, stored["seq"])["deleted"] is True


def test_what_would_be_there_twice_is_not_brought_back(desk: Desk) -> None:
    stored = desk.store("one")
    deleted = desk.ask("memory.delete", {"id": stored["id"]})
    other = desk.store("one")["id"]
    with pytest.raises(UndoConflictError, match=other):
        undo(desk, deleted["seq"])
    assert desk.ask("memory.list", {})["total"] == 1
    rewritten = desk.ask("memory.rewrite", {"id": other, "content": "two"})
    third = desk.store("one")["id"]
    with pytest.raises(UndoConflictError, match=third):
        undo(desk, rewritten["seq"])
    assert get(desk, other)["content"] == "two"


def test_no_change_is_undone_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="change 7"):
        undo(desk, 7)


def test_an_undo_that_is_sent_twice_is_done_once(desk: Desk) -> None:
    stored = desk.store("one")
    first = desk.ask("memory.undo", {"seq": stored["seq"]}, key="k")
    assert desk.ask("memory.undo", {"seq": stored["seq"]}, key="k") == first
    assert len(told(desk, stored["id"])) == 2


@pytest.mark.parametrize("changed", [{}, {"tags": ["later"]}])
def test_what_later_changes_linked_is_not_lost_by_an_undo(desk: Desk, changed: dict[str, Any]) -> None:
    """changed: what is changed between the two changes of links, and undone again."""

    def linked(*targets: str) -> int:
        links = [{"target": target, "created_at": 3.5} for target in targets]
        given = line(links=links, origin={"links": len(targets)}, updated_at=desk.clock())
        return int(desk.ask("memory.load", {"memories": [given], "adopt": True, "newest": True})["seq"])

    def now() -> list[str]:
        return [link["target"] for link in dumped(desk)[0]["links"]]

    first, second = linked("a"), linked("a", "b")
    if changed:
        undo(desk, desk.ask("memory.update", {"id": dumped(desk)[0]["id"], **changed})["seq"])
    third = linked("a", "b", "c")
    for earlier in (second, first):
        with pytest.raises(UndoConflictError, match=f"last by change {third}"):
            undo(desk, earlier)
    assert now() == ["a", "b", "c"]
    undo(desk, third)
    undo(desk, second)
    assert now() == ["a"]
    assert dumped(desk)[0]["origin"] == {"links": 1}
    undo(desk, first)
    assert dumped(desk)[0]["deleted_at"]
