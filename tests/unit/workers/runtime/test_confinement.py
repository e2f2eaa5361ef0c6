"""What a client with a key may do with bodies: it stays inside its namespaces, and learns nothing of others."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import orjson
import pytest

from memmux import errors
from memmux.errors import MemmuxError, NotAllowedError, NotFoundError, QuotaExceededError
from memmux.wire.grants import LOCAL, Grant
from memmux.wire.operations import OPERATIONS
from memmux.wire.protocol import Header, Kind
from memmux.wire.requests import BODIES, Nothing
from memmux.wire.roles import Role
from tests.unit.workers.desk import Desk, frames, job
from workers.runtime.confinement import _RULES, confined, grant_of, key_of

ADA = Grant(name="ada", role=Role.ADMIN, namespaces=("notes", "work"))
BOB = Grant(name="bob", role=Role.WRITE, namespaces=("bob",))
WELL_FORMED: dict[str, dict[str, Any]] = {
    "memory.store": {"content": "x"},
    "memory.store_similar": {"content": "x"},
    "memory.store_batch": {"memories": [{"content": "x"}, {"content": "y", "namespace": "default"}]},
    "memory.search": {"query": "x"},
    "memory.match": {"query": "x", "mode": "keyword"},
    "memory.get": {"id": "x"},
    "memory.list": {},
    "memory.graph": {"id": "x"},
    "memory.namespaces": {},
    "memory.tags": {},
    "memory.timeline": {},
    "memory.duplicates": {},
    "memory.superseded": {},
    "memory.update": {"id": "x", "tags": ["t"]},
    "memory.rewrite": {"id": "x", "content": "y"},
    "memory.delete": {"id": "x"},
    "memory.forget": {"filter": {"tags": ["t"]}},
    "memory.use": {"ids": ["x"]},
    "memory.history": {"id": "x"},
    "memory.changes": {},
    "memory.undo": {"seq": 1},
    "memory.purge": {"id": "x"},
    "memory.dump": {},
    "memory.load": {"memories": [{}]},
    "admin.backup": {},
    "admin.rebuild": {},
    "admin.verify": {},
    "cluster.status": {},
    "cluster.stop": {},
}
"""A body for each operation that names no namespace."""
ASKED = {name for name, operation in OPERATIONS.items() if not operation.internal}
BY_NUMBER = ("memory.use", "memory.undo", "memory.namespaces")
"""Operations that are about all namespaces of the key, if nothing is said."""
FILTERED = sorted(name for name in ASKED if "filter" in {known.name for known in fields(BODIES.get(name, Nothing))})
HELD = sorted(name for name in ASKED if BODIES.get(name) in _RULES)


def _held(operation: str, body: dict[str, Any], grant: Grant = ADA) -> Any:
    return orjson.loads(confined(job(operation, body, grant=grant)).frames[0])


def _ask(desk: Desk, grant: Grant, operation: str, body: dict[str, Any], *blobs: bytes, **fields: Any) -> Any:
    """Ask as the serving loop hands it in."""
    worker = desk.writer if OPERATIONS[operation].writes else desk.reader
    ((_, outcome),) = worker.handle([confined(job(operation, body, *blobs, grant=grant, **fields))], lambda: None)
    if isinstance(outcome, MemmuxError):
        raise outcome
    return orjson.loads(outcome.frames[0])


def _named(operation: str, namespace: object) -> dict[str, Any]:
    """Return the body of an operation with a namespace wherever it can name one."""
    body = WELL_FORMED[operation]
    if operation == "memory.store_batch":
        return {"memories": [{"content": "x", "namespace": "notes"}, {"content": "y", "namespace": namespace}]}
    if operation in FILTERED:
        return {**body, "filter": {**body.get("filter", {}), "namespace": namespace}}
    if operation in BY_NUMBER:
        return {**body, "namespaces": None if namespace is None else [namespace]}
    return {**body, "namespace": namespace}


def _namespaces(body: Any) -> list[Any]:
    """Return every namespace that a body names, in whatever field."""
    if isinstance(body, list):
        return [found for item in body for found in _namespaces(item)]
    if not isinstance(body, dict):
        return []
    own = [found for name in ("namespace", "namespaces") if name in body for found in _listed(body[name])]
    return own + [found for value in body.values() for found in _namespaces(value)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_operation_is_thought_of() -> None:
    assert WELL_FORMED.keys() == ASKED
    whole = {name for name, operation in OPERATIONS.items() if operation.whole}
    assert set(HELD) == ASKED - whole - {"cluster.status"}, "an operation is neither held nor refused"


@pytest.mark.parametrize("operation", sorted(ASKED - set(HELD)))
def test_an_operation_without_a_rule_is_refused_to_a_key_with_namespaces(operation: str) -> None:
    with pytest.raises(NotAllowedError, match="'ada'"):
        confined(job(operation, WELL_FORMED[operation], grant=ADA))


@pytest.mark.parametrize("operation", ["memory.invented", *sorted(OPERATIONS.keys() - ASKED)])
def test_what_no_client_may_ask_for_is_refused_to_every_key(operation: str) -> None:
    for grant in (Grant(name="ops"), ADA):
        with pytest.raises(NotAllowedError, match="there is no operation"):
            confined(job(operation, {}, grant=grant))


@pytest.mark.parametrize("operation", HELD)
def test_where_no_namespace_is_named_the_first_of_the_key_is_meant(operation: str) -> None:
    found = _namespaces(_held(operation, WELL_FORMED[operation]))
    assert found
    assert set(found) == ({"notes", "work"} if operation in BY_NUMBER else {"notes"})


@pytest.mark.parametrize("operation", HELD)
def test_a_namespace_of_the_key_is_kept(operation: str) -> None:
    assert set(_namespaces(_held(operation, _named(operation, "work")))) <= {"notes", "work"}
    assert "work" in _namespaces(_held(operation, _named(operation, "work")))


@pytest.mark.parametrize("operation", HELD)
def test_another_namespace_is_refused_by_name(operation: str) -> None:
    with pytest.raises(NotAllowedError, match="'ada' does not allow the namespace 'theirs'; it allows notes, work"):
        confined(job(operation, _named(operation, "theirs"), grant=ADA))


@pytest.mark.parametrize("operation", HELD)
def test_a_key_for_no_namespace_is_refused_everything(operation: str) -> None:
    with pytest.raises(NotAllowedError):
        confined(job(operation, WELL_FORMED[operation], grant=replace(ADA, namespaces=())))


@pytest.mark.parametrize("operation", ["memory.store", "memory.store_similar", "memory.store_batch"])
def test_an_id_can_not_be_chosen_as_it_may_be_one_of_others(operation: str) -> None:
    given = {"content": "x", "id": "0198c5a2-6f1e-7c3a-9d42-5b8e1f2a3c4d"}
    body = {"memories": [{"content": "y"}, given]} if operation == "memory.store_batch" else given
    with pytest.raises(NotAllowedError, match="does not allow to choose an id"):
        _held(operation, body)
    whole = job(operation, body, grant=Grant(name="ops"))
    assert confined(whole) is whole


def test_a_time_and_aliases_can_be_given_and_are_those_of_the_keys_namespace() -> None:
    held = _held("memory.store", {"content": "x", "created_at": "2019-05-04T03:02:01+00:00", "aliases": ["a"]})
    assert (held["namespace"], held["aliases"]) == ("notes", ["a"])
    assert held["created_at"] == "2019-05-04T03:02:01+00:00"


@pytest.mark.parametrize("operation", ["memory.search", "memory.match", "memory.list", "memory.forget", "memory.tags"])
def test_all_namespaces_are_all_of_the_key(operation: str) -> None:
    assert _namespaces(_held(operation, _named(operation, None))) == ["notes", "work"]
    one = replace(ADA, namespaces=("work",))
    assert _namespaces(_held(operation, _named(operation, None), one)) == ["work"]


@pytest.mark.parametrize("operation", [name for name in HELD if name not in BY_NUMBER])
def test_default_that_was_named_is_no_other_namespace(operation: str) -> None:
    body = _named(operation, "default")
    assert _namespaces(_held(operation, body))[0] == "notes"
    with pytest.raises(NotAllowedError, match="'default'; it allows notes, work"):
        confined(job(operation, body, grant=ADA, named=True))
    assert confined(job(operation, _named(operation, "work"), grant=ADA, named=True))
    assert confined(job(operation, body, grant=replace(ADA, namespaces=("notes", "default")), named=True))


def test_default_is_itself_where_the_key_has_it() -> None:
    grant = replace(ADA, namespaces=("notes", "default"))
    assert _held("memory.get", {"id": "x"}, grant)["namespace"] == "default"


@pytest.mark.parametrize("operation", HELD)
def test_a_body_that_is_wrong_is_refused_as_ever(operation: str) -> None:
    with pytest.raises(errors.UnknownFieldError):
        confined(job(operation, {**WELL_FORMED[operation], "colour": "red"}, grant=ADA))
    with pytest.raises(errors.MalformedMessageError):
        confined(replace(job(operation, {}, grant=ADA), frames=()))


def test_what_a_body_says_beside_its_namespace_is_kept(desk: Desk) -> None:
    body = {"content": "é", "tags": ["A"], "type": "t", "metadata": {"a": [1, None]}, "namespace": "work"}
    stored = _ask(desk, ADA, "memory.store", body, *frames([(1.0, 0.0)]))
    found = desk.ask("memory.get", {"id": stored["id"], "namespace": "work"})
    assert {name: found[name] for name in body} == body
    assert stored["indexed"] is False  # until the model is known here


@pytest.mark.parametrize("operation", ["memory.store", "memory.delete", "memory.purge", "memory.undo"])
def test_a_worker_looks_at_the_role_too(operation: str) -> None:
    with pytest.raises(NotAllowedError, match="needs the role"):
        confined(job(operation, WELL_FORMED[operation], grant=Grant(name="ci", role=Role.READ)))


def test_a_local_job_is_handed_on_as_it_is() -> None:
    handed = job("memory.get", b"no JSON")
    assert confined(handed) is handed


@pytest.mark.parametrize("fields", [{"role": "king"}, {"role": "admin", "name": "a/b"}, {"role": "admin", "more": 1}])
def test_a_grant_that_makes_no_sense_allows_nothing(fields: dict[str, object]) -> None:
    found = grant_of(Header(kind=Kind.REQUEST, grant=fields))
    with pytest.raises(NotAllowedError):
        confined(job("memory.get", {"id": "x"}, grant=found))
    assert grant_of(Header(kind=Kind.REQUEST)) is LOCAL


def test_a_key_names_no_folder_for_a_backup() -> None:
    ops = Grant(name="ops")
    with pytest.raises(NotAllowedError, match="does not allow to name a folder"):
        confined(job("admin.backup", {"to": "/tmp"}, grant=ops))
    for grant, to in ((ops, None), (Grant(memories=5), "/tmp")):
        assert _held("admin.backup", {"to": to}, grant) == {"to": to}


# what the storage does with it


@pytest.fixture
def shared(desk: Desk) -> Desk:
    """A memory of ada's and two of bob's, with vectors."""
    desk.store("ada's plan", (1.0, 0.0), namespace="notes")
    desk.store("bob's plan", (1.0, 0.1), namespace="bob")
    desk.store("bob's other plan", (0.9, 0.2), namespace="bob")
    return desk


@pytest.mark.parametrize("mode", ["semantic", "hybrid", "ranked", "keyword", "exact"])
@pytest.mark.parametrize("namespace", ["default", None])
def test_a_search_finds_what_is_in_the_keys_namespaces_alone(shared: Desk, mode: str, namespace: str | None) -> None:
    shared.store("ada's plan at work", (0.8, 0.1), namespace="work")
    body = {"query": "plan", "mode": mode, "filter": {"namespace": namespace}}
    operation = "memory.match" if mode in ("keyword", "exact") else "memory.search"
    blobs = frames([(1.0, 0.1)]) if operation == "memory.search" else ()
    hits = {hit["memory"]["content"] for hit in _ask(shared, ADA, operation, body, *blobs)["hits"]}
    assert hits == {"ada's plan"} | ({"ada's plan at work"} if namespace is None else set())


@pytest.mark.parametrize("most_vectors", [200_000, 1])
def test_several_namespaces_are_searched_alike_in_memory_and_in_tables(tmp_path: Any, most_vectors: int) -> None:
    desk = Desk(tmp_path / "other.db", most_vectors=most_vectors)
    for name in ("notes", "work", "bob"):
        for tag in ("x", "y"):
            desk.store(f"{name} {tag}", (1.0, 0.1), namespace=name, tags=[tag])
    for chosen, expected in (([], 4), (["x"], 2)):
        body = {"query": "q", "mode": "semantic", "filter": {"namespace": None, "tags": chosen}}
        hits = _ask(desk, ADA, "memory.search", body, *frames([(1.0, 0.0)]))["hits"]
        assert {hit["memory"]["namespace"] for hit in hits} == {"notes", "work"}
        assert len(hits) == expected
    desk.close()


def test_memories_of_others_are_not_found_by_id_or_hash(shared: Desk) -> None:
    (theirs,) = (m for m in shared.ask("memory.list", {"filter": {"namespace": "bob"}})["memories"][:1])
    for name in (theirs["id"], theirs["content_hash"]):
        for operation, more in (
            ("memory.get", {}),
            ("memory.history", {}),
            ("memory.graph", {}),
            ("memory.update", {"tags": ["mine"]}),
            ("memory.rewrite", {"content": "mine"}),
            ("memory.rewrite", {"content": "mine", "versioned": True}),
            ("memory.delete", {}),
            ("memory.purge", {}),
        ):
            with pytest.raises(NotFoundError):
                _ask(shared, ADA, operation, {"id": name, **more})
    assert shared.ask("memory.get", {"id": theirs["id"], "namespace": "bob"}) == theirs


def test_a_change_of_others_is_not_found_and_not_undone(shared: Desk) -> None:
    stored = shared.store("bob's secret", namespace="bob")
    with pytest.raises(NotFoundError) as theirs:
        _ask(shared, ADA, "memory.undo", {"seq": stored["seq"]})
    with pytest.raises(NotFoundError) as missing:
        _ask(shared, ADA, "memory.undo", {"seq": stored["seq"] + 1})
    assert theirs.value.message.replace(str(stored["seq"]), "N") == missing.value.message.replace(
        str(stored["seq"] + 1), "N"
    )
    assert _ask(shared, BOB, "memory.undo", {"seq": stored["seq"]})["deleted"] is True


def test_a_purged_memory_of_others_is_not_told_of(shared: Desk) -> None:
    stored = shared.store("bob's secret", namespace="bob")
    shared.ask("memory.delete", {"id": stored["id"], "namespace": "bob"})
    shared.ask("memory.purge", {"id": stored["id"], "namespace": "bob"})
    with pytest.raises(NotFoundError, match="there is no change"):
        _ask(shared, ADA, "memory.undo", {"seq": stored["seq"]})


def test_uses_of_others_memories_are_not_counted(shared: Desk) -> None:
    ids = [memory["id"] for memory in shared.ask("memory.list", {"filter": {"namespace": None}})["memories"]]
    assert _ask(shared, ADA, "memory.use", {"ids": ids}) == {"count": 1}
    assert shared.ask("memory.use", {"ids": ids}) == {"count": 3}


def test_forget_forgets_only_in_the_keys_namespaces(shared: Desk) -> None:
    everything = {"filter": {"namespace": None, "after": "2000-01-01T00:00:00Z"}}
    assert _ask(shared, ADA, "memory.forget", {**everything, "dry_run": True})["count"] == 1
    assert _ask(shared, ADA, "memory.forget", everything)["count"] == 1
    assert shared.ask("memory.list", {"filter": {"namespace": None}})["total"] == 2


def test_a_store_names_nothing_similar_of_others(shared: Desk) -> None:
    body = {"content": "a plan much like bob's", "namespace": "notes"}
    asked = confined(job("memory.store_similar", body, *frames([(1.0, 0.1)]), grant=ADA))
    ((_, answer),) = shared.reader.handle([asked], lambda: None)
    assert not isinstance(answer, MemmuxError)
    (only,) = orjson.loads(answer.frames[0])
    (mine,) = shared.ask("memory.list", {"filter": {"namespace": "notes"}})["memories"]
    assert only["id"] == mine["id"]


def test_links_lead_into_no_other_namespace(desk: Desk) -> None:
    line = {"type": None, "tags": [], "metadata": {}, "created_at": 1.0, "updated_at": 1.0, "deleted_at": None}
    link = {"relation": "related"}
    mine = {**line, "id": "m" * 36, "namespace": "notes", "content": "mine", "supersedes": None}
    theirs = {**line, "id": "t" * 36, "namespace": "bob", "content": "theirs", "supersedes": None, "aliases": ["alias"]}
    mine["links"] = [{"target": "t" * 36, **link}, {"target": "alias", **link}]
    theirs["links"] = [{"target": "m" * 36, **link}]
    assert desk.ask("memory.load", {"memories": [mine, theirs]})["created"] == 2
    for action in ("connected", "subgraph"):
        graph = _ask(desk, ADA, "memory.graph", {"id": "m" * 36, "action": action})
        assert [node["memory"] and node["memory"]["content"] for node in graph["nodes"]] == ["mine", None, None]
        assert {found["source"] for found in graph["links"]} == {"m" * 36}
    with pytest.raises(NotFoundError):
        _ask(desk, ADA, "memory.graph", {"id": "m" * 36, "action": "path", "other": "t" * 36})


def test_an_idempotency_key_of_another_client_gives_no_answer_of_his(desk: Desk) -> None:
    body = {"content": "the same", "namespace": "shared"}
    grants = [Grant(name=name, role=Role.WRITE, namespaces=("shared",)) for name in ("ada", "bob")]
    keys = [key_of(Header(kind=Kind.REQUEST, key="k"), grant) for grant in (*grants, LOCAL)]
    assert len(set(keys)) == 3
    first = _ask(desk, grants[0], "memory.store", body, key=keys[0])
    assert _ask(desk, grants[0], "memory.store", body, key=keys[0])["status"] == "created"
    second = _ask(desk, grants[1], "memory.store", body, key=keys[1])
    assert (first["status"], second["status"]) == ("created", "duplicate")


# quotas


def test_a_namespace_that_is_full_takes_no_more_from_that_client(desk: Desk) -> None:
    grant = Grant(name="ada", role=Role.WRITE, namespaces=("notes",), memories=2)
    first = _ask(desk, grant, "memory.store", {"content": "one"})
    second = _ask(desk, grant, "memory.store", {"content": "two"})
    for operation, body in (
        ("memory.store", {"content": "three"}),
        ("memory.store_batch", {"memories": [{"content": "three"}]}),
        ("memory.rewrite", {"id": first["id"], "content": "newer", "versioned": True}),
    ):
        with pytest.raises(QuotaExceededError, match="'notes' holds 2 memories or more"):
            _ask(desk, grant, operation, body)
    assert _ask(desk, grant, "memory.store", {"content": "one"})["status"] == "duplicate"
    _ask(desk, grant, "memory.rewrite", {"id": first["id"], "content": "changed in place"})
    deleted = _ask(desk, grant, "memory.delete", {"id": second["id"]})
    _ask(desk, grant, "memory.store", {"content": "three"})
    with pytest.raises(QuotaExceededError):
        _ask(desk, grant, "memory.undo", {"seq": deleted["seq"]})
    assert desk.ask("memory.list", {"filter": {"namespace": "notes"}})["total"] == 2


def test_a_quota_is_counted_right_however_the_namespace_came_to_what_it_holds(desk: Desk) -> None:
    """What is remembered of a count may be more than there is, and then it is counted anew; it is never less."""
    grant = Grant(name="ada", role=Role.WRITE, namespaces=("notes",), memories=4)
    first = _ask(desk, grant, "memory.store", {"content": "0"})  # counted
    for number in (1, 2):
        desk.store(f"local {number}", namespace="notes")  # by somebody who has no quota
    _ask(desk, grant, "memory.store", {"content": "3"})
    with pytest.raises(QuotaExceededError):
        _ask(desk, grant, "memory.store", {"content": "4"})
    for number in range(5):  # deleted and stored in turn, and a failure in between
        _ask(desk, grant, "memory.delete", {"id": first["id"]})
        with pytest.raises(QuotaExceededError):
            _ask(desk, grant, "memory.store_batch", {"memories": [{"content": f"a {number}"}, {"content": "b"}]})
        first = _ask(desk, grant, "memory.store", {"content": f"again {number}"})
    assert desk.ask("memory.list", {"filter": {"namespace": "notes"}})["total"] == 4


def test_a_memory_that_comes_back_with_its_former_home_counts_too(desk: Desk) -> None:
    line = {"type": None, "tags": [], "metadata": {}, "created_at": 1.0, "updated_at": 1.0, "namespace": "n"}
    gone = {**line, "id": "g" * 36, "content": "gone", "deleted_at": 2.0}
    desk.ask("memory.load", {"memories": [gone, {**line, "id": "l" * 36, "content": "there"}], "adopt": True})
    back = {"memories": [{**gone, "deleted_at": None}], "adopt": True}
    assert _ask(desk, Grant(name="ops", memories=1), "memory.load", back)["problems"][0]["status"] == "broken"
    assert _ask(desk, Grant(name="ops", memories=2), "memory.load", back)["updated"] == 1


def test_a_batch_that_would_not_fit_is_left_out_as_a_whole(desk: Desk) -> None:
    grant = Grant(name="ada", role=Role.WRITE, memories=2)
    with pytest.raises(QuotaExceededError):
        _ask(desk, grant, "memory.store_batch", {"memories": [{"content": str(number)} for number in range(3)]})
    assert desk.ask("memory.list", {})["total"] == 0


def test_lines_that_are_loaded_count_too(desk: Desk) -> None:
    grant = Grant(name="ops", memories=1)
    line = {"type": None, "tags": [], "metadata": {}, "created_at": 1.0, "updated_at": 1.0, "deleted_at": None}
    lines = [{**line, "id": f"{number:036}", "namespace": "n", "content": f"{number}"} for number in range(3)]
    lines[0]["deleted_at"] = 2.0
    loaded = _ask(desk, grant, "memory.load", {"memories": lines})
    assert loaded["created"] == 2
    (problem,) = loaded["problems"]
    assert (problem["place"], problem["status"]) == (2, "broken")
    assert "which is the most" in problem["message"]


def test_others_are_not_held_to_a_clients_quota(desk: Desk) -> None:
    for number in range(3):
        desk.store(f"local {number}", namespace="notes")
    with pytest.raises(QuotaExceededError):
        _ask(desk, Grant(name="ada", namespaces=("notes",), memories=2), "memory.store", {"content": "x"})
    desk.store("local again", namespace="notes")


# vectors that a client brings


def test_a_key_can_bring_no_model_that_is_not_known_here(desk: Desk) -> None:
    grant = Grant(name="ada", role=Role.WRITE)
    alien = frames([(1.0, 0.0, 0.0)], model="alien")
    for operation, body in (
        ("memory.store", {"content": "one"}),
        ("memory.store_batch", {"memories": [{"content": "two"}]}),
    ):
        _ask(desk, grant, operation, body, *alien)
    (stored,) = (m for m in desk.ask("memory.list", {})["memories"] if m["content"] == "one")
    for versioned in (False, True):
        _ask(
            desk,
            grant,
            "memory.rewrite",
            {"id": stored["id"], "content": f"v{versioned}", "versioned": versioned},
            *alien,
        )
    assert desk.sql("SELECT count(*) FROM models") == [(0,)]
    desk.store("by the cluster", (1.0, 0.0))
    answer = _ask(desk, grant, "memory.store", {"content": "three"}, *frames([(0.0, 1.0)]))
    assert answer["indexed"] is True
