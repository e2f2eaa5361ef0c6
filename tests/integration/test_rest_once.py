"""REST before a real cluster: writes that are sent again with their idempotency key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_dealer.http.rest import routes
from memmux import Client
from memmux.config.loader import load
from tests.http_app import Served, serve
from tests.integration.helpers import complete, status_until


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str]) -> Iterator[Served]:
    """REST before the cluster of this module."""
    settings = load(environment=shared_env)
    with serve(settings, routes) as served, Client(settings=settings) as client:
        status_until(client, complete)  # from then on a memory has its vector at once, and what is alike is found
        yield served


def _alike(server: Served, namespace: str) -> list[str]:
    """Store three pairs that say the same, and return the ids of what may go."""
    for text in ("the fjord is long and cold", "a hedge keeps the wind out", "seven owls sit on a roof"):
        for each in (text, text.upper()):
            server.post("/api/memories", {"content": each, "namespace": namespace})
    ids: list[str] = server.post("/api/duplicates", {"namespace": namespace, "dry_run": True}).json["ids"]
    assert len(ids) == 3
    return ids


def _total(server: Served, namespace: str) -> int:
    return int(server.get(f"/api/memories?namespace={namespace}").json["total"])


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_request_to_delete_duplicates_that_is_sent_again_deletes_no_more(server: Served, *, everywhere: bool) -> None:
    namespace = f"alike-{everywhere}"
    _alike(server, namespace)
    states = server.post("/api/duplicates", {"namespace": namespace, "dry_run": True, "limit": 2}).json["states"]
    asked = {"namespace": "*" if everywhere else namespace, "states": states}
    once = {"Idempotency-Key": f"these two of {namespace}"}
    first, second = (server.post("/api/duplicates", asked, once).json for _ in range(2))
    assert first == second
    assert (first["ids"], len(first["seqs"]), first["left"]) == (list(states), 2, [])
    assert _total(server, namespace) == 4
    server.post("/api/undo", {"seqs": second["seqs"]})
    server.post("/api/duplicates", asked, once)
    assert _total(server, namespace) == 6


def test_what_a_request_has_left_stays_when_it_is_sent_again(server: Served) -> None:
    going, _, changed = _alike(server, "left")
    looked = server.post("/api/duplicates", {"namespace": "left", "dry_run": True}).json["states"]
    server.ask("PUT", f"/api/memories/{changed}", {"tags": ["to stay"]})
    single = server.post("/api/memories", {"content": "A single sentence.", "namespace": "left"}).json["id"]
    etag = server.get(f"/api/memories/{single}").headers["etag"]
    states = {single: etag, going: looked[going], changed: looked[changed]}
    once = {"Idempotency-Key": "what is left"}
    first, second = (server.post("/api/duplicates", {"namespace": "left", "states": states}, once) for _ in range(2))
    assert first.json == second.json
    assert (first.json["ids"], first.json["left"]) == ([going], [single, changed])


def test_former_versions_are_deleted_once(server: Served) -> None:
    old = server.post("/api/memories", {"content": "draft 1", "namespace": "drafts"}).json["id"]
    server.ask("PUT", f"/api/memories/{old}", {"content": "draft 2", "versioned": True})
    states = server.post("/api/superseded", {"namespace": "drafts", "dry_run": True}).json["states"]
    once = {"Idempotency-Key": "the drafts"}
    first, second = (server.post("/api/superseded", {"namespace": "drafts", "states": states}, once) for _ in range(2))
    assert first.json == second.json
    assert first.json["ids"] == [old]


@pytest.mark.parametrize("path", ["/api/duplicates", "/api/superseded"])
def test_what_is_not_named_is_not_deleted_once(server: Served, path: str) -> None:
    once = {"Idempotency-Key": "whatever is found"}
    refused = server.post(path, {"namespace": "nowhere"}, once)
    assert (refused.status, refused.json["code"]) == (422, "argument_invalid")
    assert "states" in refused.json["detail"]
    assert server.post(path, {"namespace": "nowhere", "dry_run": True}, once).status == 200


def test_the_newest_change_is_not_undone_once(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "Undone once.", "namespace": "undone"}).json
    once = {"Idempotency-Key": "the newest"}
    refused = server.post("/api/undo", {"id": stored["id"]}, once)
    assert (refused.status, refused.json["code"]) == (422, "argument_invalid")
    assert "seq" in refused.json["detail"]
    previewed = server.post("/api/undo", {"id": stored["id"], "preview": True}, once).json
    seqs = {"seq": previewed["undone"][0]["undone"]}
    first, second = (server.post("/api/undo", seqs, once) for _ in range(2))
    assert first.json == second.json
    assert _total(server, "undone") == 0


@pytest.mark.parametrize("where", ["default", "elsewhere"])
def test_a_change_by_hash_that_is_sent_again_is_answered_as_before(server: Served, where: str) -> None:
    stored = server.post("/api/memories", {"content": f"Changed once, {where}.", "namespace": where}).json
    path, once = f"/api/memories/{stored['content_hash']}", {"Idempotency-Key": f"changed {where}"}
    body = {"content": f"Changed, {where}."}
    first = server.ask("PUT", path, body, once)
    assert (first.status, first.json["memory"]["content"]) == (200, body["content"])
    assert server.ask("PUT", path, body, once).json == first.json
    server.ask("DELETE", f"/api/memories/{stored['id']}")
    again = server.ask("PUT", path, body, once)
    assert (again.status, again.json, again.headers["etag"]) == (200, first.json, first.headers["etag"])


def test_a_store_that_is_sent_again_is_answered_as_before_after_a_change_and_a_deletion(server: Served) -> None:
    body, once = {"content": "Stored once.", "tags": ["as stored"]}, {"Idempotency-Key": "stored once"}
    first = server.post("/api/memories", body, once)
    path = f"/api/memories/{first.json['id']}"
    server.ask("PUT", path, {"tags": ["later"]})
    assert server.post("/api/memories", body, once).json == first.json
    server.ask("DELETE", path)
    again = server.post("/api/memories", body, once)
    assert (again.status, again.json) == (200, first.json)


def test_a_delete_by_hash_that_is_sent_again_deletes_no_other_memory_of_that_content(server: Served) -> None:
    for one in ({}, {"namespace": "others"}):
        stored = server.post("/api/memories", {"content": "In two namespaces.", **one}).json
    path, once = f"/api/memories/{stored['content_hash']}", {"Idempotency-Key": "the own one"}
    first = server.ask("DELETE", path, headers=once)
    again = server.ask("DELETE", path, headers=once)
    assert (first.status, again.status, again.json) == (200, 200, first.json)
    assert _total(server, "others") == 1
