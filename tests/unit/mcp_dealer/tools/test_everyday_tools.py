"""The tools: what they pass on, what they refuse, and how a refusal reads."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import TextContent

from memmux.errors import ClusterStartError, MemmuxError, NotFoundError
from memmux.wire.times import parse_time
from tests.unit.mcp_dealer.calls import call, refusal_of
from tests.unit.mcp_dealer.stand_in import Connect, StandIn

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("name", "arguments", "method"),
    [
        ("memory_store", {"content": "x", "tags": ["a"], "type": "note", "metadata": {"a": 1}}, "store"),
        (
            "memory_search",
            {"query": "x", "limit": 3, "mode": "exact", "any_tag": True, "after": "2026-01-01T00:00Z"},
            "search",
        ),
        ("memory_get", {"id": "0001"}, "get"),
        ("memory_list", {"limit": 3, "offset": 2, "type": "note", "before": "2026-01-01T00:00Z"}, "list"),
        ("memory_update", {"id": "0001", "content": "y", "metadata": {"a": None}}, "update"),
        ("memory_delete", {"id": "0001"}, "delete"),
        ("memory_delete", {"tags": ["a"], "type": "note", "dry_run": True}, "forget"),
        ("memory_search", {"tags": ["a"], "limit": 3}, "list"),
        ("memory_graph", {"hash": "0001", "action": "subgraph", "hops": 3}, "graph"),
        ("memory_history", {"id": "0001", "limit": 5}, "history"),
        ("memory_health", {}, "status"),
    ],
)
async def test_each_tool_passes_its_arguments_on_and_answers_as_its_schema_says(
    connect: Connect, made: list[StandIn], name: str, arguments: dict[str, Any], method: str
) -> None:
    result = await call(connect, name, arguments)  # the SDK's client checks the answer against the schema
    assert not result.is_error
    assert result.structured_content
    called, positional, options = made[0].calls[-1]
    assert called == method
    meant = {name: parse_time(text) if name in ("after", "before") else text for name, text in arguments.items()}
    assert [*meant.values()] == [
        *positional,
        *(options[argument] for argument in arguments if argument in options),
    ]


async def test_an_unknown_tool_is_refused_with_the_names_of_all(connect: Connect) -> None:
    refusal = refusal_of(await call(connect, "memory_forget", {}))
    assert refusal.startswith("unknown_operation: there is no tool 'memory_forget'; there are memory_store, ")


@pytest.mark.parametrize("error", [NotFoundError(), ClusterStartError("the router said why")])
async def test_a_failure_reads_as_its_code_and_its_message(
    connect: Connect, made: list[StandIn], error: MemmuxError
) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].error = error
        assert refusal_of(await client.call_tool("memory_get", {"id": "x"})) == f"{error.code}: {error.message}"


async def test_a_crash_tells_the_client_nothing_of_its_inside(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].error = ValueError("a secret")
        refusal = refusal_of(await client.call_tool("memory_get", {"id": "x"}))
    assert refusal.startswith("internal: ")
    assert "secret" not in refusal


async def test_what_the_cluster_did_without_is_told(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].degraded = ("embedder_loading",)
        for name, arguments in (("memory_store", {"content": "x"}), ("memory_search", {"query": "x"})):
            result = await client.call_tool(name, arguments)
            assert result.structured_content is not None
            assert result.structured_content["degraded"] == ["embedder_loading"]
            assert isinstance(result.content[0], TextContent)
            assert result.content[0].text.endswith("degraded: embedder_loading")


async def test_what_a_search_and_a_get_show_is_counted(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.call_tool("memory_search", {"query": "x"})
        await client.call_tool("memory_get", {"id": "0001"})
        await client.call_tool("memory_list", {})
    assert made[0].used_ids == ["0001", "0002"]


async def test_what_is_left_out_for_want_of_room_is_not_counted(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        result = await client.call_tool("memory_search", {"query": "x", "max_response_chars": 1})
        assert result.structured_content is not None
        assert result.structured_content["omitted"] == 1
    assert made[0].used_ids == ["0001"]


async def test_what_the_cluster_lacks_is_told_by_answers_that_need_none_of_it(
    connect: Connect, made: list[StandIn]
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("memory_get", {"id": "0001"}),
        ("memory_list", {}),
        ("memory_delete", {"id": "0001"}),
        ("memory_delete", {"tags": ["a"]}),
        ("memory_search", {"tags": ["a"]}),
        ("memory_graph", {"hash": "0001"}),
        ("memory_history", {"id": "0001"}),
        ("memory_cleanup", {}),
    ]
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].degraded = ("database_corrupt",)
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            assert result.structured_content is not None, result.content
            assert result.structured_content["degraded"] == ["database_corrupt"], name
        asked = [method for method, _, _ in made[0].calls]
        assert asked.count("status") == 2, "the codes come with the answers: only health and the connection ask"


async def test_a_store_asks_for_what_is_similar(connect: Connect, made: list[StandIn]) -> None:
    await call(connect, "memory_store", {"content": "x"})
    _, _, options = made[0].calls[-1]
    assert options["similar"] is True
