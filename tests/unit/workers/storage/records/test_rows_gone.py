"""What is said of a memory that was there, deleted memories in a list, and ids by their beginning."""

from __future__ import annotations

from typing import Any

import pytest

from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.wire.ids import uuid7
from tests.unit.workers.desk import Desk

ID = "01a2225d-028c-7aaa-8bbb-000000000001"
NEAR = "01a2225d-028c-7aaa-8bbb-000000000002"
ASKING = ["memory.get", "memory.delete", "memory.update", "memory.graph"]


def ask(desk: Desk, operation: str, memory_id: str, **fields: Any) -> Any:
    more = {"tags": ["a"]} if operation == "memory.update" else {}
    return desk.ask(operation, {"id": memory_id, **more, **fields}, client="ada")


@pytest.mark.parametrize("operation", ASKING)
@pytest.mark.parametrize("place", ["default", None, ["default", "other"]])
def test_a_deleted_memory_is_told_with_its_time_its_client_and_the_way_back(
    operation: str, place: object, desk: Desk
) -> None:
    stored = desk.store("one", (1, 0))
    desk.store("elsewhere", namespace="other")
    seq = ask(desk, "memory.delete", stored["id"])["seq"]
    for name in (stored["id"], stored["content_hash"], stored["id"][:13]):
        if name != stored["id"][:13] or place == "default":
            with pytest.raises(NotFoundError, match=rf"deleted 20.* UTC by 'ada'; `memmux undo {seq}` brings it back"):
                ask(desk, operation, name, namespace=place)


def test_what_an_undo_deleted_an_undo_brings_back(desk: Desk) -> None:
    stored = desk.store("one")
    seq = desk.ask("memory.undo", {"seq": stored["seq"]})["seq"]
    with pytest.raises(NotFoundError, match=f"memmux undo {seq}`"):
        ask(desk, "memory.get", stored["id"])


def test_a_purged_memory_has_no_way_back(desk: Desk) -> None:
    stored = desk.store("one")
    desk.ask("memory.delete", {"id": stored["id"]})
    desk.ask("memory.purge", {"id": stored["id"]})
    with pytest.raises(NotFoundError, match=r"was purged .* only a backup") as raised:
        ask(desk, "memory.get", stored["id"])
    assert "undo" not in raised.value.message


def test_what_never_was_is_not_called_deleted(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="there is no memory"):
        ask(desk, "memory.get", uuid7())


def test_a_list_of_deleted_memories_has_the_last_deleted_first_and_how_each_was(desk: Desk) -> None:
    one, two, _ = (desk.store(text, tags=["t"]) for text in ("one", "two", "three"))
    seqs = [ask(desk, "memory.delete", memory["id"])["seq"] for memory in (two, one)]
    page = desk.ask("memory.list", {"deleted": True, "filter": {"tags": ["t"]}})
    assert ([memory["content"] for memory in page["memories"]], page["total"]) == (["one", "two"], 2)
    assert [(gone["seq"], gone["client"]) for gone in page["deletions"]] == [(seqs[1], "ada"), (seqs[0], "ada")]
    assert [memory["content"] for memory in desk.ask("memory.list", {})["memories"]] == ["three"]


def test_a_forget_names_the_first_and_the_last_of_its_changes(desk: Desk) -> None:
    for text in ("one", "two", "three"):
        desk.store(text, tags=["t"])
    done = desk.ask("memory.forget", {"filter": {"tags": ["t"]}})
    assert (done["first_seq"], done["last_seq"]) == (4, 6)
    assert "first_seq" not in desk.ask("memory.forget", {"filter": {"tags": ["none"]}})


@pytest.mark.parametrize("operation", [*ASKING, "memory.history"])
def test_the_beginning_of_an_id_names_its_memory(operation: str, desk: Desk) -> None:
    desk.store("one", id=ID)
    desk.store("two", id=NEAR, namespace="other")
    for beginning in (ID[:8], ID[:-1], ID[:13].upper()):
        ask(desk, operation, beginning)
        if operation == "memory.delete":
            return


@pytest.mark.parametrize("operation", [*ASKING, "memory.history"])
def test_the_beginning_of_several_ids_names_them(operation: str, desk: Desk) -> None:
    desk.store("one", id=ID)
    desk.store("two", id=NEAR)
    with pytest.raises(ArgumentInvalidError, match=f"begin with .*{ID}, {NEAR}; give more"):
        ask(desk, operation, ID[:13])


@pytest.mark.parametrize("operation", [*ASKING, "memory.history"])
@pytest.mark.parametrize("place", ["default", None, ["default", "other"]])
def test_a_whole_name_is_no_beginning(operation: str, place: object, desk: Desk) -> None:
    desk.store("elsewhere", namespace="other")
    desk.store("one", id=ID)
    desk.store("two", id=NEAR)
    desk.store("three", aliases=[ID[:8]])
    ask(desk, operation, ID[:8], namespace=place)
    (changed,) = desk.sql(
        "SELECT deleted_at IS NOT NULL, updated_at > created_at FROM memories WHERE content = 'three'"
    )
    assert changed == (operation == "memory.delete", operation == "memory.update")


@pytest.mark.parametrize("beginning", [ID[:7], ID[:8] + "%", "01a2225e", ID + "0", "zzzzzzzz"])
def test_what_is_too_short_or_no_beginning_is_not_found(beginning: str, desk: Desk) -> None:
    desk.store("one", id=ID)
    with pytest.raises(NotFoundError):
        ask(desk, "memory.get", beginning)
