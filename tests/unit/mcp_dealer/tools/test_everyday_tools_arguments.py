"""The arguments of tools: what is ignored with a note, what is meant whatever its form, and what is refused."""

from __future__ import annotations

import re
from typing import Any, get_type_hints

import pytest
from mcp_types import TextContent

from mcp_dealer.tools.everyday_tools import MemoryTools
from tests.unit.mcp_dealer.calls import call, notes_of, refusal_of
from tests.unit.mcp_dealer.stand_in import Connect, StandIn

pytestmark = pytest.mark.anyio


NO_NUMBER = "input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("name", "arguments", "method"),
    [
        ("memory_store", {"content": "x", "tag": "a"}, "store"),
        ("memory_search", {"query": "x", "tag": None}, "search"),
        ("memory_list", {"tag": ""}, "list"),
        ("memory_get", {"id": "1", "tag": 5}, "get"),
        ("memory_update", {"id": "1", "content": "y", "tag": ["a"]}, "update"),
        ("memory_health", {"tag": True}, "status"),
        ("memory_stats", {"tag": {}}, "namespaces"),
        ("retrieve_memory", {"query": "x", "tag": "a"}, "search"),
        ("store_memory", {"content": "x", "tag": "a"}, "store"),
        ("find_connected_memories", {"hash": "1", "tag": "a"}, "graph"),
    ],
)
async def test_an_unknown_argument_is_ignored_with_a_note(
    connect: Connect, made: list[StandIn], name: str, arguments: dict[str, Any], method: str
) -> None:
    assert notes_of(await call(connect, name, arguments)) == ["there is no argument 'tag', which was ignored"]
    assert made[0].calls[-1][0] == method


async def test_many_unknown_arguments_make_one_short_note(connect: Connect) -> None:
    (note,) = notes_of(await call(connect, "memory_list", {f"{number}" * 1000: 1 for number in range(30)}))
    assert len(note) < 1000
    assert note.endswith("and 22 more, which was ignored")


@pytest.mark.parametrize(
    "name", ["agent_id", "conversation_id", "rerank", "summarize", "include_beliefs", "quality_boost", "entity"]
)
async def test_an_argument_of_mcp_memory_service_without_effect_says_why(connect: Connect, name: str) -> None:
    (note,) = notes_of(await call(connect, "memory_search", {"query": "x", name: "0.5"}))
    assert note.startswith(f"{name} has no effect: ")


@pytest.mark.parametrize("name", ["memory_store", "memory_update"])
async def test_nothing_deleted_comes_back_by_an_argument(connect: Connect, name: str) -> None:
    arguments = {"content": "x", "restore_deleted": True} | ({"id": "1"} if name == "memory_update" else {})
    (note,) = notes_of(await call(connect, name, arguments))
    assert note.startswith("restore_deleted has no effect: ")


@pytest.mark.parametrize(
    ("name", "needed", "others"),
    [
        ("memory_store", {"content": "x"}, "tags type metadata memory_type conversation_id agent_id namespace store"),
        (
            "memory_search",
            {"query": "x"},
            "limit mode tags tag_match type after before time_expr any_tag namespace offset min_score entity",
        ),
        ("memory_list", {}, "limit offset page page_size tags type after before namespace stale_days"),
        ("memory_get", {"id": "1"}, "content_hash offset length max_response_chars namespace"),
        ("memory_update", {"id": "1", "type": "t"}, "content tags metadata versioned updates memory_type"),
        ("memory_graph", {"hash": "1"}, "action hash1 hash2 hops id max_hops"),
        ("memory_history", {"id": "1"}, "limit offset"),
    ],
)
async def test_what_is_empty_is_as_if_left_out(
    connect: Connect, made: list[StandIn], name: str, needed: dict[str, Any], others: str
) -> None:
    async with connect() as client:
        await client.call_tool(name, needed)
        plain = made[0].calls[-1]
        for empty in ("", " ", None):
            assert notes_of(await client.call_tool(name, needed | dict.fromkeys(others.split(), empty))) == []
            assert made[0].calls[-1] == plain


@pytest.mark.parametrize(
    ("name", "arguments", "meant"),
    [
        ("memory_store", {"content": "x", "tags": "a, b"}, {"tags": ["a", "b"]}),
        ("memory_store", {"content": "x", "tags": "a"}, {"tags": ["a"]}),
        ("memory_update", {"id": "1", "tags": "a, b"}, {"tags": ["a", "b"]}),
        ("memory_update", {"id": "1", "content": "y", "versioned": "true"}, {"versioned": True}),
        ("memory_search", {"query": "x", "limit": "5", "offset": " 2 "}, {"limit": 5, "offset": 2}),
        ("memory_search", {"query": "x", "limit": 5.0, "min_score": "0.5"}, {"limit": 5, "min_score": 0.5}),
        ("memory_search", {"query": "x", "mode": " Exact"}, {"mode": "exact"}),
        ("memory_search", {"query": "x", "tags": "a,b", "tag_match": "ALL"}, {"tags": ["a", "b"], "any_tag": False}),
        ("memory_search", {"query": "x", "include_superseded": "yes"}, {"include_superseded": True}),
        ("memory_list", {"page": "2", "page_size": "5"}, {"limit": 5, "offset": 5}),
        ("memory_delete", {"tags": "a, b", "dry_run": "true"}, {"tags": ["a", "b"], "dry_run": True}),
        ("memory_delete", {"before": "2099-01-01", "tags": "null"}, {"tags": ["null"]}),
        ("memory_delete", {"before": "2099-01-01", "tags": "None"}, {"tags": ["None"]}),
        ("memory_delete", {"type": "null"}, {"type": "null"}),
        ("memory_store", {"content": "null", "tags": " null "}, {"tags": ["null"]}),
        ("delete_by_tag", {"tag": "null"}, {"tags": ["null"]}),
        ("delete_by_all_tags", {"tags": "null, a", "tag_match": None}, {"tags": ["null", "a"], "any_tag": False}),
        ("retrieve_memory", {"query": "x", "n_results": "3"}, {"limit": 3}),
        ("retrieve_memory", {"query": "x", "similarity_threshold": "0.75"}, {"min_score": 0.5}),
        ("retrieve_memory", {"query": "x", "n_results": "", "mode": ""}, {"limit": 5, "mode": "semantic"}),
        ("search_by_tag", {"tags": "a,b", "match_all": "false"}, {"tags": ["a", "b"], "any_tag": True}),
        ("memory_graph", {"hash": "1", "hops": "3", "action": "Connected"}, {"hops": 3}),
    ],
)  # fmt: skip
async def test_what_is_meant_is_taken_in_whatever_form_it_comes(
    connect: Connect, made: list[StandIn], name: str, arguments: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert notes_of(await call(connect, name, arguments)) == []
    _, _, options = made[0].calls[-1]
    assert {name: options[name] for name in meant} == meant


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("memory_delete", {"tags": ["a"], "tag": "b"}, "unknown_field"),
        ("memory_delete", {"tags": ["a"], "agent_id": "b"}, "unknown_field"),
        ("memory_delete", {"id": "1", "confirm": True}, "unknown_field"),
        ("memory_delete", {"tags": ["a"], "type": ""}, "argument_invalid"),
        ("memory_delete", {"before": "2026-01-01", "tags": []}, "argument_invalid"),
        ("memory_delete", {"before": "2026-01-01", "tags": ""}, "argument_invalid"),
        ("memory_delete", {"before": "2026-01-01", "tags": " , "}, "argument_invalid"),
        ("memory_delete", {"before": "2026-01-01", "tags": "[]"}, "argument_invalid"),
        ("memory_delete", {"before": "2026-01-01", "tags": [""]}, "argument_invalid"),
        ("memory_delete", {"before": "2026-01-01", "tags": None}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "tag_match": None}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "tag_match": "null"}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "dry_run": "null"}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "any_tag": " null "}, "argument_invalid"),
        ("memory_delete", {"before": "null", "tags": ["a"], "time_expr": None}, "argument_invalid"),
        ("delete_by_timeframe", {"start_date": "2026-01-01", "end_date": None}, "argument_invalid"),
        ("delete_before_date", {"before_date": "2026-01-01", "tag": None}, "argument_invalid"),
        ("memory_ingest", {"path": "/nowhere", "prune": "null"}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "id": ""}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "namespace": " "}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "tag_match": ""}, "argument_invalid"),
        ("memory_delete", {"tags": ["a"], "dry_run": ""}, "argument_invalid"),
        ("memory_delete", {"id": "1", "dry_run": ""}, "argument_invalid"),
        ("memory_delete", {"id": ""}, "argument_invalid"),
        ("memory_delete", {"ids": ["1"]}, "unknown_field"),
        ("memory_delete", {}, "argument_invalid"),
        ("delete_by_tag", {"tag": ""}, "argument_invalid"),
        ("delete_by_tags", {"tags": []}, "argument_invalid"),
        ("delete_by_tags", {"tags": ["a"], "older_than": "2026"}, "unknown_field"),
        ("delete_by_timeframe", {"start_date": "2026-01-01", "end_date": "2026-01-02", "tag": ""}, "argument_invalid"),
        ("delete_by_timeframe", {"start_date": "2026-01-01", "end_date": ""}, "argument_invalid"),
        ("delete_before_date", {"before_date": "2026-01-01", "tag": ""}, "argument_invalid"),
        ("delete_memory", {"content_hash": ""}, "argument_invalid"),
        ("memory_ingest", {"path": "/nowhere", "prune": "true", "only": "a"}, "unknown_field"),
    ],
)
async def test_nothing_is_deleted_that_leniency_would_add(
    connect: Connect, made: list[StandIn], name: str, arguments: dict[str, Any], code: str
) -> None:
    assert refusal_of(await call(connect, name, arguments)).startswith(f"{code}: ")
    assert not made or {call[0] for call in made[0].calls} <= {"status"}


async def test_one_memory_is_deleted_though_filters_beside_it_are_empty(connect: Connect, made: list[StandIn]) -> None:
    empty = {"tags": [], "type": "", "before": " ", "after": None}
    assert not (await call(connect, "memory_delete", {"id": "1", "dry_run": "false", **empty})).is_error
    assert made[0].calls[-1][:2] == ("delete", ("1",))


@pytest.mark.parametrize(
    ("name", "arguments", "refusal"),
    [
        ("memory_store", {}, "argument_invalid: content is missing; give it"),
        (
            "memory_search",
            {"q": "x"},
            "argument_invalid: query is missing; give it; there is no argument 'q', which was ignored",
        ),
        ("memory_store", {"content": None}, "argument_invalid: content is missing; give it"),
        ("memory_get", {"id": 5}, "argument_invalid: id is wrong: input should be a valid string"),
        ("memory_store", {"content": "x", "tags": 5}, "argument_invalid: tags is wrong: input should be a valid list"),
        ("memory_list", {"limit": "null"}, f"argument_invalid: limit is wrong: {NO_NUMBER}"),
        ("memory_search", {"query": "x", "limit": " null "}, f"argument_invalid: limit is wrong: {NO_NUMBER}"),
        (
            "memory_search",
            {"query": "x", "tag_match": "null"},
            "argument_invalid: tag_match is wrong: input should be 'any' or 'all'",
        ),
        (
            "search_by_tag",
            {"tag": "x", "match_all": "null"},
            "argument_invalid: match_all is wrong: give true or false",
        ),
        (
            "memory_search",
            {"query": "x", "limit": "many"},
            f"argument_invalid: limit is wrong: {NO_NUMBER}",
        ),
    ],
)
async def test_an_argument_of_the_wrong_type_is_named(
    connect: Connect, name: str, arguments: dict[str, Any], refusal: str
) -> None:
    assert refusal_of(await call(connect, name, arguments)) == refusal


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("memory_store", {}),
        ("memory_store", {"content": "x", "tags": 5}),
        ("memory_search", {}),
        ("memory_search", {"query": "x", "limit": "many"}),
        ("memory_search", {"query": "x", "after": "purple elephants"}),
        ("memory_search", {"query": "x", "before": "before 2020"}),
        ("memory_search", {"query": "x", "max_response_chars": 300}),
        ("memory_get", {}),
        ("memory_get", {"id": "1", "offset": -1}),
        ("memory_list", {"offset": "many"}),
        ("memory_list", {"max_response_chars": 300}),
        ("memory_update", {}),
        ("memory_delete", {}),
        ("memory_delete", {"id": "1", "tags": ["a"]}),
        ("memory_delete", {"before": "2026-01-01", "tags": []}),
    ],
)
async def test_refusals_and_notes_send_nobody_to_an_argument_that_is_not_listed(
    connect: Connect, made: list[StandIn], name: str, arguments: dict[str, Any]
) -> None:
    async with connect() as client:
        (tool,) = (tool for tool in (await client.list_tools()).tools if tool.name == name)
        made[0].times = 9
        called = await client.call_tool(name, arguments)
    said = refusal_of(called) if called.is_error else " ".join(notes_of(called))
    assert said
    model = get_type_hints(getattr(MemoryTools, name))["asked"]
    unlisted = set(model.model_fields) - set(tool.input_schema["properties"]) - set(arguments)
    assert not unlisted & set(re.findall(r"\w+", said))


async def test_a_text_that_looks_like_json_stays_a_text(connect: Connect, made: list[StandIn]) -> None:
    await call(connect, "memory_update", {"id": "1", "content": '{"a": 1}', "type": "[1]"})
    _, _, options = made[0].calls[-1]
    assert (options["content"], options["type"]) == ('{"a": 1}', "[1]")


async def test_lists_and_objects_may_come_as_json_text(connect: Connect, made: list[StandIn]) -> None:
    await call(connect, "memory_store", {"content": "x", "tags": '["a", "b"]', "metadata": '{"a": 1}'})
    _, _, options = made[0].calls[-1]
    assert (options["tags"], options["metadata"]) == (["a", "b"], {"a": 1})


async def test_null_is_as_if_left_out(connect: Connect, made: list[StandIn]) -> None:
    await call(connect, "memory_search", {"query": "x", "limit": None, "mode": None, "any_tag": None, "after": None})
    _, _, options = made[0].calls[-1]
    assert (options["limit"], options["mode"], options["any_tag"], options["after"]) == (10, "hybrid", False, None)


async def test_an_argument_without_effect_is_noted(connect: Connect) -> None:
    result = await call(connect, "memory_search", {"query": "x", "entity": "Ada", "fallback": True})
    assert result.structured_content is not None
    assert result.structured_content["notes"] == ["entity has no effect: memories are not linked to entities here"]
    assert isinstance(result.content[0], TextContent)
    assert "note: entity has no effect" in result.content[0].text
