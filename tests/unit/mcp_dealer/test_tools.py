"""The tools: what they pass on, what they refuse, and how a refusal reads."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import CallToolResult, TextContent

from memmux.errors import ClusterStartError, MemmuxError, NotFoundError
from tests.unit.mcp_dealer.stand_in import Connect, StandIn

pytestmark = pytest.mark.anyio


async def _call(connect: Connect, name: str, arguments: dict[str, Any]) -> CallToolResult:
    async with connect() as client:
        return await client.call_tool(name, arguments)


def _refusal(result: CallToolResult) -> str:
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize(
    ("name", "arguments", "method"),
    [
        ("memory_store", {"content": "x", "tags": ["a"], "type": "note", "metadata": {"a": 1}}, "store"),
        (
            "memory_search",
            {"query": "x", "limit": 3, "mode": "exact", "any_tag": True, "after": "2026-01-01"},
            "search",
        ),
        ("memory_get", {"id": "0001"}, "get"),
        ("memory_list", {"limit": 3, "offset": 2, "type": "note", "before": "2026-01-01"}, "list"),
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
    result = await _call(connect, name, arguments)  # the SDK's client checks the answer against the schema
    assert not result.is_error
    assert result.structured_content
    called, positional, options = made[0].calls[-1]
    assert called == method
    assert [*arguments.values()] == [
        *positional,
        *(options[argument] for argument in arguments if argument in options),
    ]


async def test_an_unknown_argument_is_named(connect: Connect, made: list[StandIn]) -> None:
    refusal = _refusal(await _call(connect, "memory_store", {"content": "x", "tag": "a"}))
    assert refusal == ("unknown_field: memory_store has no argument 'tag'; it takes content, tags, type, metadata")
    assert "store" not in {call[0] for call in made[0].calls}


async def test_a_tool_without_arguments_says_so(connect: Connect) -> None:
    refusal = _refusal(await _call(connect, "memory_health", {"verbose": True}))
    assert refusal == "unknown_field: memory_health has no argument 'verbose'; it takes none"


@pytest.mark.parametrize(
    ("name", "arguments", "refusal"),
    [
        ("memory_store", {}, "argument_invalid: content is missing; give it"),
        ("memory_store", {"content": None}, "argument_invalid: content is missing; give it"),
        ("memory_get", {"id": 5}, "argument_invalid: id is wrong: input should be a valid string"),
        (
            "memory_store",
            {"content": "x", "tags": "a, b"},
            "argument_invalid: tags is wrong: input should be a valid list",
        ),
        (
            "memory_search",
            {"query": "x", "limit": "many"},
            "argument_invalid: limit is wrong: input should be a valid integer, unable to parse string as an integer",
        ),
    ],
)
async def test_an_argument_of_the_wrong_type_is_named(
    connect: Connect, name: str, arguments: dict[str, Any], refusal: str
) -> None:
    assert _refusal(await _call(connect, name, arguments)) == refusal


async def test_an_unknown_tool_is_refused_with_the_names_of_all(connect: Connect) -> None:
    refusal = _refusal(await _call(connect, "memory_forget", {}))
    assert refusal.startswith("unknown_operation: there is no tool 'memory_forget'; there are memory_store, ")


@pytest.mark.parametrize("error", [NotFoundError(), ClusterStartError("the router said why")])
async def test_a_failure_reads_as_its_code_and_its_message(
    connect: Connect, made: list[StandIn], error: MemmuxError
) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].error = error
        assert _refusal(await client.call_tool("memory_get", {"id": "x"})) == f"{error.code}: {error.message}"


async def test_a_crash_tells_the_client_nothing_of_its_inside(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].error = ValueError("a secret")
        refusal = _refusal(await client.call_tool("memory_get", {"id": "x"}))
    assert refusal.startswith("internal: ")
    assert "secret" not in refusal


async def test_a_text_that_looks_like_json_stays_a_text(connect: Connect, made: list[StandIn]) -> None:
    await _call(connect, "memory_update", {"id": "1", "content": '{"a": 1}', "type": "[1]"})
    _, _, options = made[0].calls[-1]
    assert (options["content"], options["type"]) == ('{"a": 1}', "[1]")


async def test_lists_and_objects_may_come_as_json_text(connect: Connect, made: list[StandIn]) -> None:
    await _call(connect, "memory_store", {"content": "x", "tags": '["a", "b"]', "metadata": '{"a": 1}'})
    _, _, options = made[0].calls[-1]
    assert (options["tags"], options["metadata"]) == (["a", "b"], {"a": 1})


async def test_null_is_as_if_left_out(connect: Connect, made: list[StandIn]) -> None:
    await _call(connect, "memory_search", {"query": "x", "limit": None, "mode": None, "any_tag": None, "after": None})
    _, _, options = made[0].calls[-1]
    assert (options["limit"], options["mode"], options["any_tag"], options["after"]) == (10, "hybrid", False, None)


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


async def test_an_argument_without_effect_is_noted(connect: Connect) -> None:
    result = await _call(connect, "memory_search", {"query": "x", "entity": "Ada", "fallback": True})
    assert result.structured_content is not None
    assert result.structured_content["notes"] == ["entity has no effect: memories are not linked to entities here"]
    assert isinstance(result.content[0], TextContent)
    assert "note: entity has no effect" in result.content[0].text


async def test_a_store_asks_for_what_is_similar(connect: Connect, made: list[StandIn]) -> None:
    await _call(connect, "memory_store", {"content": "x"})
    _, _, options = made[0].calls[-1]
    assert options["similar"] is True


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
        assert ((await _call(connect, name, arguments)).structured_content or {})["content_hash"] == "ab"
    found = (await _call(connect, "memory_search", {"query": "x"})).structured_content or {}
    listed = (await _call(connect, "memory_list", {})).structured_content or {}
    linked = (await _call(connect, "memory_graph", {"hash": "0001"})).structured_content or {}
    assert [one["content_hash"] for one in (*found["hits"], *listed["memories"])] == ["ab", "cd", "ab", "cd"]
    assert linked["nodes"][0]["content_hash"] == "ab"


@pytest.mark.parametrize(
    ("given", "only_relevant"),
    [({}, True), ({"mode": "hybrid"}, True), ({"mode": "semantic"}, False), ({"min_score": 0.1}, False)],
)
async def test_a_hybrid_search_leaves_out_what_has_nothing_to_do_with_it(
    connect: Connect, made: list[StandIn], given: dict[str, Any], only_relevant: bool
) -> None:
    await _call(connect, "memory_search", {"query": "x", **given})
    assert made[0].calls[-1][2]["only_relevant"] is only_relevant


async def test_a_floor_on_the_cosine_is_passed_on_and_the_cosine_is_shown(
    connect: Connect, made: list[StandIn]
) -> None:
    answer = (await _call(connect, "memory_search", {"query": "x", "min_similarity": -1})).structured_content or {}
    assert made[0].calls[-1][2]["min_similarity"] == -1
    assert [hit.get("similarity") for hit in answer["hits"]] == [0.8123, None]
