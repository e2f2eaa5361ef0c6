"""The arguments of mcp-memory-service 12 with our tools of the same name, through a real client."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from mcp_types import TextContent

from memmux import Client as MemmuxClient
from memmux.config.loader import load
from tests.acceptance.conftest import BOUND_S, Connect, refusal, structured
from tests.acceptance.expected import expect
from tests.acceptance.world import GONE, HASH, KETTLE, PARROT, PORT, ZONE, day, fill, line, noon
from tests.integration.helpers import status_until
from tests.zones import zone_at

pytestmark = pytest.mark.anyio

TAKEN = "metrics_unavailable"

EVERY = [PORT, *GONE[:4], PARROT, GONE[4], KETTLE, GONE[5]]
SEARCHES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("memory_search", {"query": PORT, "mode": "semantic", "limit": 1}, {"mode": "semantic", "found": [PORT]}),
    ("memory_search", {"query": "parrot lives", "mode": "exact"}, {"mode": "exact", "found": [PARROT]}),
    ("memory_search", {"query": "kettle", "mode": "hybrid", "limit": 1}, {"mode": "hybrid", "found": [KETTLE]}),
    ("memory_search", {"query": "kettle", "mode": "keyword"}, {"mode": "keyword", "found": [KETTLE]}),
    ("memory_search", {"query": PORT, "mode": "ranked", "limit": 1}, {"mode": "ranked", "found": [PORT]}),
    ("memory_search", {"query": "database", "time_expr": "yesterday"}, {"found": [PORT]}),
    ("memory_search", {"time_expr": "yesterday"}, {"mode": "newest", "found": [PORT]}),
    ("memory_search", {"after": day(41), "before": day(39)}, {"found": [PARROT]}),
    ("memory_search", {"tags": "pet,kitchen"}, {"found": [PARROT, KETTLE]}),
    ("memory_search", {"tags": ["kitchen", "old"], "tag_match": "all"}, {"found": [KETTLE]}),
    ("memory_search", {"tags": ["pet", "old"], "tag_match": "all"}, {"found": []}),
    ("memory_search", {"tags": ["pet", "old"], "tag_match": "any", "memory_type": "note"}, {"found": [KETTLE]}),
    ("memory_search", {"query": PORT, "mode": "semantic", "min_score": 0.999}, {"found": [PORT]}),
    ("memory_search", {"tags": ["more"], "limit": 1, "offset": 1}, {"found": [GONE[2]]}),
    (
        "memory_search",
        {"query": "kettle", "mode": "keyword", "quality_boost": 0, "fallback": True, "include_debug": True},
        {"found": [KETTLE], "notes": None},
    ),
    ("memory_list", {"page": 1, "page_size": 100}, {"total": 9}),
    ("memory_list", {"page": 2, "page_size": 8, "tags": None}, {"found": [GONE[5]]}),
    ("memory_list", {"tags": ["kitchen", "old"], "tag_match": "all", "memory_type": "note"}, {"found": [KETTLE]}),
    ("memory_list", {"time_expr": "yesterday"}, {"found": [PORT]}),
    ("memory_get", {"content_hash": HASH[PORT]}, {"content": PORT, "content_hash": HASH[PORT]}),
]
DELETES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("memory_delete", {"tags": ["more"], "dry_run": True}, {"count": 2, "dry_run": True}),
    ("memory_delete", {"content_hash": HASH[PORT], "dry_run": True}, {"count": 1, "dry_run": True}),
    ("memory_list", {}, {"total": 9}),
    ("memory_delete", {"tags": "gone-2,more", "tag_match": "all"}, {"count": 1, "dry_run": None}),
    ("memory_delete", {"before": day(800)}, {"count": 1}),
    ("memory_delete", {"after": day(101), "before": day(99)}, {"count": 1}),
    ("memory_delete", {"tags": ["staging", "gone-1"], "dry_run": True}, {"count": 0, "dry_run": True}),
    ("memory_delete", {"time_expr": "yesterday", "tags": ["staging", "gone-1"], "tag_match": "any"}, {"count": 1}),
    ("memory_delete", {"content_hash": HASH[GONE[0]]}, {"count": 1}),
    ("memory_list", {}, {"total": 4, "found": [GONE[3], GONE[1], PARROT, KETTLE]}),
]
CONFLICTS: list[tuple[str, dict[str, Any], str]] = [
    ("memory_store", {"content": "x", "tags": ["a"], "metadata": {"tags": "b"}}, "tags and metadata.tags"),
    ("memory_store", {"content": "x", "type": "a", "metadata": {"type": "b"}}, "type and metadata.type"),
    ("memory_search", {"query": "x", "any_tag": False, "tag_match": "any"}, "tag_match and any_tag"),
    ("memory_search", {"query": "x", "type": "a", "memory_type": "b"}, "type and memory_type"),
    ("memory_list", {"limit": 5, "page_size": 6}, "limit and page_size"),
    ("memory_list", {"offset": 5, "page": 1}, "offset and page"),
    ("memory_get", {"id": "a", "content_hash": "b"}, "id and content_hash"),
    ("memory_update", {"id": "a", "content": "x", "updates": {"content": "y"}}, "content and updates.content"),
    ("memory_delete", {"id": "a", "content_hash": "b"}, "id and content_hash"),
    ("memory_delete", {"content_hash": "a", "tags": ["b"]}, "content_hash means one memory and tags many"),
    ("memory_delete", {}, "nothing says what to delete"),
    ("retrieve_memory", {"query": "x", "n_results": 3, "limit": 4}, "n_results and limit"),
]


@pytest.fixture
def past_env(emptied_env: dict[str, str]) -> dict[str, str]:
    """A memory with a past."""
    env = {**emptied_env, "TZ": ZONE}
    fill(env)
    return env


@pytest.fixture
def own_past_env(tidy_env: dict[str, str]) -> dict[str, str]:
    """The same in a cluster that has done nothing else."""
    env = {**tidy_env, "TZ": ZONE}
    fill(env)
    return env


@pytest.mark.parametrize("cases", [SEARCHES, DELETES], ids=["searches", "deletes"])
async def test_its_arguments_are_understood(join: Connect, past_env: dict[str, str], cases: list[Any]) -> None:
    async with join(env=past_env) as client:
        await expect(client, cases)


async def test_arguments_that_say_different_things_are_refused_with_both_names(join: Connect) -> None:
    async with join() as client:
        for name, arguments, names in CONFLICTS:
            said = refusal(await client.call_tool(name, arguments))
            assert said.startswith("argument_invalid: "), (name, said)
            assert names in said, (name, said)


async def test_a_time_that_is_not_understood_is_refused_with_examples(join: Connect) -> None:
    async with join() as client:
        said = refusal(await client.call_tool("memory_search", {"query": "x", "time_expr": "purple elephants"}))
        assert said.startswith("time_not_understood: ")
        assert "last week" in said


async def test_what_it_stores_is_kept_where_it_belongs(connect: Connect, tidy_env: dict[str, str]) -> None:
    arguments = {
        "content": "The vault opens at nine.",
        "metadata": {"tags": "bank, hours", "type": "fact", "branch": 3},
        "conversation_id": "c-1",
        "agent_id": "a-1",
        "store": "work",
    }
    async with connect(env=tidy_env) as client:
        stored = structured(await client.call_tool("memory_store", arguments))
        memory = structured(await client.call_tool("memory_get", {"id": stored["id"], "store": "work"}))
        assert (memory["tags"], memory["type"]) == (["bank", "hours"], "fact")
        assert memory["metadata"] == {"branch": 3, "conversation_id": "c-1", "agent_id": "a-1"}
        elsewhere = {"content_hash": stored["content_hash"].upper(), "store": "home"}
        assert refusal(await client.call_tool("memory_get", elsewhere)).startswith(
            "not_found: no such namespace 'home'"
        )
        found = structured(
            await client.call_tool("memory_search", {"query": "vault", "mode": "keyword", "store": "work"})
        )
        assert [hit["id"] for hit in found["hits"]] == [stored["id"]]
        own = structured(await client.call_tool("memory_search", {"query": "vault", "mode": "keyword"}))
        assert (own["hits"], own["notes"]) == ([], ["no such namespace 'default'; there are 'work'"])
        everywhere = {"query": "THE VAULT", "mode": "exact", "store": "all"}
        (hit,) = structured(await client.call_tool("memory_search", everywhere))["hits"]
        assert (hit["namespace"], hit["content_hash"]) == ("work", stored["content_hash"])
        named = {"content_hash": stored["content_hash"]}  # which is known in every store
        updated = structured(await client.call_tool("memory_update", {**named, "updates": {"tags": ["bank"]}}))
        deleted = structured(await client.call_tool("memory_delete", named))
        assert updated["content_hash"] == deleted["content_hash"] == stored["content_hash"]


async def test_near_duplicates_are_kept_and_named(join: Connect) -> None:
    async with join() as client:
        first = structured(await client.call_tool("memory_store", {"content": "The red bicycle is in the shed"}))
        again = {"content": "The red bicycle is in the shed.", "conversation_id": "c"}
        second = structured(await client.call_tool("memory_store", again))
        assert second["status"] == "created"
        assert [alike["id"] for alike in second["similar"]] == [first["id"]]
        assert second["similar"][0]["score"] >= 0.85
        assert structured(await client.call_tool("memory_list", {}))["total"] == 2


async def test_an_update_may_supersede(join: Connect, past_env: dict[str, str]) -> None:
    async with join(env=past_env) as client:
        updates = {"content": "The parrot lives in Ghent.", "tags": "bird,pet", "age": 7}
        arguments = {"content_hash": HASH[PARROT], "updates": updates, "versioned": True}
        changed = structured(await client.call_tool("memory_update", arguments))
        search = {"query": "parrot", "mode": "keyword"}
        (hit,) = structured(await client.call_tool("memory_search", search))["hits"]
        assert (hit["id"], hit["content"], hit["tags"]) == (changed["id"], updates["content"], ["bird", "pet"])
        assert hit["metadata"] == {"age": 7}
        both = structured(await client.call_tool("memory_search", {**search, "include_superseded": True}))["hits"]
        assert {found["content"] for found in both} == {PARROT, updates["content"]}
        assert [found.get("superseded_by") for found in both if found["content"] == PARROT] == [changed["id"]]
        cleanup = structured(await client.call_tool("memory_cleanup", {}))
        assert (cleanup["duplicates"], cleanup["superseded"]) == (0, 1)


async def test_an_update_keeps_the_time_of_creation_and_says_so(join: Connect, past_env: dict[str, str]) -> None:
    async with join(env=past_env) as client:
        arguments = {"content_hash": HASH[PORT], "updates": {"memory_type": "note"}, "preserve_timestamps": False}
        assert structured(await client.call_tool("memory_update", arguments))["notes"]
        memory = structured(await client.call_tool("memory_get", {"id": HASH[PORT]}))
        assert (memory["type"], memory["created_at"][:10]) == ("note", noon(1).date().isoformat())


async def test_a_response_is_cut_between_memories(join: Connect, past_env: dict[str, str]) -> None:
    async with join(env=past_env) as client:
        everything = {"before": day(-1), "limit": 100}
        whole = await client.call_tool("memory_search", everything)
        assert [hit["content"] for hit in structured(whole)["hits"]]
        assert isinstance(whole.content[0], TextContent)
        most = len(whole.content[0].text) // 2
        cut = await client.call_tool("memory_search", {**everything, "max_response_chars": most})
        assert isinstance(cut.content[0], TextContent)
        hits = structured(cut)["hits"]
        assert 0 < len(hits) < 9
        assert structured(cut)["omitted"] == 9 - len(hits)
        assert len(cut.content[0].text) <= most + 100  # the first and the last line
        assert hits == structured(whole)["hits"][: len(hits)]
        least = structured(await client.call_tool("memory_search", {**everything, "max_response_chars": 1}))
        assert (len(least["hits"]), least["omitted"]) == (1, 8)


@pytest.mark.parametrize("hour", [4, 12, 20])
async def test_yesterday_is_that_of_the_users_time_zone(join: Connect, emptied_env: dict[str, str], hour: int) -> None:
    zone = zone_at(hour)
    env = {**emptied_env, "TZ": zone}
    today = datetime.now(ZoneInfo(zone)).replace(hour=0, minute=30)
    inside, outside = (today - timedelta(days=1)).timestamp(), (today - timedelta(days=1, hours=1)).timestamp()
    with MemmuxClient(settings=load(environment=env), name="filler") as filler:
        lines = [
            line(content, 1, [], {}, created_at=at, updated_at=at)
            for content, at in ((PORT, inside), (PARROT, outside))
        ]
        assert filler.load(lines).created == 2
    async with join(env=env) as client:
        for name, arguments in (
            ("memory_search", {"time_expr": "yesterday"}),
            ("recall_memory", {"query": "yesterday"}),
        ):
            hits = structured(await client.call_tool(name, arguments))["hits"]
            assert [hit["content"] for hit in hits] == [PORT]


async def test_a_conversation_is_a_thread(join: Connect) -> None:
    turns = [{"role": "user", "content": "Where is the parrot?"}, {"role": "assistant", "content": "In Antwerp."}]
    async with join() as client:
        for _ in range(2):
            arguments = {"turns": turns, "session_id": "s-1", "tags": "talk"}
            stored = structured(await client.call_tool("memory_store_session", arguments))
        assert (stored["status"], stored["stored"]) == ("duplicate", 0)
        turns.append({"role": "user", "content": "Since when?"})
        stored = structured(await client.call_tool("memory_store_session", arguments | {"turns": turns}))
        assert (stored["status"], stored["stored"]) == ("created", 1)
        asked = {"query": "Antwerp", "context": 1, "tags": "talk", "mode": "keyword"}
        (hit,) = structured(await client.call_tool("memory_search", asked))["hits"]
        assert (hit["content"], hit["metadata"]["session_id"]) == ("assistant: In Antwerp.", "s-1")
        assert [one["content"] for one in hit["before"]] == ["user: Where is the parrot?"]
        assert [one["content"] for one in hit["after"]] == ["user: Since when?"]


async def test_a_conversation_is_one_memory_if_told(join: Connect) -> None:
    turns = [{"role": "user", "content": "Where is the parrot?"}, {"role": "assistant", "content": "In Antwerp."}]
    async with join() as client:
        arguments = {"turns": turns, "session_id": "s-1", "tags": "talk", "metadata": {"k": 1}, "whole": True}
        stored = structured(await client.call_tool("memory_store_session", arguments))
        assert (stored["session_id"], stored["turns"]) == ("s-1", 2)
        memory = structured(await client.call_tool("memory_get", {"id": stored["id"]}))
        assert memory["content"] == "[user] Where is the parrot?\n[assistant] In Antwerp."
        assert (memory["type"], memory["tags"]) == ("session", ["session:s-1", "talk"])
        assert memory["metadata"] == {"k": 1, "session_id": "s-1", "turns": 2}
        assert structured(await client.call_tool("memory_store_session", {"turns": turns[:1]}))["session_id"]
        assert refusal(await client.call_tool("memory_store_session", {"turns": []})).startswith("content_empty: ")


async def test_a_history_is_told_and_stats_count(connect: Connect, own_past_env: dict[str, str]) -> None:
    async with connect(env=own_past_env) as client:
        await client.call_tool("memory_update", {"id": HASH[PORT], "content": "The port is 5434."})
        changes = structured(await client.call_tool("memory_history", {"id": HASH[PORT]}))["changes"]
        assert (changes[0]["did"], changes[0]["before"]) == ("changed content", PORT)
        assert (changes[-1]["did"], changes[-1]["client"]) == ("loaded", "filler")
        stats = structured(await client.call_tool("memory_stats", {}))
        assert (stats["memories"], stats["superseded"], stats["recent"]) == (9, 0, 5)
        assert stats["requests"]["memory.rewrite"] == 1


async def test_documents_are_ingested_with_progress(join: Connect, emptied_env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    await asyncio.to_thread(
        (folder / "one.md").write_text, "\n\n".join(f"Paragraph {n}. {'Words. ' * 40}" for n in range(9))
    )
    told: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        del message
        told.append((done, total))

    async with join(env={**emptied_env, "MEMMUX_INGEST_ROOTS": str(folder)}) as client:
        arguments = {"path": str(folder), "tags": ["papers"], "chunk_size": 500}
        ingested = structured(await client.call_tool("memory_ingest", arguments, progress_callback=progress))
        assert ingested["files"] == 1
        assert ingested["chunks"] > 1
        listed = structured(await client.call_tool("memory_list", {"tags": ["papers"]}))
        assert listed["total"] == ingested["chunks"]
        again = structured(await client.call_tool("memory_ingest", arguments))
        assert (again["files"], again["skipped"]) == (0, 1)
        outside = await client.call_tool("memory_ingest", {"path": str(tmp_path)})
        assert refusal(outside).startswith("path_refused: ")
    assert told
    assert told[-1][0] == told[-1][1]


async def test_what_is_shown_is_counted_when_the_client_leaves(connect: Connect, own_past_env: dict[str, str]) -> None:
    def counted_by_its_end() -> int:
        """Return how often it was counted, once the cluster has no session of the client any more."""
        with MemmuxClient(settings=load(environment=own_past_env), name="test", start=False) as asking:
            status = status_until(asking, lambda status: not any("relay_pid" in one for one in status.clients))
            return int(status.requests.get("memory.use", {"ok": 0})["ok"])

    shown = counted = 0
    until = time.monotonic() + BOUND_S
    while not counted:  # the gateway has a moment to tell it: on a busy machine it may be too late
        assert time.monotonic() < until, f"it was shown {shown} times and never counted"
        async with connect(env=own_past_env) as client:
            await client.call_tool("memory_search", {"query": PORT, "mode": "semantic", "limit": 2})
        shown += 1
        counted = await asyncio.to_thread(counted_by_its_end)
    assert counted <= shown


async def test_every_answer_says_what_was_not_as_it_should_be(connect: Connect, tidy_env: dict[str, str]) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("memory_store", {"content": "x"}),
        ("memory_search", {"query": "x"}),
        ("memory_search", {"tags": ["pet"]}),
        ("memory_get", {"id": HASH[PORT]}),
        ("memory_list", {}),
        ("memory_update", {"id": HASH[PORT], "content": "y"}),
        ("memory_delete", {"id": HASH[PORT]}),
        ("memory_delete", {"tags": ["pet"]}),
        ("memory_health", {}),
        ("memory_stats", {}),
        ("memory_cleanup", {}),
        ("memory_graph", {"hash": HASH[KETTLE]}),
        ("memory_history", {"id": HASH[KETTLE]}),
        ("memory_store_session", {"turns": [{"role": "user", "content": "z"}]}),
        ("search_by_tag", {"tag": "old"}),
    ]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        tidy_env |= {"MEMMUX_METRICS_PORT": str(taken.getsockname()[1]), "TZ": ZONE}
        fill(tidy_env)
        async with connect(env=tidy_env) as client:
            async with asyncio.timeout(BOUND_S):
                while TAKEN not in structured(await client.call_tool("memory_health", {})).get("degraded", ()):
                    pass
            for name, arguments in calls:
                assert TAKEN in structured(await client.call_tool(name, arguments))["degraded"], name
