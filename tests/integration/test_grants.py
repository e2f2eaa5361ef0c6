"""What a key allows, through real processes: every operation, with bodies that reach for more than it allows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import orjson
import pytest

from memmux import Client, errors
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.ingest.run import ingest
from memmux.wire.grants import Grant
from memmux.wire.operations import OPERATIONS
from memmux.wire.roles import Role
from tests.bounds import BOUND_S
from tests.integration import reach
from tests.integration.helpers import complete, log_lines, status_until
from tests.integration.reach import SECRET, Place

GRANTS = {
    "reader": Grant(name="reader", role=Role.READ),
    "bound reader": Grant(name="bound-reader", role=Role.READ, namespaces=("reading",)),
    "writer": Grant(name="writer", role=Role.WRITE, namespaces=("writing",)),
    "twofold": Grant(name="twofold", role=Role.WRITE, namespaces=("two", "fold")),
    "bound admin": Grant(name="bound-admin", role=Role.ADMIN, namespaces=("leading",)),
    "free writer": Grant(name="free-writer", role=Role.WRITE),
    "admin": Grant(name="admin", role=Role.ADMIN),
    "small": Grant(name="small", role=Role.WRITE, namespaces=("small",), memories=2),
    "slow": Grant(name="slow", role=Role.WRITE, namespaces=("slow",), requests_s=5.0),
}
BOUND = ["bound reader", "writer", "twofold", "bound admin"]


@contextmanager
def _granting(settings: Settings, environment: dict[str, str]) -> Iterator[None]:
    """Run a cluster whose router gives grants by names."""
    settings.database.parent.mkdir(parents=True)
    reader, writer = os.pipe()
    script = Path(__file__).with_name("granting_router.py")
    grants = json.dumps({name: grant.to_json() for name, grant in GRANTS.items()})
    command = [sys.executable, "-P", str(script), f"--ready-fd={writer}", *settings.flags()]
    with subprocess.Popen(command, env={**environment, "GRANTS": grants}, pass_fds=[writer]) as router:
        os.close(writer)
        with os.fdopen(reader) as ready:
            assert "endpoint" in orjson.loads(ready.readline())
        try:
            yield
        finally:
            router.terminate()
            router.wait(BOUND_S)


@pytest.fixture
def granting(settings: Settings, settings_env: dict[str, str]) -> Iterator[Settings]:
    with _granting(settings, settings_env):
        yield settings


@pytest.fixture
def root(granting: Settings) -> Iterator[Client]:
    """A local client, when the cluster is complete."""
    with Client(settings=granting, name="root", start=False) as client:
        status_until(client, complete)
        yield client


@pytest.fixture(scope="module")
def shared(shared_env: dict[str, str]) -> Iterator[Settings]:
    """A cluster for all tests in which each brings memories of its own."""
    env = {**shared_env, "MEMMUX_IDLE_EXIT_S": "0"}  # nobody starts another one
    settings = load(environment=env)
    with _granting(settings, env):
        yield settings


@pytest.fixture
def shared_root(shared: Settings) -> Iterator[Client]:
    """A local client of that cluster, when it is complete."""
    with Client(settings=shared, name="root", start=False) as client:
        status_until(client, complete)
        yield client


def _as(settings: Settings, name: str) -> Client:
    return Client(settings=settings, name=name, start=False)


def test_the_tables_reach_for_every_operation() -> None:
    place = Place("n", "1", "2", "3", "4", "5", 6)
    assert reach.covered(reach.everything(), reach.reads(place), reach.writes(place), reach.removals(place))


@pytest.mark.parametrize("name", BOUND)
def test_no_operation_reaches_into_another_namespace(shared_root: Client, shared: Settings, name: str) -> None:
    own = (GRANTS[name].namespaces or ())[0]
    theirs = Place.furnish(shared_root, "theirs", SECRET)
    mine = Place.furnish(shared_root, own, "mine")
    status_until(shared_root, lambda status: status.pending == 0)
    before = reach.contents(shared_root, "theirs")
    tried = 0
    with _as(shared, name) as client:
        for asked in (reach.reads(theirs), reach.writes(theirs), reach.removals(theirs)):
            for (operation, body), outcome in reach.outcomes(client, asked):
                tried += 1
                assert outcome.code == "not_allowed", (operation, body, outcome)
                assert GRANTS[name].name in outcome.text
        for (operation, body), outcome in reach.outcomes(client, reach.by_number(theirs)):
            tried += 1
            harmless = operation == "memory.use" and outcome.text == '{"count":0}'
            assert outcome.code in ("not_found", "not_allowed") or harmless, (operation, body, outcome)
        for (operation, body), outcome in reach.outcomes(client, reach.everything()):
            tried += 1
            assert SECRET not in outcome.text.replace("tags", ""), (operation, body, outcome)
            assert theirs.kept not in outcome.text
            if OPERATIONS[operation].whole:
                assert outcome.code in ("not_allowed", "unknown_operation"), (operation, outcome)
    assert reach.contents(shared_root, "theirs") == before
    assert shared_root.get(mine.kept, namespace=own).content.startswith("mine kept ")
    assert tried >= 40


@pytest.mark.parametrize("name", [*BOUND, "reader", "free writer", "admin"])
def test_every_operation_within_a_grant_is_served_and_every_other_names_what_is_needed(
    shared_root: Client, shared: Settings, name: str
) -> None:
    grant = GRANTS[name]
    place = Place.furnish(shared_root, (grant.namespaces or (grant.name,))[0], "mine")
    with _as(shared, name) as client:
        for asked in (reach.reads(place), reach.writes(place), reach.removals(place)):
            for (operation, body), outcome in reach.outcomes(client, asked):
                needed = OPERATIONS[operation].needs
                if grant.role.includes(needed):
                    assert outcome.code == "ok", (operation, body, outcome)
                else:
                    assert outcome.code == "not_allowed", (operation, body, outcome)
                    assert f"needs the role {needed}" in outcome.text


@pytest.mark.parametrize("name", ["reader", "free writer"])
def test_nothing_of_the_whole_database_is_for_less_than_an_admin(
    shared_root: Client, shared: Settings, name: str
) -> None:
    with _as(shared, name) as client:
        for (operation, body), outcome in reach.outcomes(client, reach.everything()):
            if OPERATIONS[operation].whole:
                assert outcome.code in ("not_allowed", "unknown_operation"), (operation, body, outcome)
    assert shared_root.status().state != "draining"


def test_a_client_that_names_no_namespace_works_in_its_keys(root: Client, granting: Settings) -> None:
    """What a user meets first: everything works with the client's defaults."""
    with _as(granting, "twofold") as client:
        stored = client.store("the kettle is descaled", tags=["home"], similar=True)
        client.store("the kettle of the other flat", namespace="fold")
        assert client.get(stored.id).namespace == "two"
        assert [hit.memory.id for hit in client.search("kettle", mode="keyword")] == [stored.id]
        assert len(client.search("kettle", namespace=None)) == 2
        assert len(client.search("kettle", mode="semantic", namespace=None)) == 2
        assert client.list(namespace=None).total == 2
        client.update(stored.id, content="the kettle is new")
        assert client.used([stored.id]).count == 1
        (last, *_) = client.history(stored.id)
        assert last.client == "twofold/twofold"
        client.undo(client.delete(stored.id).seq)
        assert client.list().total == 1
        with pytest.raises(errors.NotAllowedError, match="it allows two, fold"):
            client.store("elsewhere", namespace="other")
    assert root.list(namespace="default").total == 0


def test_default_that_is_named_is_refused_to_a_key_that_has_it_not(granting: Settings, tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("# The kettle is new")
    with _as(granting, "twofold") as client:
        stored = client.store("the kettle is descaled")
        for ask in (
            partial(client.store, "the kettle is new"),
            partial(client.store_batch, [{"content": "the kettle is new"}]),
            partial(client.search, "kettle"),
            partial(client.search, "kettle", mode="keyword"),
            partial(client.get, stored.id),
            partial(client.list),
            partial(client.tags),
            partial(client.changes),
            partial(client.delete, stored.id),
            partial(client.forget, tags=["home"]),
            partial(client.duplicates),
            partial(ingest, client, [file], roots=None),
        ):
            with pytest.raises(errors.NotAllowedError, match="'default'; it allows two, fold"):
                ask(namespace="default")
        assert ingest(client, [file], roots=None).chunks == 1  # which names none
        assert client.list().total == 2


def test_status_of_a_limited_client_names_no_path_process_or_other_client(root: Client, granting: Settings) -> None:
    with _as(granting, "writer") as client:
        found = client.status()
    assert found.grant is not None
    assert (found.grant["name"], found.grant["namespaces"]) == ("writer", ["writing"])
    assert [known["name"] for known in found.clients] == ["writer/writer"]
    assert (found.model, found.degraded) == ("hash", ("hash_embedder",))
    assert (found.database, found.endpoint, found.pid, found.memories, found.workers) == ("", "", 0, None, ())
    with _as(granting, "admin") as client:
        assert client.status().database == str(granting.database)
    assert root.status().grant is None


def test_a_full_namespace_is_said_with_its_number(granting: Settings) -> None:
    with _as(granting, "small") as client:
        client.store("one")
        first = client.store("two")
        with pytest.raises(errors.QuotaExceededError, match="holds 2 memories or more"):
            client.store("three")
        client.delete(first.id)
        client.store("three")


def test_a_client_that_asks_too_often_is_slowed_down_and_served(granting: Settings) -> None:
    with _as(granting, "slow") as client:
        for number in range(12):
            client.store(f"memory {number}")
        assert client.list().total == 12


def test_a_retry_under_another_clients_key_gets_no_answer_of_his(root: Client, granting: Settings) -> None:
    first = root.store("the same text", namespace="writing", key="guessed")
    with _as(granting, "writer") as client:
        again = client.store("the same text", key="guessed")
    assert (again.id, again.status, first.status) == (first.id, "duplicate", "created")


def test_a_denial_is_in_the_log_with_key_client_and_reason(granting: Settings) -> None:
    with _as(granting, "reader") as client, pytest.raises(errors.NotAllowedError):
        client.store("x")
    with _as(granting, "writer") as client, pytest.raises(errors.NotAllowedError):
        client.get("x", namespace="theirs")
    denied = log_lines(granting, "request_denied", count=2)
    assert [(line["key"], line["client"], line["operation"], line["level"]) for line in denied] == [
        ("reader", "reader/reader", "memory.store", "warning"),
        ("writer", "writer/writer", "memory.get", "warning"),
    ]
    assert "the namespace 'theirs'" in denied[1]["reason"]


def test_local_clients_are_held_to_the_settings(settings: Settings, settings_env: dict[str, str]) -> None:
    bounded = load(environment={**settings_env, "MEMMUX_CLIENT_MEMORIES": "1", "MEMMUX_CLIENT_REQUESTS_S": "1000"})
    assert (settings.client_memories, bounded.client_memories) == (0, 1)
    with Client(settings=bounded) as client:
        client.store("one")
        with pytest.raises(errors.QuotaExceededError):
            client.store("two")
        client.store("two", namespace="another")


def test_logs_hold_no_text_of_a_memory_or_a_query(shared_root: Client, shared: Settings) -> None:
    place = Place.furnish(shared_root, "writing", SECRET)
    with _as(shared, "writer") as client:
        for asked in (reach.reads(place), reach.writes(place), reach.by_number(place), reach.everything()):
            assert list(reach.outcomes(client, asked))
    logged = b"".join(path.read_bytes() for path in Places(shared).logs.glob("*.jsonl"))
    assert b"request_finished" in logged
    assert SECRET.encode() not in logged
