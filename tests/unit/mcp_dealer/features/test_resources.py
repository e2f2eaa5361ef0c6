"""Resources: the addresses of mcp-memory-service, and what is read at them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, TextResourceContents

from mcp_dealer.schemas.bounds import ANSWER_CHARACTERS
from memmux.errors import ClusterStartError
from tests.unit.mcp_dealer.stand_in import MEMORY, Connect, StandIn

pytestmark = pytest.mark.anyio


async def _read(client: Client, uri: str) -> Any:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    assert len(content.text) <= ANSWER_CHARACTERS
    return json.loads(content.text)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_they_are_listed_and_the_cluster_is_not_asked(connect: Connect, made: list[StandIn], mode: str) -> None:
    async with connect(mode) as client:
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
    assert [one.uri for one in listed] == ["memory://stats", "memory://tags", "memory://changes", "memory://recent/10"]
    assert [one.uri_template for one in templates] == [
        "memory://recent/{n}",
        "memory://tag/{tag}",
        "memory://search/{query}",
    ]
    assert {call[0] for standing in made for call in standing.calls} <= {"status"}


@pytest.mark.parametrize(
    ("uri", "call", "facts"),
    [
        ("memory://recent/10", ("list", (), {"limit": 10}), {"count": 2}),
        ("memory://recent/1", ("list", (), {"limit": 1}), {"count": 2}),
        ("memory://tag/place", ("list", (), {"tags": ["place"], "limit": 1000}), {"tag": "place", "count": 2}),
        ("memory://tag/a%2Fb%20%C3%A4", ("list", (), {"tags": ["a/b ä"], "limit": 1000}), {"tag": "a/b ä"}),
        ("memory://tag/a/b", ("list", (), {"tags": ["a/b"], "limit": 1000}), {"tag": "a/b"}),
        ("memory://search/the%20office?", ("search", ("the office?",), {"limit": 10}), {"query": "the office?"}),
        ("memory://search/50%25%3F", ("search", ("50%?",), {"limit": 10}), {"query": "50%?", "count": 2}),
        ("memory://tags", ("tags", (), {"limit": 1000}), {"tags": ["place", "a/b"], "count": 2}),
    ],
)
async def test_a_resource_is_what_its_address_says(
    connect: Connect, made: list[StandIn], uri: str, call: tuple[str, Any, Any], facts: dict[str, Any]
) -> None:
    async with connect() as client:
        said = await _read(client, uri)
    assert made[0].calls[-1] == call
    assert {name: said[name] for name in facts} == facts
    memories = said.get("memories") or [hit["memory"] for hit in said["results"]]
    if call[0] != "tags":
        assert memories[0]["content"] == MEMORY.content
        assert memories[0]["memory_type"] == "fact"


async def test_the_last_changes_are_those_of_memories_however_many_others_were_made_since(
    connect: Connect, made: list[StandIn]
) -> None:
    async with connect() as client:
        assert (await _read(client, "memory://changes"))["changes"]
    assert [call for call in made[0].calls if call[0] == "changes"] == [
        ("changes", (0,), {"newest": True, "limit": 50, "namespace": None})
    ]


async def test_the_statistics_are_counts(connect: Connect) -> None:
    async with connect() as client:
        assert (await _read(client, "memory://stats"))["memories"] == 7


@pytest.mark.parametrize("uri", ["memory://recent/400", "memory://tag/a", "memory://search/a", "memory://tags"])
async def test_a_resource_is_bounded_and_says_what_is_left_out(connect: Connect, made: list[StandIn], uri: str) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        made[0].memory, made[0].times = replace(MEMORY, content="x " * 20_000), 1000
        assert "shown; " in (await _read(client, uri))["notes"][0]


@pytest.mark.parametrize(
    "uri",
    [
        "memory://",
        "memory://recent",
        "memory://recent/",
        "memory://recent/x",
        "memory://recent/0",
        "memory://recent/1001",
        "memory://recent/²",
        f"memory://recent/{'9' * 6000}",
        f"memory://recent/{'0' * 6000}1",
        f"memory://recent/00001{'0' * 6000}",
        "memory://tag/",
        "memory://tag/%20",
        "memory://stats/1",
        "memory://nothing/a",
        "file:///etc/passwd",
        "nothing",
        "",
    ],
)
async def test_an_unknown_address_is_an_error_of_the_protocol(connect: Connect, uri: str) -> None:
    async with connect() as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert caught.value.error.code == INVALID_PARAMS
    assert len(caught.value.error.message) < 400


async def test_a_failure_of_the_cluster_is_one_too(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.call_tool("memory_health", {})
        for error, message in (
            (ClusterStartError("the router said why"), "cluster_start_failed: the router said why"),
            (ValueError("a secret"), "internal: "),
        ):
            made[0].error = error
            with pytest.raises(MCPError) as caught:
                await client.read_resource("memory://tags")
            assert caught.value.error.code == INTERNAL_ERROR
            assert caught.value.error.message.startswith(message)
            assert "secret" not in caught.value.error.message
