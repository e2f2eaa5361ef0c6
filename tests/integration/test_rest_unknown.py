"""What REST does not know: refused, and never left aside, but for what callers of mcp-memory-service send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_dealer.http.rest import routes
from mcp_dealer.http.rest.operation import Operation
from mcp_dealer.http.rest.routes import OPERATIONS
from memmux.config.loader import load
from tests.http_app import Served, serve
from tests.zones import zone_at


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str]) -> Iterator[Served]:
    """REST before the cluster of this module."""
    with serve(load(environment=shared_env), routes) as served:
        yield served


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.takes is not None], ids=lambda one: one.name)
def test_a_field_of_a_body_that_is_not_known_is_refused(server: Served, one: Operation) -> None:
    assert one.takes is not None
    body = {**one.takes.example, "dryrun": True}
    refused = server.ask(one.method, one.path.replace("{id}", "0123456789"), body)
    assert (refused.status, refused.json["code"]) == (422, "unknown_field")
    assert "dryrun" in refused.json["detail"]


@pytest.mark.parametrize("one", [one for one in OPERATIONS if not one.opens], ids=lambda one: one.name)
def test_a_parameter_that_is_not_known_is_refused(server: Served, one: Operation) -> None:
    path = f"{one.path.replace('{id}', '0123456789')}?dryrun=1"
    refused = server.ask(one.method, path, None if one.takes is None else one.takes.example)
    assert (refused.status, refused.json["code"]) == (422, "unknown_field")
    assert "dryrun" in refused.json["detail"]


def test_nothing_is_deleted_by_what_is_misspelt(server: Served) -> None:
    server.post("/api/memories", {"content": "not to be deleted", "tags": ["misspelt"]})
    for path, body in (
        ("/api/delete", {"tags": ["misspelt"], "dryrun": True}),
        ("/api/delete?dry_run=true", {"tags": ["misspelt"]}),
        ("/api/delete", {"tags": ["misspelt"], "namespace": "default", "store": "another"}),
        ("/api/delete", {"tags": ["misspelt"], "memory_type": ""}),
        ("/api/delete", {"tags": "", "before": "2100-01-01"}),
        ("/api/delete", {"tags": " , ", "before": "2100-01-01"}),
        ("/api/delete", {"tags": [], "before": "2100-01-01"}),
        ("/api/delete", {"metadata": {}, "before": "2100-01-01"}),
        ("/api/delete", {"tags": [""], "before": "2100-01-01"}),
    ):
        assert server.post(path, body).status == 422, (path, body)
    assert server.post("/api/superseded", {"least": 0.9}).status == 422
    assert server.get("/api/memories?tag=misspelt").json["total"] == 1


def test_a_parameter_is_given_once(server: Served) -> None:
    twice = server.get("/api/memories?deleted=true&deleted=false")
    assert (twice.status, twice.json["code"]) == (422, "argument_invalid")
    assert server.get("/api/memories?tag=a&tag=b").status == 200


def test_a_field_is_given_once(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "kept from what is said twice", "tags": ["twice"]}).json
    json_ = {"Content-Type": "application/json"}
    for path, raw in (
        ("/api/delete", b'{"tags": ["other"], "tags": ["twice"]}'),
        ("/api/delete", b'{"dry_run": true, "tags": ["twice"], "dry\\u005frun": false}'),
        ("/api/memories", b'{"content": "first", "metadata": {"a": [{}]}, "content": "second"}'),
    ):
        refused = server.ask("POST", path, None, json_, raw=raw)
        assert (refused.status, refused.json["code"]) == (422, "argument_invalid"), raw
    assert server.get(f"/api/memories/{stored['id']}").status == 200
    body = b'{"content": "twice inside", "metadata": {"content": 1, "tags": {"content": 2}}}'
    assert server.ask("POST", "/api/memories", None, json_, raw=body).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("name", ["If-None-Match", "If-Unmodified-Since", "If-Modified-Since"])
def test_a_precondition_that_is_not_heeded_changes_nothing(server: Served, method: str, name: str) -> None:
    path = f"/api/memories/{server.post('/api/memories', {'content': f'not by {name} of {method}'}).json['id']}"
    before = server.get(path).headers["etag"]
    body = {"tags": ["changed"]} if method == "PUT" else None
    refused = server.ask(method, path, body, {name: "Mon, 01 Jan 2001 00:00:00 GMT" if "Since" in name else "*"})
    assert (refused.status, refused.json["code"]) == (422, "argument_invalid")
    assert server.get(path, {name: "*"}).headers["etag"] == before


def test_a_time_zone_is_one_also_where_no_words_need_it(server: Served) -> None:
    for method, path, body in (
        ("GET", "/api/memories?time_zone=Nowhere", None),
        ("POST", "/api/search", {"query": "a", "time_zone": "Nowhere"}),
        ("POST", "/api/search/by-tag", {"tags": ["a"], "time_zone": "Nowhere"}),
    ):
        refused = server.ask(method, path, body)
        assert (refused.status, refused.json["code"]) == (422, "argument_invalid"), path
        assert "Nowhere" in refused.json["detail"]


def test_what_callers_of_mcp_memory_service_send_is_taken(server: Served) -> None:
    stored = server.post(
        "/api/memories",
        {
            "content": "sent by theirs",
            "tags": ["theirs"],
            "memory_type": "note",
            "metadata": {},
            "client_hostname": "desk",
            "conversation_id": "talk",
            "store": "default",
            "restore_deleted": True,
        },
    )
    assert stored.status == 200
    today = {"query": "today", "time_zone": zone_at(12)}
    for path, body in (
        ("/api/search", {"query": "theirs", "n_results": 3, "quality_boost": True, "quality_weight": 0.3}),
        ("/api/search/by-tag", {"tags": ["theirs"], "limit": 4, "query": "theirs"}),
        ("/api/search/by-time", {**today, "n_results": 3, "semantic_query": "theirs", "store": "default"}),
    ):
        found = server.post(path, body)
        assert found.status == 200, (path, found.json)
        assert "sent by theirs" in [one["memory"]["content"] for one in found.json["results"]], path
    listed = server.get("/api/memories?tags=theirs&page=1&page_size=20&store=default").json
    assert [one["content"] for one in listed["memories"]] == ["sent by theirs"]
    hash_ = stored.json["content_hash"]
    assert server.ask("PUT", f"/api/memories/{hash_}?store=default", {"tags": ["theirs"]}).status == 200
    assert server.ask("DELETE", f"/api/memories/{hash_}?store=default").status == 200
