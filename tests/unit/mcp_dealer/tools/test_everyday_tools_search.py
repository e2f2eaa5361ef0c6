"""The tools that find: what they pass on, and what they show of hits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from mcp_types import TextContent

from memmux.errors import NotFoundError
from tests.sums import added
from tests.unit.mcp_dealer.calls import call
from tests.unit.mcp_dealer.stand_in import MEMORY, Connect, StandIn

pytestmark = pytest.mark.anyio


async def test_superseded_memories_are_listed_and_not_found_unless_told_otherwise(
    connect: Connect, made: list[StandIn]
) -> None:
    said: list[tuple[str, dict[str, Any], bool]] = [
        ("memory_search", {"query": "x"}, False),
        ("memory_search", {"tags": ["a"]}, False),
        ("memory_search", {"query": "x", "include_superseded": True}, True),
        ("memory_list", {}, True),
        ("memory_list", {"include_superseded": False}, False),
    ]
    async with connect() as client:
        for name, arguments, included in said:
            await client.call_tool(name, arguments)
            _, _, options = made[0].calls[-1]
            assert options["include_superseded"] is included, (name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("memory_get", {"content_hash": "ab"}),
        ("memory_update", {"content_hash": "ab", "content": "y"}),
        ("memory_delete", {"content_hash": "ab"}),
        ("memory_delete", {"content_hash": "ab", "dry_run": True}),
        ("memory_graph", {"hash": "ab"}),
        ("memory_history", {"content_hash": "ab"}),
    ],
)
async def test_one_memory_is_meant_wherever_it_is_unless_a_namespace_is_named(
    connect: Connect, made: list[StandIn], name: str, arguments: dict[str, Any]
) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].error = NotFoundError()
        made[0].calls.clear()
        await client.call_tool(name, arguments)
        places = [options.get("namespace", "own") for _, _, options in made[0].calls]
        made[0].calls.clear()
        await client.call_tool(name, {**arguments, "store": "work"})
        named = [options["namespace"] for _, _, options in made[0].calls]
    assert (places, named) == (["own", None], ["work"])


async def test_every_answer_about_a_memory_has_its_hash(connect: Connect) -> None:
    for name, arguments in (
        ("memory_store", {"content": "x"}),
        ("memory_get", {"id": "0001"}),
        ("memory_update", {"id": "0001", "content": "y"}),
        ("memory_delete", {"id": "0001"}),
        ("memory_delete", {"id": "0001", "dry_run": True}),
    ):
        assert ((await call(connect, name, arguments)).structured_content or {})["content_hash"] == "ab"
    found = (await call(connect, "memory_search", {"query": "x"})).structured_content or {}
    listed = (await call(connect, "memory_list", {})).structured_content or {}
    linked = (await call(connect, "memory_graph", {"hash": "0001"})).structured_content or {}
    assert [one["content_hash"] for one in (*found["hits"], *listed["memories"])] == ["ab", "cd", "ab", "cd"]
    assert linked["nodes"][0]["content_hash"] == "ab"


@pytest.mark.parametrize(
    ("given", "only_relevant"),
    [({}, True), ({"mode": "hybrid"}, True), ({"mode": "semantic"}, False), ({"min_score": 0.1}, False)],
)
async def test_a_hybrid_search_leaves_out_what_has_nothing_to_do_with_it(
    connect: Connect, made: list[StandIn], given: dict[str, Any], only_relevant: bool
) -> None:
    await call(connect, "memory_search", {"query": "x", **given})
    assert made[0].calls[-1][2]["only_relevant"] is only_relevant


async def test_what_a_score_is_the_sum_of_is_said_to_whom_asks(connect: Connect, made: list[StandIn]) -> None:
    silent = (await call(connect, "memory_search", {"query": "x"})).structured_content or {}
    assert made[0].calls[-1][2]["why"] is False
    assert all("why" not in hit for hit in silent["hits"])
    first = ((await call(connect, "memory_search", {"query": "x", "why": True})).structured_content or {})["hits"][0]
    assert made[0].calls[-1][2]["why"] is True
    assert added(first["why"].values()) == first["score"]


@pytest.mark.parametrize(
    ("given", "passed"), [({}, None), ({"cues": ["date"]}, ["date"]), ({"cues": "date,when"}, ["date", "when"])]
)
async def test_cues_are_passed_on(
    connect: Connect, made: list[StandIn], given: dict[str, Any], passed: list[str] | None
) -> None:
    await call(connect, "memory_search", {"query": "x", **given})
    assert made[0].calls[-1][2]["cues"] == passed


async def test_what_stands_beside_a_hit_is_shown_to_whom_asks(connect: Connect, made: list[StandIn]) -> None:
    silent = (await call(connect, "memory_search", {"query": "x"})).structured_content or {}
    assert not {"context", "context_weight"} & made[0].calls[-1][2].keys()
    assert all("before" not in hit and "after" not in hit for hit in silent["hits"])
    told = await call(connect, "memory_search", {"query": "x", "context": "1", "context_weight": 0.5})
    assert {name: made[0].calls[-1][2][name] for name in ("context", "context_weight")} == {
        "context": 1,
        "context_weight": 0.5,
    }
    first = (told.structured_content or {})["hits"][0]
    assert first["before"] == [{"id": "0002", "content": "Bare."}]
    assert [one["id"] for one in first["after"]] == ["0001"]
    (text,) = told.content
    assert isinstance(text, TextContent)
    assert "before · 0002 · Bare.\nThe office is in Ghent.\nafter · 0001 · The office is in Ghent." in text.text


async def test_what_stands_beside_a_hit_is_within_the_bound(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].memory = replace(MEMORY, content="word " * 2_000)
        told = await client.call_tool("memory_search", {"query": "x", "context": 1, "max_response_chars": 1_000})
    assert len(json.dumps(told.structured_content)) < 1_100
    assert (told.structured_content or {})["omitted"] == 1


async def test_a_thread_is_passed_on(connect: Connect, made: list[StandIn]) -> None:
    await call(connect, "memory_store", {"content": "x", "thread": "talk", "place": 3})
    assert (made[0].calls[-1][2]["thread"], made[0].calls[-1][2]["place"]) == ("talk", 3)
    await call(connect, "memory_store", {"content": "x"})
    assert not {"thread", "place"} & made[0].calls[-1][2].keys()


async def test_a_floor_on_the_cosine_is_passed_on_and_the_cosine_is_shown(
    connect: Connect, made: list[StandIn]
) -> None:
    answer = (await call(connect, "memory_search", {"query": "x", "min_similarity": -1})).structured_content or {}
    assert made[0].calls[-1][2]["min_similarity"] == -1
    assert [hit.get("similarity") for hit in answer["hits"]] == [0.8123, None]
