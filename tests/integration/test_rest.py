"""REST before a real cluster: each resource, in the shapes that mcp-memory-service's callers expect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_dealer.http.rest import routes
from memmux import Client
from memmux.config.loader import load
from tests.http_app import Served, serve
from tests.integration.helpers import complete, status_until
from tests.zones import zone_at


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str]) -> Iterator[Served]:
    """REST before the cluster of this module."""
    settings = load(environment=shared_env)
    with Client(settings=settings, name="first") as client:
        status_until(client, complete)  # from then on a memory has its vector at once, by no change of its own
    with serve(settings, routes) as served:
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


def test_a_search_answers_as_mcp_memory_service_does(server: Served) -> None:
    server.post("/api/memories", {"content": "the blue whale sings in the sea", "tags": ["whale", "sea"]})
    found = server.post("/api/search", {"query": "whale sea sings", "n_results": 2, "why": True})
    assert found.status == 200, found.json
    assert found.json.keys() >= {"results", "total_found", "query", "search_type", "processing_time_ms"}
    best = found.json["results"][0]
    assert best["memory"]["content"] == "the blue whale sings in the sea"
    assert 0 <= best["similarity_score"] <= 1
    assert best["relevance_reason"]
    floor = server.post("/api/search", {"query": "whale sea sings", "similarity_threshold": 1.0})
    assert all(one["similarity_score"] >= 0.99 for one in floor.json["results"])
    tagged = server.post("/api/search/by-tag", {"tags": ["WHALE"], "match_all": True, "limit": 1})
    assert tagged.json["total_found"] == 1
    assert tagged.json["results"][0]["similarity_score"] is None
    hash_ = best["memory"]["content_hash"]
    near = server.get(f"/api/search/similar/{hash_}?n_results=1")
    assert hash_ not in [one["memory"]["content_hash"] for one in near.json["results"]]


def test_a_time_is_meant_in_words_also_beside_others(server: Served) -> None:
    server.post("/api/memories", {"content": "stored today: the walrus"})
    zone = zone_at(12)
    for query in ("today", "walrus today", "walrus last-week and today"):
        found = server.post("/api/search/by-time", {"query": query, "n_results": 50, "time_zone": zone})
        assert found.status == 200, found.json
    today = server.post("/api/search/by-time", {"query": "today", "n_results": 50, "time_zone": zone}).json["results"]
    assert "stored today: the walrus" in [one["memory"]["content"] for one in today]
    refused = server.post("/api/search/by-time", {"query": "colourless green ideas"})
    assert (refused.status, refused.json["code"]) == (400, "time_not_understood")


def test_a_list_is_read_page_by_page_and_by_tag(server: Served) -> None:
    for number in range(5):
        server.post("/api/memories", {"content": f"page {number}", "tags": "paged,second", "memory_type": "page"})
    first = server.get("/api/memories?tag=paged&page_size=2").json
    third = server.get("/api/memories?tag=paged&page_size=2&page=3").json
    assert [one["content"] for one in first["memories"]] == ["page 4", "page 3"]
    assert (first["total"], first["has_more"], first["page"]) == (5, True, 1)
    assert [one["content"] for one in third["memories"]] == ["page 0"]
    assert third["has_more"] is False
    assert server.get("/api/memories?tag=paged,none&tag_match=all").json["total"] == 0
    assert server.get("/api/memories?memory_type=page&offset=4&page_size=10").json["memories"][0]["content"] == "page 0"
    beyond = server.get("/api/memories?page=9007199254740992&page_size=1000")
    assert (beyond.status, beyond.json["memories"]) == (200, [])
    counts = {one["tag"]: one["count"] for one in server.get("/api/tags").json["tags"]}
    assert counts["paged"] == 5
    assert server.get("/api/namespaces").json["total"] >= 1


def test_a_change_is_seen_in_the_history_and_undone(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "to be undone"}).json
    server.ask("PUT", f"/api/memories/{stored['id']}", {"tags": ["changed"]})
    gone = server.ask("DELETE", f"/api/memories/{stored['id']}").json
    history = server.get(f"/api/memories/{stored['id']}/history").json["changes"]
    assert [one["operation"] for one in history] == ["memory.delete", "memory.update", "memory.store"]
    preview = server.post("/api/undo", {"seq": gone["seq"], "preview": True}).json
    assert preview["undone"][0]["becomes"] == "restored"
    assert server.get(f"/api/memories/{stored['id']}").status == 404
    undone = server.post("/api/undo", {"id": stored["id"]})
    assert undone.json["undone"][0]["undone"] == gone["seq"]
    assert server.get(f"/api/memories/{stored['id']}").json["tags"] == ["changed"]
    conflict = server.post("/api/undo", {"seq": stored["seq"]})
    assert (conflict.status, conflict.json["code"]) == (409, "undo_conflict")
    changes = server.get(f"/api/changes?after_seq={stored['seq'] - 1}").json["changes"]
    assert [one["event"] for one in changes][:4] == [
        "memory_stored",
        "memory_updated",
        "memory_deleted",
        "memory_restored",
    ]


def test_all_that_meets_a_filter_is_deleted_after_it_was_looked_at(server: Served) -> None:
    for number in range(3):
        server.post("/api/memories", {"content": f"many {number}", "tags": ["many"]})
    looked = server.post("/api/delete", {"tags": ["many"], "dry_run": True}).json
    assert (looked["count"], looked["dry_run"]) == (3, True)
    assert server.get("/api/memories?tag=many").json["total"] == 3
    done = server.post("/api/delete", {"tags": ["many"]}).json
    assert server.get("/api/memories?tag=many").json["total"] == 0
    undone = server.post("/api/undo", {"seq": done["first_seq"], "last_seq": done["last_seq"]}).json
    nothing = server.post("/api/undo", {"seq": done["last_seq"] + 1000, "last_seq": done["last_seq"] + 1099}).json
    assert (nothing["undone"], nothing["left"]) == ([], []), "a part without changes of memories ends no undo of many"
    assert (len(undone["undone"]), undone["left"]) == (3, [])
    assert server.get("/api/memories?tag=many").json["total"] == 3
    everything = server.post("/api/delete", {})
    assert (everything.status, everything.json["code"]) == (422, "argument_invalid")


def test_a_write_with_a_key_is_done_once(server: Served) -> None:
    once = {"Idempotency-Key": "only-once"}
    first = server.post("/api/memories", {"content": "once"}, once).json
    again = server.post("/api/memories", {"content": "once"}, once).json
    assert (again["seq"], again["status"]) == (first["seq"], "created")
    other = server.post("/api/memories", {"content": "another"}, once)
    assert (other.status, other.json["code"]) == (409, "key_conflict")


def test_a_change_is_made_only_to_the_state_that_was_read(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "with an etag"}).json
    path = f"/api/memories/{stored['id']}"
    read = server.get(path).headers["etag"]
    first = server.ask("PUT", path, {"tags": ["first"]}, {"If-Match": read})
    assert first.status == 200
    second = server.ask("PUT", path, {"tags": ["second"]}, {"If-Match": read})
    assert (second.status, second.json["code"]) == (412, "precondition_failed")
    third = server.ask("PUT", path, {"tags": ["third"]}, {"If-Match": first.headers["etag"]})
    assert third.json["memory"]["tags"] == ["third"]


def test_health_and_status_say_what_hooks_read(server: Served) -> None:
    assert server.get("/api/health").json == {"status": "healthy"}
    detailed = server.get("/api/health/detailed").json
    assert detailed["storage"]["status"] == "connected"
    assert detailed["statistics"]["total_memories"] == detailed["storage"]["total_memories"] > 0
    assert server.get("/api/status").json["state"] in {"serving", "degraded"}


def test_what_is_wrong_is_a_problem_with_its_code(server: Served) -> None:
    wrong = {
        ("POST", "/api/search", b'{"query": '): (400, "json_invalid"),
        ("POST", "/api/search", b'{"query": 5}'): (422, "argument_invalid"),
        ("POST", "/api/search", b'{"query": " "}'): (422, "content_empty"),
        ("POST", "/api/search", b'{"query": "a", "n_results": 99999}'): (422, "argument_invalid"),
        ("POST", "/api/search", b'{"query": "\\ud83d"}'): (400, "json_invalid"),
        ("POST", "/api/search", b"[" * 100_000): (400, "json_invalid"),
        ("POST", "/api/memories", b'{"content": "a", "metadata": {"a": 1' + b"0" * 400 + b"}}"): (422, None),
        ("GET", "/api/memories?page=0", None): (422, "argument_invalid"),
        ("GET", "/api/memories?page=a", None): (422, "argument_invalid"),
        ("PATCH", "/api/memories", None): (405, "method_not_allowed"),
        ("GET", "/api/nothing", None): (404, "no_such_path"),
    }
    for (method, path, raw), (status, code) in wrong.items():
        answer = server.ask(method, path, None, {"Content-Type": "application/json"}, raw=raw)
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.status == status, (raw and raw[:50], answer.json)
        assert code is None or answer.json["code"] == code
    form = server.ask("POST", "/api/search", None, {"Content-Type": "text/plain"}, raw=b'{"query": "a"}')
    assert form.status == 415
    huge = server.ask("POST", "/api/search", None, {"Content-Type": "application/json"}, raw=b" " * (17 << 20))
    assert huge.status == 413


def test_nul_is_kept_like_any_character(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "a\x00b", "metadata": {"c": "d\x00e"}}).json
    read = server.get(f"/api/memories/{stored['id']}").json
    assert (read["content"], read["metadata"]) == ("a\x00b", {"c": "d\x00e"})


def test_days_are_counted_and_former_states_listed(server: Served) -> None:
    stored = server.post("/api/memories", {"content": "as it was", "namespace": "days", "tags": ["before"]}).json
    server.ask("PUT", f"/api/memories/{stored['id']}", {"tags": ["after"]})
    counted = server.get("/api/timeline?namespace=days&by=tag&zone=Europe/Berlin").json
    assert counted["zone"] == "Europe/Berlin"
    assert [sum(group["stored"]) for group in counted["groups"]] == [1]
    then = server.get(f"/api/memories?namespace=days&as_of={stored['seq']}").json["memories"]
    assert [one["tags"] for one in then] == [["before"]]
    assert server.get(f"/api/memories/{stored['id']}?as_of={stored['seq']}").json["tags"] == ["before"]
    server.post("/api/memories", {"content": "late", "namespace": "days", "created_at": "2026-03-03T02:00:00Z"})
    for zone, days in (("UTC", ["2026-03-03"]), ("America/New_York", [])):
        found = server.get(f"/api/timeline?namespace=days&zone={zone}&after=2026-03-03&before=2026-03-04").json
        assert found["days"] == days
    unknown = server.get("/api/timeline?zone=Europe/Nowhere")
    assert (unknown.status, unknown.json["code"]) == (422, "argument_invalid")


def test_what_says_the_same_twice_goes_after_a_look_and_comes_back(server: Served) -> None:
    twice = ["the sea is deep and blue", "the SEA is deep  and blue"]
    first, second = (server.post("/api/memories", {"content": text, "namespace": "twice"}).json for text in twice)
    (group,) = server.get("/api/duplicates?namespace=twice").json["groups"]
    assert [one["memory"]["id"] for one in group["members"]] == [first["id"], second["id"]]
    looked = server.post("/api/duplicates", {"namespace": "twice", "dry_run": True}).json
    assert (looked["ids"], looked["seqs"]) == ([second["id"]], [])
    done = server.post("/api/duplicates", {"namespace": "twice"}).json
    assert server.get("/api/memories?namespace=twice").json["total"] == 1
    server.post("/api/undo", {"seqs": done["seqs"]})
    assert server.get("/api/memories?namespace=twice").json["total"] == 2


def test_former_versions_go_after_a_look(server: Served) -> None:
    old = server.post("/api/memories", {"content": "version 1", "namespace": "versions"}).json
    path = f"/api/memories/{old['id']}"
    new = server.ask("PUT", path, {"content": "version 2", "versioned": True}).json
    assert new["memory"]["supersedes"] == old["id"]
    (row,) = server.get("/api/superseded?namespace=versions").json["memories"]
    assert (row["memory"]["id"], row["by"]["id"]) == (old["id"], new["id"])
    assert server.post("/api/superseded", {"namespace": "versions"}).json["ids"] == [old["id"]]
    assert server.get("/api/superseded?namespace=versions").json["total"] == 0


def test_what_was_changed_since_the_look_stays(server: Served) -> None:
    texts = ("the moor is wide and brown", "the MOOR is wide  and brown", "the moor is  wide and BROWN")
    kept = [server.post("/api/memories", {"content": text, "namespace": "moor"}).json["id"] for text in texts]
    looked = server.post("/api/duplicates", {"namespace": "moor", "dry_run": True}).json
    assert set(looked["states"]) == set(looked["ids"]) == set(kept[1:])
    (group,) = server.get("/api/duplicates?namespace=moor").json["groups"]
    states = {one["memory"]["id"]: one["etag"] for one in group["members"][1:]}
    assert states == looked["states"]
    server.ask("PUT", f"/api/memories/{kept[1]}", {"tags": ["to stay"]})
    done = server.post("/api/duplicates", {"namespace": "moor", "states": looked["states"]}).json
    assert (done["ids"], done["left"]) == ([kept[2]], [kept[1]])
    assert {one["id"] for one in server.get("/api/memories?namespace=moor").json["memories"]} == set(kept[:2])


def test_what_was_not_looked_at_stays(server: Served) -> None:
    old = server.post("/api/memories", {"content": "recipe 1", "namespace": "recipes"}).json
    server.ask("PUT", f"/api/memories/{old['id']}", {"content": "recipe 2", "versioned": True})
    looked = server.post("/api/superseded", {"namespace": "recipes", "dry_run": True}).json
    other = server.post("/api/memories", {"content": "stew 1", "namespace": "recipes"}).json
    server.ask("PUT", f"/api/memories/{other['id']}", {"content": "stew 2", "versioned": True})
    (row,) = [
        row
        for row in server.get("/api/superseded?namespace=recipes").json["memories"]
        if row["memory"]["id"] == old["id"]
    ]
    assert looked["states"] == {old["id"]: row["etag"]}
    done = server.post("/api/superseded", {"namespace": "recipes", "states": looked["states"]}).json
    assert (done["ids"], done["left"]) == ([old["id"]], [])
    assert server.get(f"/api/memories/{other['id']}").status == 200
