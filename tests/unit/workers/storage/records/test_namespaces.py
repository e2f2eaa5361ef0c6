"""Namespaces: compared as tags are, both of two old spellings within reach, and no way around a key."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from memmux.errors import ArgumentInvalidError, MemmuxError, NotAllowedError, NotFoundError
from memmux.wire.grants import Grant
from memmux.wire.operations import OPERATIONS
from memmux.wire.roles import Role
from tests.unit.workers.desk import Desk, job
from tests.unit.workers.storage.dumps import line
from workers.runtime.confinement import confined

KEY = Grant(name="ada", role=Role.ADMIN, namespaces=("tianda", "work"))


def _old(desk: Desk, *names: str) -> None:
    """Load memories as a database of before has them: each namespace as it is spelled."""
    for number, name in enumerate(names):
        made = line(id=f"old-{number}", content=f"old words {number}", namespace=name)
        assert desk.ask("memory.load", {"memories": [made]})["created"] == 1


def _where(desk: Desk, memory_id: str) -> str:
    ((namespace,),) = desk.sql("SELECT namespace FROM memories WHERE id = ?", memory_id)
    return str(namespace)


def _as(desk: Desk, grant: Grant, operation: str, body: object) -> Any:
    """Ask as the client of a key does: through the confinement."""
    held = confined(job(operation, body, grant=grant))
    worker = desk.writer if OPERATIONS[operation].writes else desk.reader
    ((_, outcome),) = worker.handle([held], lambda: None)
    if isinstance(outcome, MemmuxError):
        raise outcome
    return orjson.loads(outcome.frames[0])


@pytest.mark.parametrize("name", ["tianda", "TIANDA", " Tianda ", "Tianda"])
def test_another_spelling_means_the_namespace_that_is_there(desk: Desk, name: str) -> None:
    memory_id = desk.store("the gate opens at nine", namespace="Tianda")["id"]
    assert desk.contents("gate", mode="keyword", namespace=name) == ["the gate opens at nine"]
    assert desk.ask("memory.list", {"filter": {"namespace": [name]}})["total"] == 1
    assert desk.ask("memory.get", {"id": memory_id, "namespace": name})["namespace"] == "Tianda"
    assert desk.ask("memory.update", {"id": memory_id, "type": "fact", "namespace": name})["id"] == memory_id
    assert desk.ask("memory.graph", {"id": memory_id, "namespace": name})["nodes"]
    assert desk.ask("memory.history", {"id": memory_id, "namespace": name})["changes"]
    assert desk.ask("memory.tags", {"namespace": name})["total"] == 0
    assert desk.ask("memory.forget", {"filter": {"type": "fact", "namespace": name}})["count"] == 1
    assert desk.ask("memory.purge", {"id": memory_id, "namespace": name})["purged"] == 1


def test_composed_and_taken_apart_are_one_name(desk: Desk) -> None:
    desk.store("salt", namespace="Küche")
    assert desk.contents("salt", mode="keyword", namespace="ku\u0308che".upper()) == ["salt"]


def test_stores_under_another_spelling_go_to_the_namespace_that_is_there(desk: Desk) -> None:
    desk.store("one", namespace="Tianda")
    stored = desk.store("two", namespace="tianda")
    assert _where(desk, stored["id"]) == "Tianda"
    assert desk.store("one", namespace="TIANDA")["status"] == "duplicate"
    batch = [{"content": "three", "namespace": "tianda"}, {"content": "four", "namespace": "New"}]
    batch += [{"content": "five", "namespace": "new"}, {"content": "six", "namespace": "NEW"}]
    stored = desk.ask("memory.store_batch", {"memories": batch})["stored"]
    assert [_where(desk, one["id"]) for one in stored] == ["Tianda", "New", "New", "New"]


def test_two_of_before_that_differ_only_in_case_both_stay_within_reach(desk: Desk) -> None:
    _old(desk, "Tianda", "tianda", "tianda")
    assert desk.ask("memory.list", {"filter": {"namespace": "Tianda"}})["total"] == 1
    assert desk.ask("memory.list", {"filter": {"namespace": "tianda"}})["total"] == 2
    assert desk.ask("memory.list", {"filter": {"namespace": "TIANDA"}})["total"] == 2  # the one with the most
    assert _where(desk, desk.store("new", namespace="Tianda")["id"]) == "Tianda"
    assert _where(desk, desk.store("new", namespace="tianda")["id"]) == "tianda"
    batch = [{"content": "b", "namespace": "Tianda"}, {"content": "c", "namespace": "tianda"}]
    stored = desk.ask("memory.store_batch", {"memories": batch})["stored"]
    assert [_where(desk, one["id"]) for one in stored] == ["Tianda", "tianda"]


def test_deleted_memories_are_found_under_the_spelling_that_they_have(desk: Desk) -> None:
    _old(desk, "tianda", "Tianda")
    desk.ask("memory.delete", {"id": "old-0", "namespace": "tianda"})
    assert desk.ask("memory.history", {"id": "old-0", "namespace": "tianda"})["changes"]
    assert desk.ask("memory.purge", {"id": "old-0", "namespace": "tianda"})["purged"] == 1
    desk.ask("memory.delete", {"id": "old-1", "namespace": "tianda"})  # which now means the other one
    assert desk.ask("memory.history", {"id": "old-1", "namespace": "TIANDA"})["changes"]


def test_an_emptied_namespace_is_found_under_any_spelling(desk: Desk) -> None:
    stored = desk.store("one", namespace="Work")
    desk.ask("memory.delete", {"id": stored["id"], "namespace": "Work"})
    for name in ("Work", "work", ["WORK"]):
        deleted = desk.ask("memory.list", {"deleted": True, "filter": {"namespace": name}})
        assert (deleted["total"], deleted["notes"]) == (1, [])
        line = desk.ask("memory.timeline", {"filter": {"namespace": name}})
        assert (len(line["days"]), line["notes"]) == (1, [])
        changes = desk.ask("memory.changes", {"after": 0, "namespace": name})
        assert ([change["operation"] for change in changes["changes"]], changes["notes"]) == (
            ["memory.store", "memory.delete"],
            [],
        )
    for operation, asked in (("memory.list", {"deleted": True}), ("memory.timeline", {})):
        (note,) = desk.ask(operation, {**asked, "filter": {"namespace": "garden"}})["notes"]
        assert note.startswith("no such namespace 'garden'")


def test_the_changes_of_a_namespace_are_those_of_where_its_memories_go(desk: Desk) -> None:
    _old(desk, "work")
    desk.ask("memory.delete", {"id": "old-0", "namespace": "work"})
    desk.store("new", namespace="Work")
    assert desk.store("new", namespace="work")["status"] == "duplicate"
    assert {
        change["namespace"] for change in desk.ask("memory.changes", {"after": 0, "namespace": "work"})["changes"]
    } == {"Work"}
    deleted = desk.ask("memory.list", {"deleted": True, "filter": {"namespace": "work"}})
    assert [memory["id"] for memory in deleted["memories"]] == ["old-0"]


def test_where_nothing_is_the_answer_says_what_there_is(desk: Desk) -> None:
    desk.store("a", namespace="Tianda")
    desk.store("b", namespace="work")
    note = "no such namespace 'garden'; there are 'Tianda', 'work'"
    for mode in ("keyword", "exact"):
        found = desk.ask("memory.match", {"query": "a", "mode": mode, "filter": {"namespace": "garden"}})
        assert (found["hits"], found["notes"]) == ([], [note])
    assert desk.ask("memory.list", {"filter": {"namespace": "garden"}})["notes"] == [note]
    assert desk.ask("memory.list", {"filter": {"namespace": ["work", "garden"]}})["notes"] == [note]
    assert desk.ask("memory.tags", {"namespace": "garden"})["notes"] == [note]
    assert desk.ask("memory.forget", {"filter": {"type": "x", "namespace": "garden"}})["notes"] == [note]
    assert desk.ask("memory.list", {"filter": {}})["notes"] == [note.replace("garden", "default")]
    for operation, more in (("memory.get", {}), ("memory.delete", {}), ("memory.update", {"type": "x"})):
        with pytest.raises(NotFoundError, match=r"^no such namespace 'garden'; there are 'Tianda', 'work'$"):
            desk.ask(operation, {"id": "x", "namespace": "garden", **more})


def test_where_something_is_the_answer_says_nothing(desk: Desk) -> None:
    assert desk.ask("memory.list", {"filter": {}})["notes"] == []  # nothing was stored yet
    desk.store("a", namespace="work")
    assert desk.ask("memory.list", {"filter": {"namespace": "Work"}})["notes"] == []
    assert desk.ask("memory.list", {"filter": {"namespace": None}})["notes"] == []
    assert desk.search("zebra", mode="keyword", namespace="work")["notes"] == []
    with pytest.raises(NotFoundError, match="no memory 'x' in namespace 'work'"):
        desk.ask("memory.get", {"id": "x", "namespace": "work"})


def test_a_note_names_some_of_many(desk: Desk) -> None:
    for number in range(13):
        desk.store("a", namespace=f"n{number:02}")
    (note,) = desk.ask("memory.list", {"filter": {"namespace": "x"}})["notes"]
    assert note.endswith("'n08', 'n09' and 3 more")


def test_a_memory_is_found_wherever_it_is(desk: Desk) -> None:
    stored = desk.store("here", namespace="work")
    desk.store("there", namespace="home")
    for name in (stored["id"], stored["content_hash"]):
        assert desk.ask("memory.get", {"id": name, "namespace": None})["namespace"] == "work"
        assert desk.ask("memory.update", {"id": name, "namespace": None, "type": "x"})["id"] == stored["id"]
        assert desk.ask("memory.graph", {"id": name, "namespace": ["home", "work"]})["nodes"]
    rewritten = desk.ask("memory.rewrite", {"id": stored["id"], "namespace": None, "content": "here again"})
    with pytest.raises(NotFoundError, match="in any namespace"):
        desk.ask("memory.get", {"id": "nothing", "namespace": None})
    with pytest.raises(NotFoundError, match="in the namespaces home"):
        desk.ask("memory.get", {"id": stored["id"], "namespace": ["home"]})
    desk.store("here again", namespace="home")
    with pytest.raises(ArgumentInvalidError, match="'home', 'work'; name one of them"):
        desk.ask("memory.delete", {"id": rewritten["content_hash"], "namespace": None})
    assert desk.ask("memory.delete", {"id": stored["id"], "namespace": None})["id"] == stored["id"]


@pytest.mark.parametrize("purged", [False, True])
def test_a_memory_that_is_gone_is_told_wherever_it_was(desk: Desk, purged: bool) -> None:
    alias = "ab" * 32
    stored = desk.store("gone", namespace="left", aliases=["called so", alias])
    desk.store("live", namespace="default")
    assert desk.ask("memory.get", {"id": "called so", "namespace": None})["namespace"] == "left"
    desk.ask("memory.delete", {"id": stored["id"], "namespace": None})
    if purged:
        desk.ask("memory.purge", {"id": stored["id"], "namespace": "left"})
    names = [stored["id"], stored["id"].upper()]
    if not purged:
        names += [stored["content_hash"].upper(), "called so", alias]
        names += [] if stored["id"][:23] in desk.store("later")["id"] else [stored["id"][:23]]
    for name in names:
        did = "purged" if purged else "deleted"
        assert desk.ask("memory.history", {"id": name, "namespace": None})["changes"][0]["did"] == did
        for place in (None, ["default", "left"]):
            for operation in ("memory.get", "memory.delete"):
                with pytest.raises(NotFoundError, match=f"was {did} "):
                    desk.ask(operation, {"id": name, "namespace": place})
        with pytest.raises(NotFoundError, match="in the namespaces default, other"):
            desk.ask("memory.get", {"id": name, "namespace": ["default", "other"]})


@pytest.mark.sqlite_only("counts the steps of SQLite's machine")
@pytest.mark.parametrize("operation", ["memory.get", "memory.delete", "memory.history"])
@pytest.mark.parametrize("name", ["01890000-0000-7000-8000-000000000000", "0189aaaa", "a name"])
def test_who_asks_wherever_a_memory_is_goes_through_no_others(desk: Desk, operation: str, name: str) -> None:
    raw = desk.engine._raw if operation == "memory.delete" else desk.questions._raw
    steps, statements = list[None](), list[str]()

    def cost() -> tuple[int, int]:
        steps.clear()
        statements.clear()
        raw.set_progress_handler(lambda: bool(steps.append(None)), 1, id="steps")
        raw.exec_trace = lambda _, sql, __: not statements.append(sql)
        with pytest.raises(NotFoundError, match="in any namespace"):
            desk.ask(operation, {"id": name, "namespace": None})
        raw.exec_trace = None
        raw.set_progress_handler(None, id="steps")
        return len(steps), len(statements)

    desk.store("one")
    desk.ask("memory.delete", {"id": desk.store("another")["id"]})
    before = cost()
    for number in range(50):
        desk.ask(
            "memory.delete", {"id": desk.store(f"gone {number}", namespace=f"n{number % 5}")["id"], "namespace": None}
        )
    assert cost()[0] < before[0] + 50
    for number in range(20):
        desk.store("live", namespace=f"n{number}")
    assert cost()[1] <= before[1]


# keys


def test_another_spelling_is_no_way_out_of_a_key(desk: Desk) -> None:
    _old(desk, "Tianda", "WORK", "secret")
    for name in ("tianda", "work"):  # its own, of which there is none, and which are others' but for their spelling
        found = _as(desk, KEY, "memory.list", {"filter": {"namespace": name}})
        assert (found["total"], found["notes"]) == (0, [f"no such namespace {name!r}; there is none yet"])
        for operation in ("memory.get", "memory.delete"):
            with pytest.raises(NotFoundError, match="there is none yet"):
                _as(desk, KEY, operation, {"id": "old-0", "namespace": name})
    for name in ("Tianda", "WORK", " tianda", "secret"):
        with pytest.raises(NotAllowedError):
            _as(desk, KEY, "memory.list", {"filter": {"namespace": name}})
        with pytest.raises(NotAllowedError):
            _as(desk, KEY, "memory.get", {"id": "old-0", "namespace": name})
    with pytest.raises(NotFoundError):
        _as(desk, KEY, "memory.get", {"id": "old-0", "namespace": None})
    stored = _as(desk, KEY, "memory.store", {"content": "mine", "namespace": "tianda"})
    assert _where(desk, stored["id"]) == "tianda"
    batch = [{"content": "m", "namespace": "tianda"}, {"content": "n", "namespace": "work"}]
    stored = _as(desk, KEY, "memory.store_batch", {"memories": batch})["stored"]
    assert [_where(desk, one["id"]) for one in stored] == ["tianda", "work"]


def test_a_key_learns_the_names_of_its_own_alone(desk: Desk) -> None:
    _old(desk, "secret", "tianda")
    found = _as(desk, KEY, "memory.list", {"filter": {"namespace": "work"}})
    assert found["notes"] == ["no such namespace 'work'; there are 'tianda'"]
    assert _as(desk, KEY, "memory.changes", {"after": 0, "namespace": "work"})["notes"] == found["notes"]
    with pytest.raises(NotFoundError) as raised:
        _as(desk, KEY, "memory.get", {"id": "old-0", "namespace": None})
    assert "secret" not in raised.value.message
    assert _as(desk, KEY, "memory.get", {"id": "old-1", "namespace": None})["namespace"] == "tianda"


# names of memories


def test_ids_digests_and_aliases_in_upper_case_are_found(desk: Desk) -> None:
    alias, shouted = "ab" * 32, "CD" * 32
    stored = desk.store("a memory", aliases=[alias, shouted])
    kept = stored["id"]
    for name in (kept, stored["content_hash"], alias, shouted):
        for given in (name, name.upper(), name.lower()):
            assert desk.ask("memory.get", {"id": given})["id"] == kept
    assert desk.ask("memory.get", {"id": kept.replace("-", "")})["id"] == kept
    assert desk.ask("memory.use", {"ids": [kept.upper()]}) == {"count": 1}
    assert desk.ask("memory.graph", {"id": kept.upper()})["nodes"]
    assert desk.ask("memory.delete", {"id": stored["content_hash"].upper()})["id"] == kept
    assert desk.ask("memory.history", {"id": kept.upper()})["changes"]
    assert desk.ask("memory.history", {"id": alias.upper()})["changes"]
    assert desk.ask("memory.purge", {"id": kept.upper()})["purged"] == 1
    assert desk.ask("memory.history", {"id": kept.upper()})["changes"]
