"""Superseded memories: listed with what took their place."""

from __future__ import annotations

from typing import Any

from tests.unit.workers.desk import Desk


def _renew(desk: Desk, memory_id: str, content: str, **fields: Any) -> Any:
    return desk.ask("memory.rewrite", {"id": memory_id, "content": content, "versioned": True, **fields})


def _pairs(found: Any) -> list[tuple[str, str | None, bool]]:
    return [(one["memory"]["content"], one["by"] and one["by"]["content"], one["deleted"]) for one in found["memories"]]


def test_former_versions_are_listed_newest_first_with_the_newest_one(desk: Desk) -> None:
    one = desk.store("port 1", tags=["Port"])["id"]
    two = _renew(desk, one, "port 2")["id"]
    _renew(desk, two, "port 3")
    desk.store("something else")
    found = desk.ask("memory.superseded", {})
    assert _pairs(found) == [("port 2", "port 3", False), ("port 1", "port 3", False)]
    assert (found["total"], found["notes"]) == (2, [])
    page = desk.ask("memory.superseded", {"limit": 1, "offset": 1, "filter": {"tags": ["PORT"]}})
    assert (_pairs(page), page["total"]) == ([("port 1", "port 3", False)], 2)


def test_a_deleted_memory_is_not_listed_and_a_deleted_or_purged_successor_is_said_to_be(desk: Desk) -> None:
    one = desk.store("port 1")["id"]
    two = _renew(desk, one, "port 2")["id"]
    desk.ask("memory.delete", {"id": two})
    assert _pairs(desk.ask("memory.superseded", {})) == [("port 1", "port 2", True)]
    desk.ask("memory.purge", {"id": two})
    assert _pairs(desk.ask("memory.superseded", {})) == [("port 1", None, False)]
    desk.ask("memory.delete", {"id": one})
    found = desk.ask("memory.superseded", {})
    assert (found["memories"], found["total"]) == ([], 0)


def test_what_is_superseded_itself_took_no_place(desk: Desk) -> None:
    versions = [desk.store("v1")["id"]]
    for number in range(2, 5):
        versions.append(_renew(desk, versions[-1], f"v{number}")["id"])
    desk.ask("memory.delete", {"id": versions[1]})
    assert _pairs(desk.ask("memory.superseded", {})) == [("v3", "v4", False), ("v1", "v4", False)]
    desk.ask("memory.delete", {"id": versions[3]})
    assert _pairs(desk.ask("memory.superseded", {})) == [("v3", "v4", True), ("v1", "v4", True)]
    desk.ask("memory.purge", {"id": versions[3]})
    assert _pairs(desk.ask("memory.superseded", {})) == [("v3", None, False), ("v1", None, False)]
    desk.sql("UPDATE memories SET superseded_by = ? WHERE id = ?", versions[0], versions[2])  # as an import may
    assert _pairs(desk.ask("memory.superseded", {})) == [("v3", None, False), ("v1", None, False)]


def test_each_namespace_has_its_own_and_no_successor_in_another_is_shown(desk: Desk) -> None:
    ours = desk.store("ours", namespace="ours")["id"]
    theirs = desk.store("theirs", namespace="theirs")["id"]
    _renew(desk, ours, "ours, new", namespace="ours")
    # An import may name any id.
    desk.sql("UPDATE memories SET superseded_by = ? WHERE id = ?", theirs, desk.store("lone", namespace="ours")["id"])
    found = desk.ask("memory.superseded", {"filter": {"namespace": "ours"}})
    assert sorted(_pairs(found)) == [("lone", None, False), ("ours", "ours, new", False)]
    assert desk.ask("memory.superseded", {})["memories"] == []
    assert desk.ask("memory.superseded", {"filter": {"namespace": "nowhere"}})["notes"]
