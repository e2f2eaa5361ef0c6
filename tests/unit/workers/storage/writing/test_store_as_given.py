"""A store that says which id, time and aliases the memory has, as importers do."""

from __future__ import annotations

from typing import Any

import pytest

from memmux.errors import IdConflictError, KeyConflictError
from tests.unit.workers.desk import Desk, job

ID = "0198c5a2-6f1e-7c3a-9d42-5b8e1f2a3c4d"
OTHER = "2c5ea4c0-4067-5fe9-8bad-5b8e1f2a3c4d"
MOMENT = "2019-05-04T03:02:01.250000+00:00"


def test_a_memory_has_the_id_time_and_aliases_that_were_given(desk: Desk) -> None:
    stored = desk.store("x", id=ID, created_at=MOMENT, aliases=["b", "a"])
    assert (stored["id"], stored["status"]) == (ID, "created")
    memory = desk.ask("memory.get", {"id": "a"})
    assert (memory["id"], memory["created_at"], memory["updated_at"]) == (ID, MOMENT, MOMENT)
    assert memory["aliases"] == ["a", "b"]
    newer = desk.store("y")
    listed = desk.ask("memory.list", {})["memories"]
    assert [found["id"] for found in listed] == [newer["id"], ID]
    desk.check()


def test_the_change_log_says_when_it_was_stored_not_when_it_was_created(desk: Desk) -> None:
    desk.store("x", id=ID, created_at=MOMENT)
    (change,) = desk.ask("memory.history", {"id": ID})["changes"]
    assert (change["did"], change["before"]) == ("stored", None)
    assert change["at"] > "2027"


def test_it_is_deleted_and_brought_back_as_it_was(desk: Desk) -> None:
    stored = desk.store("x", id=ID, created_at=MOMENT, aliases=["a"])
    before = desk.ask("memory.get", {"id": ID})
    deleted = desk.ask("memory.delete", {"id": "a"})
    desk.ask("memory.undo", {"seq": deleted["seq"]})
    assert desk.ask("memory.get", {"id": "a"}) == before
    desk.ask("memory.undo", {"seq": desk.ask("memory.history", {"id": ID})["changes"][0]["seq"]})
    assert desk.ask("memory.list", {})["total"] == 0
    assert stored["seq"] == 1
    desk.check()


def test_the_same_memory_again_is_a_duplicate_that_changes_nothing(desk: Desk) -> None:
    first = desk.store("x", id=ID)
    again = desk.store("x", id=ID)
    assert (again["id"], again["status"], again["seq"]) == (ID, "duplicate", first["seq"])


@pytest.mark.parametrize("namespace", ["default", "elsewhere"])
def test_an_id_that_another_memory_has_is_refused_and_nothing_is_stored(desk: Desk, namespace: str) -> None:
    desk.store("x", id=ID)
    with pytest.raises(IdConflictError, match=ID):
        desk.store("y", id=ID, namespace=namespace)
    assert desk.ask("memory.list", {"filter": {"namespace": None}})["total"] == 1
    desk.check()


def test_an_id_of_a_deleted_memory_is_refused_and_of_a_purged_one_is_free(desk: Desk) -> None:
    desk.store("x", id=ID)
    desk.ask("memory.delete", {"id": ID})
    with pytest.raises(IdConflictError, match="undo its deletion"):
        desk.store("y", id=ID)
    desk.ask("memory.purge", {"id": ID})
    assert desk.store("y", id=ID)["status"] == "created"
    changes = desk.ask("memory.history", {"id": ID})["changes"]
    assert [change["did"] for change in changes] == ["stored"]  # of the one that has it now


@pytest.mark.parametrize("given", [{"aliases": ["free", "taken"]}, {"aliases": [ID]}, {"id": OTHER}])
def test_a_name_that_another_memory_goes_by_is_refused(desk: Desk, given: dict[str, Any]) -> None:
    desk.store("x", id=ID, aliases=["taken", OTHER])
    with pytest.raises(IdConflictError, match="another memory goes by"):
        desk.store("y", **given)
    assert desk.store("y", namespace="elsewhere", aliases=["taken"])["status"] == "created"


def test_an_alias_of_a_deleted_memory_is_refused(desk: Desk) -> None:
    desk.store("x", aliases=["a"])
    desk.ask("memory.delete", {"id": "a"})
    with pytest.raises(IdConflictError, match="'a'"):
        desk.store("y", aliases=["a"])


def test_a_batch_in_which_two_have_one_id_is_refused_as_a_whole(desk: Desk) -> None:
    memories = [{"content": "x", "id": ID}, {"content": "y", "id": ID}]
    with pytest.raises(IdConflictError):
        desk.ask("memory.store_batch", {"memories": memories})
    assert desk.ask("memory.list", {})["total"] == 0


def test_a_store_that_is_sent_again_is_answered_again_and_another_one_under_its_key_is_refused(desk: Desk) -> None:
    first = desk.store("x", id=ID, created_at=MOMENT, key="k")
    assert desk.store("x", id=ID, created_at=MOMENT, key="k") == first
    with pytest.raises(KeyConflictError):
        desk.store("x", id=ID, key="k")


def test_a_dump_takes_it_elsewhere_as_it_is(desk: Desk) -> None:
    desk.store("x", id=ID, created_at=MOMENT, aliases=["a"])
    (line,) = desk.ask("memory.dump", {})["memories"]
    assert (line["id"], line["aliases"], line["created_at"]) == (ID, ["a"], 1556938921.25)
    ((_, loaded),) = desk.write(job("memory.load", {"memories": [line]}))
    assert b'"skipped":1' in loaded.frames[0]


def test_acknowledgements_name_the_aliases_of_a_memory_that_was_there(desk: Desk) -> None:
    stored = desk.store("one", aliases=["former"])
    assert "aliases" not in stored
    assert desk.store("one")["aliases"] == ["former"]
    assert desk.ask("memory.update", {"id": "former", "type": "x"})["aliases"] == ["former"]
    deleted = desk.ask("memory.delete", {"id": "former"})
    assert (deleted["aliases"], deleted["content_hash"]) == (["former"], stored["content_hash"])
