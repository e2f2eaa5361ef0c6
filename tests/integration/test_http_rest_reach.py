"""Another namespace by every route of REST, and the key of mcp-memory-service, through the gateway itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mcp_dealer.http.rest import OPERATIONS
from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.wire.roles import Role
from tests.integration import reach
from tests.integration.helpers import status_until
from tests.integration.http_guest import Guest, token_of, until_served
from tests.integration.machines import memmux, revoke_all
from tests.integration.reach import SECRET, Place
from tests.ports import free_port

THEIRS = "the-key-of-mcp-memory-service"
BODY: Mapping[str, Any] = {
    "content": "planted",
    "tags": [SECRET],
    "query": SECRET,
    "semantic_query": SECRET,
    "n_results": 10,
    "mode": "keyword",
    "only_relevant": False,
    "dry_run": False,
    "versioned": True,
    "memory_type": "planted",
}
WANTED = ("", "namespace=theirs", "namespace=*", "store=theirs", "store=all")
STREAMS = {"events"}


@pytest.fixture(scope="module")
def http_env(shared_env: dict[str, str]) -> dict[str, str]:
    return {
        **shared_env,
        "MEMMUX_HTTP": f"127.0.0.1:{free_port()}",
        "MCP_API_KEY": THEIRS,
    }


@pytest.fixture
def server(http_env: dict[str, str]) -> Iterator[Client]:
    started = memmux(http_env, "store", "The first one starts it.", "--namespace", "elsewhere")  # with that environment
    assert started.returncode == 0, started.stderr
    until_served(http_env)
    with Client(settings=load(environment=http_env), name="local") as client:
        yield client
    revoke_all(http_env)


@pytest.fixture
def place(server: Client) -> Place:
    furnished = Place.furnish(server, "theirs", SECRET)
    status_until(server, lambda status: status.pending == 0 and status.model is not None)
    return furnished


def _asked(place: Place) -> Iterator[tuple[str, str, object]]:
    """Yield method, path and body of requests that would reach into that namespace: of each operation several."""
    for operation in OPERATIONS:
        if operation.name in STREAMS or operation.path == "/api/events":
            continue
        ids = (place.kept, place.gone, place.dropped) if "{id}" in operation.path else ("",)
        for known in ids:
            path = operation.path.replace("{id}", known)
            for wanted in WANTED:
                body: object = None
                if operation.takes is not None:
                    body = {name: BODY[name] for name in operation.takes.model_fields if name in BODY}
                    if "content" in body:
                        body["tags"] = ["planted"]
                    said = dict(pair.split("=") for pair in [wanted] if pair)
                    body |= {name: value for name, value in said.items() if name in operation.takes.model_fields}
                    if operation.path == "/api/undo":
                        body |= {"seq": place.seq}
                elif operation.upload:
                    body = [{"content": "planted", "namespace": "theirs"}]
                pairs = [pair for pair in (wanted, "after_seq=0", "vectors=true") if pair]
                query = "&".join(pair for pair in pairs if pair.partition("=")[0] in operation.query.model_fields)
                yield operation.method, f"{path}?{query}", body


@pytest.mark.parametrize("role", ["read", "write", "admin"])
def test_a_token_for_another_namespace_tries_every_route_and_learns_and_changes_nothing(
    server: Client, http_env: dict[str, str], place: Place, role: str
) -> None:
    before = reach.contents(server, "theirs")
    guest = Guest(_port(server), token_of(http_env, "ada", "--role", role, "--namespace", "own"))
    tried = 0
    for method, path, body in _asked(place):
        status, _, answer = guest.ask(method, path, body)
        text = answer.decode()
        if path.startswith("/api/openapi.json"):
            continue
        if status < 400:
            assert place.kept not in text, (method, path, text)
            assert SECRET not in re.sub(r'"query":\s*"[^"]*"', "", text), (method, path, text)
        assert status != 500, (method, path, text)
        tried += 1
    assert tried > 100
    assert reach.contents(server, "theirs") == before


@pytest.mark.parametrize("role", ["read", "write", "admin"])
def test_a_namespace_that_is_named_and_not_the_keys_is_refused_by_every_route(
    server: Client, http_env: dict[str, str], place: Place, role: str
) -> None:
    guest = Guest(_port(server), token_of(http_env, "ada", "--role", role, "--namespace", "own"))
    for operation in OPERATIONS:
        taken = operation.takes or operation.query
        if taken is None or "namespace" not in taken.model_fields:
            continue
        path = operation.path.replace("{id}", place.kept)
        for name in ("default", "theirs"):
            body: dict[str, Any] | None = None
            if operation.takes is not None:
                body = {one: BODY[one] for one in operation.takes.model_fields if one in BODY}
                body |= {"namespace": name} | ({"seq": place.seq} if operation.path == "/api/undo" else {})
            elif operation.upload:
                body = {"content": "planted"}
            said = {"namespace": name, "filename": "a.md"}
            query = "&".join(f"{one}={said[one]}" for one in said if one in operation.query.model_fields)
            status, _, answer = guest.ask(operation.method, f"{path}?{query}", body)
            assert status == 403, (operation.name, name, status, answer[:300])
            if Role(role).includes(Role.WRITE) and not operation.upload:
                assert f"does not allow the namespace '{name}'" in json.loads(answer)["detail"], operation.name


def test_a_token_that_reads_changes_nothing_by_any_route(
    server: Client, http_env: dict[str, str], place: Place
) -> None:
    before = reach.contents(server, "theirs")
    guest = Guest(_port(server), token_of(http_env, "ci", "--role", "read"))
    for method, path, body in _asked(place):
        if method != "GET":
            guest.ask(method, path, body)
    assert reach.contents(server, "theirs") == before
    status, _, answer = guest.ask("POST", "/api/memories", {"content": "planted"})
    assert (status, json.loads(answer)["code"]) == (403, "not_allowed")


def test_the_key_of_mcp_memory_service_lets_in_and_stands_in_no_log_status_or_argument(
    server: Client, http_env: dict[str, str]
) -> None:
    guest = Guest(_port(server), THEIRS)
    assert guest.ask("POST", "/api/memories", {"content": "The kettle is from 1931."})[0] in (200, 201)
    assert guest.ask("POST", "/api/backups")[0] == 403  # its role is write
    assert "api-key/http" in {client["name"] for client in server.status().clients}
    said = memmux(http_env, "status", "--json").stdout + memmux(http_env, "doctor", "--json").stdout
    said += "".join(path.read_text() for path in Places(load(environment=http_env)).logs.iterdir() if path.is_file())
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said += arguments.read_text(errors="replace")
        except OSError:  # it has ended
            continue
    assert THEIRS not in said


def test_the_doctor_says_that_a_cluster_was_started_without_the_key(
    settings_env: dict[str, str],
) -> None:
    env = {**settings_env, "MEMMUX_HTTP": f"127.0.0.1:{free_port()}"}
    env.pop("MCP_API_KEY", None)
    assert memmux(env, "store", "The first one starts it.").returncode == 0
    until_served(env)
    found = memmux({**env, "MCP_API_KEY": THEIRS}, "doctor").stdout
    assert "MCP_API_KEY does not let in (401)" in found
    short = memmux({**env, "MCP_API_KEY": "fifteen-letters"}, "doctor").stdout
    assert "MCP_API_KEY has fewer than 16 characters" in short
    assert "fifteen-letters" not in short


def _port(server: Client) -> int:
    return int(server.status().http.rpartition(":")[2])
