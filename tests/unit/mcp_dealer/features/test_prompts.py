"""Prompts: those of mcp-memory-service, with what is remembered in them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, TextContent

from mcp_dealer.schemas.bounds import ANSWER_CHARACTERS
from tests.unit.mcp_dealer.stand_in import MEMORY, Connect, StandIn

pytestmark = pytest.mark.anyio


async def _text(connect: Connect, name: str, arguments: dict[str, str]) -> str:
    async with connect() as client:
        (message,) = (await client.get_prompt(name, arguments)).messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


async def test_they_are_listed_with_their_arguments(connect: Connect) -> None:
    async with connect() as client:
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
    needed = {
        name: [argument.name for argument in prompt.arguments or () if argument.required]
        for name, prompt in prompts.items()
    }
    assert needed == {
        "memory_review": ["time_period"],
        "memory_analysis": [],
        "knowledge_export": ["format"],
        "memory_cleanup": [],
        "learning_session": ["topic", "key_points"],
    }


async def test_a_review_has_the_memories_of_a_time(connect: Connect, made: list[StandIn]) -> None:
    text = await _text(connect, "memory_review", {"time_period": "yesterday", "focus_area": ""})
    assert text.startswith("Review of memories from yesterday:\n\n- The office is in Ghent.\n  Tags: place, work")
    method, _, options = made[0].calls[-1]
    assert (method, options["limit"]) == ("list", 20)
    assert options["after"] < options["before"]
    focused = await _text(connect, "memory_review", {"time_period": "last week", "focus_area": "work"})
    assert focused.startswith("Review of memories from last week (focusing on work):")
    assert made[-1].calls[-1][:2] == ("search", ("work",))


async def test_an_analysis_counts_tags_and_types(connect: Connect, made: list[StandIn]) -> None:
    text = await _text(connect, "memory_analysis", {"tags": "place, work", "time_range": "all time"})
    for line in ("Memory Analysis for tags: place, work", "  - place: 1 occurrences", "  - fact: 1 memories"):
        assert line in text.splitlines()
    assert made[0].calls[-1][2] == {
        "tags": ["place", "work"],
        "any_tag": True,
        "after": None,
        "before": None,
        "limit": 100,
    }


@pytest.mark.parametrize(
    ("chosen", "method"), [({}, "list"), ({"filter": "a, b"}, "list"), ({"filter": "office"}, "search")]
)
async def test_an_export_has_what_its_filter_says(
    connect: Connect, made: list[StandIn], chosen: dict[str, str], method: str
) -> None:
    text = await _text(connect, "knowledge_export", {"format": "JSON", **chosen})
    heading, _, memories = text.partition("\n\n")
    assert heading == "Exported 2 memories in json format:"
    assert [memory["content"] for memory in json.loads(memories)] == [MEMORY.content, "Bare."]
    assert made[0].calls[-1][0] == method


@pytest.mark.parametrize(
    ("form", "start"), [("markdown", "## 2026-11-23T14:30"), ("text", "[2026-11-23T14:30:00.000+00:00] The office")]
)
async def test_an_export_has_the_format_that_was_asked_for(connect: Connect, form: str, start: str) -> None:
    assert (await _text(connect, "knowledge_export", {"format": form})).split("\n\n")[1].startswith(start)


@pytest.mark.parametrize("older", ["6 months", "last year"])
async def test_a_cleanup_counts_what_is_older(connect: Connect, made: list[StandIn], older: str) -> None:
    text = await _text(connect, "memory_cleanup", {"older_than": older, "similarity_threshold": "0.9"})
    assert f"7 memories are older than {older}, before 20" in text
    assert made[0].calls[-1][2]["before"] is not None


async def test_what_was_learned_is_stored(connect: Connect, made: list[StandIn]) -> None:
    arguments = {"topic": "Zero MQ", "key_points": "DEALER, ROUTER", "questions": "PUB?"}
    text = await _text(connect, "learning_session", arguments)
    assert text.startswith("Learning session stored successfully (hash: ab)\n\n# Learning Session: Zero MQ")
    method, (note,), options = made[0].calls[-1]
    assert (method, options) == ("store", {"tags": ["learning", "zero_mq"], "type": "learning"})
    for line in ("- DEALER", "- ROUTER", "- PUB?"):
        assert line in note.splitlines()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("memory_review", {"time_period": "last week"}),
        ("memory_review", {"time_period": "last week", "focus_area": "x" * 50_000}),
        ("knowledge_export", {"format": "json"}),
        ("knowledge_export", {"format": "markdown"}),
        ("learning_session", {"topic": "t", "key_points": "a, b" * 20_000}),
    ],
)
async def test_a_prompt_is_bounded(connect: Connect, made: list[StandIn], name: str, arguments: dict[str, str]) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].memory, made[0].times = replace(MEMORY, content="x " * 20_000), 100
        (message,) = (await client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, TextContent)
    assert len(message.content.text) <= ANSWER_CHARACTERS
    assert "shown; call memory_list" in message.content.text or len(message.content.text) == ANSWER_CHARACTERS


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("nothing", {}, "unknown_operation"),
        ("memory_review", {}, "argument_invalid"),
        ("memory_review", {"time_period": " "}, "argument_invalid"),
        ("memory_review", {"time_period": "purple elephants"}, "time_not_understood"),
        ("memory_cleanup", {"older_than": "purple elephants"}, "time_not_understood"),
        ("learning_session", {"topic": "t"}, "argument_invalid"),
    ],
)
async def test_what_is_wrong_is_an_error_of_the_protocol(
    connect: Connect, name: str, arguments: dict[str, str], code: str
) -> None:
    async with connect() as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt(name, arguments)
    assert caught.value.error.code == INVALID_PARAMS
    assert caught.value.error.message.startswith(f"{code}: ")
