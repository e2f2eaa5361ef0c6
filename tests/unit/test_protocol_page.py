"""PROTOCOL.md and the code say the same: what stands in the tables is there, and what is there stands in the tables."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from memmux.client.session import ClientSession
from memmux.wire import protocol, requests
from memmux.wire.ids import uuid7
from memmux.wire.operations import OPERATIONS, Operation
from memmux.wire.protocol import Kind
from memmux.wire.roles import Role
from tests.unit.workers.desk import Desk, frames

PAGE = (Path(__file__).parents[2] / "PROTOCOL.md").read_text()
OWN = "(the router's own"  # how the arguments of an operation begin that only the router may start

Row = Mapping[str, str]


def _table(*first: str) -> list[Row]:
    """The rows of the table whose first columns have these titles, each as its cells by the titles of their columns."""
    head = re.escape(f"| {' | '.join(first)} |")
    (found,) = re.findall(rf"^{head}.*\n\|[-|]+\|\n(?:\|.*\n)+", PAGE, re.MULTILINE)
    titles, _, *rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in found.splitlines())
    assert all(len(row) == len(titles) for row in rows), rows
    return [dict(zip(titles, row, strict=True)) for row in rows]


def _names(text: str) -> list[str]:
    """What stands between backticks, where that is a name."""
    return re.findall(r"`([a-z_]+(?:\.(?:[a-z_]+|\*))?)`", text)


def _paragraph(beginning: str) -> str:
    (found,) = re.findall(rf"^{re.escape(beginning)}.*?(?=\n\n)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


ROWS = {name: row for row in _table("operation") for name in _names(row["operation"])}


def _arguments() -> Iterator[tuple[str, set[str]]]:
    """Each operation of clients and the arguments that its row names, with those of the row that it refers to."""
    known: dict[str, set[str]] = {}
    before = ""
    for name, row in ROWS.items():
        cell = row["arguments"]
        referred = before if cell.startswith("the same") else next(iter(re.findall(r"as `([a-z_.]+)`", cell)), "")
        known[name] = {*known.get(referred, ()), *(set(_names(cell)) - {referred})}
        before = name
        yield name, known[name]


def test_every_operation_is_in_the_table_once_and_nothing_else() -> None:
    listed = [name for row in _table("operation") for name in _names(row["operation"])]
    assert sorted(listed) == sorted(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_route_of_an_operation_is_that_of_the_router(operation: Operation) -> None:
    assert ROWS[operation.name]["route"] == (" → ".join(operation.route) or "\N{EN DASH}")


def test_operations_of_the_router_alone_are_named_as_its_own() -> None:
    internal = [name for name, operation in OPERATIONS.items() if operation.internal]
    said = [name for name, row in ROWS.items() if row["arguments"].startswith(OWN)]
    assert sorted(internal) == sorted(said)


@pytest.mark.parametrize("body", sorted(set(requests.BODIES.values()), key=lambda body: body.__name__))
def test_arguments_are_the_fields_of_the_body(body: type[Any]) -> None:
    rows = {name: told for name, told in _arguments() if requests.BODIES.get(name) is body}
    assert set().union(*rows.values()) == {known.name for known in fields(body)}, rows


def test_operations_that_share_a_body_and_not_its_arguments_are_these() -> None:
    """Any other row that leaves out a field has forgotten it."""
    every = {name: {known.name for known in fields(requests.BODIES[name])} for name in requests.BODIES}
    lacking = {name: every[name] - told for name, told in _arguments() if name in every and every[name] - told}
    assert lacking == {"memory.update": {"content", "versioned"}}


def _keys(value: object) -> set[str]:
    """Every key in a JSON value, at whatever depth."""
    match value:
        case dict():
            return {*value, *(key for inner in value.values() for key in _keys(inner))}
        case list():
            return {key for inner in value for key in _keys(inner)}
    return set()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A writer and a reader of an empty database."""
    desk = Desk(tmp_path / "memories.db")
    yield desk
    desk.close()


@pytest.fixture
def answers(desk: Desk) -> Mapping[str, Any]:
    """A real answer of every operation that one worker alone answers."""
    one, two, three = (desk.store(f"memory {name}", (float(size), 1.0))["id"] for size, name in enumerate("xyz"))
    desk.ask("memory.rewrite", {"id": desk.store("of old")["id"], "content": "of late", "versioned": True})
    link = {"target": two, "relation": "near", "similarity": 1.0, "types": ["a"], "metadata": {}, "created_at": 1.0}
    dumped = desk.ask("memory.dump", {"after": 0, "limit": 1, "vectors": True})
    other = {**dumped["memories"][0], "id": uuid7(), "content": "another", "links": [link]}
    other.pop("content_hash")
    broken = {**other, "id": "", "content": "a third"}
    found = {
        "memory.store": desk.ask("memory.store", {"content": "a", "tags": ["a"]}),
        "memory.store_batch": desk.ask("memory.store_batch", {"memories": [{"content": "b"}]}),
        "memory.search": desk.ask(
            "memory.search", {"query": "memory", "why": True, "context": 1, "short": True}, *frames([(1.0, 1.0)])
        ),
        "memory.match": desk.ask(
            "memory.match", {"query": "memory", "mode": "exact", "why": True, "context": 1, "short": True}
        ),
        "memory.list": desk.ask("memory.list", {"short": True}),
        "memory.namespaces": desk.ask("memory.namespaces", {}),
        "memory.tags": desk.ask("memory.tags", {}),
        "memory.timeline": desk.ask("memory.timeline", {"by": "type", "limit": 1}),
        "memory.duplicates": desk.ask("memory.duplicates", {"least": 0.0}),
        "memory.superseded": desk.ask("memory.superseded", {}),
        "memory.update": desk.ask("memory.update", {"id": one, "tags": ["a"]}),
        "memory.rewrite": desk.ask("memory.rewrite", {"id": one, "content": "c"}, *frames(((1.0, 0.0),))),
        "memory.load": desk.ask("memory.load", {"memories": [other, broken]}),
        "memory.graph": desk.ask("memory.graph", {"id": other["id"]}),
        "memory.history": desk.ask("memory.history", {"id": one}),
        "memory.changes": desk.ask("memory.changes", {"after": 0, "texts": True}),
        "memory.use": desk.ask("memory.use", {"ids": [one]}),
        "memory.delete": desk.ask("memory.delete", {"id": two}),
        "memory.forget": desk.ask("memory.forget", {"filter": {"tags": ["a"]}, "dry_run": True}),
        "memory.dump": desk.ask("memory.dump", {"after": 0, "limit": 1}),
        "admin.rebuild": desk.ask("admin.rebuild", {}),
        "admin.verify": desk.ask("admin.verify", {}),
    }
    seq = desk.ask("memory.delete", {"id": three})["seq"]
    found["memory.undo"] = desk.ask("memory.undo", {"seq": seq})
    found["memory.purge"] = desk.ask("memory.purge", {"id": two})
    return found


def test_results_are_what_the_workers_answer(answers: Mapping[str, Any]) -> None:
    said: dict[str, str] = {}
    before = ""
    for name, row in ROWS.items():
        said[name] = said[before] + row["result"] if row["result"].startswith("the same") else row["result"]
        before = name
    for name, answer in answers.items():
        named = set(_names(said[name]))
        assert named <= _keys(answer), name  # nothing is promised that is not there
        assert set(answer) <= named, name  # and nothing is there that is not told
    untold = {name for name, operation in OPERATIONS.items() if not operation.internal} - set(answers)
    # A memory as it is, a store after two other stages, a backup that another thread makes, and the router's own.
    assert untold == {"memory.get", "memory.store_similar", "admin.backup", "cluster.status", "cluster.stop"}


def test_every_kind_of_message_is_in_the_table_once_and_nothing_else() -> None:
    listed = [name for row in _table("kind") for name in _names(row["kind"])]
    assert sorted(listed) == sorted(Kind)


def test_a_hello_says_what_its_row_says() -> None:
    session = ClientSession(
        name="a",
        pid=1,
        version="0",
        request_timeout_s=1.0,
        new_id=uuid7,
        random=random.random,
        observer=True,
        about={
            "host_pid": 2,
            "relay_pid": 3,
            "relay_version": "0",
            "zone": "UTC",
            "key": "ci",
            "address": "::1",
            "application": "curl/8",
        },
    )
    (row,) = (row for row in _table("kind") if _names(row["kind"]) == ["hello"])
    assert set(_names(row["meaning"])) - {"detail"} == set(session._hello)


def test_every_field_of_a_header_is_in_the_table_once_and_nothing_else() -> None:
    listed = [name for row in _table("field", "in") for name in _names(row["field"])]
    assert sorted(listed) == sorted({"v", *protocol._FIELDS})
    assert set(protocol._FIELDS) == {known.name for known in fields(protocol.Header)}


def _expanded(names: Collection[str]) -> set[str]:
    """Names of operations, with what a star stands for."""
    groups = [name.removesuffix("*") for name in names if name.endswith("*")]
    every = {known for group in groups for known in OPERATIONS if known.startswith(group)}
    return {*every, *(name for name in names if not name.endswith("*"))}


def test_roles_may_do_what_the_router_lets_them() -> None:
    rows = {_names(row["role"])[0]: row["operations"] for row in _table("role")}
    assert list(rows) == [str(role) for role in Role]
    said = {(role, False): text for role, text in rows.items()}
    said["admin", False], _, said["admin", True] = rows["admin"].partition("where the key is bound to no namespaces")
    asked = [operation for operation in OPERATIONS.values() if not operation.internal]
    for (role, whole), text in said.items():
        wanted = {known.name for known in asked if known.needs == role and known.whole is whole}
        assert _expanded(_names(text)) == wanted, role
    assert {str(known.needs) for known in asked if known.whole} == {"admin"}


def test_a_filter_is_what_is_said_of_it() -> None:
    assert set(_names(_paragraph("A `filter` is"))) - {"filter"} == {known.name for known in fields(requests.Filter)}


def test_the_modes_are_these() -> None:
    (sentence,) = re.findall(r"^The modes are .*\.$", PAGE, re.MULTILINE)
    assert _names(sentence) == [str(mode) for mode in requests.Mode]
