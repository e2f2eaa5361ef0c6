"""REST before a real cluster: each resource, in the shapes that mcp-memory-service's callers expect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_dealer.http.rest import routes
from memmux.config.settings import load
from tests.http_app import Served, serve


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str]) -> Iterator[Served]:
    """REST before the cluster of this module."""
    with serve(load(environment=shared_env), routes) as served:
        yield served


def test_what_is_stored_is_read_changed_and_deleted_by_its_hash_and_by_its_id(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "the port is 5433", "tags": ["staging"], "memory_type": "note"})
    assert stored.status == 200
    assert stored.json["success"] is True
    memory = stored.json["memory"]
    assert memory["content"] == "the port is 5433"
    for name in (memory["content_hash"], memory["id"]):
        assert server.get(f"/api/memories/{name}").json == memory
    changed = server.ask("PUT", f"/api/memories/{memory['content_hash']}", {"tags": ["production"]})
    assert changed.json["memory"]["tags"] == ["production"]
    assert changed.json["message"]
    gone = server.ask("DELETE", f"/api/memories/{memory['id']}")
    assert gone.json["success"] is True
    missing = server.get(f"/api/memories/{memory['id']}")
    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert missing.headers["content-type"] == "application/problem+json"
