"""The server: what it announces, and what its handshake never waits for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from mcp import Client
from mcp_types import Tool

from mcp_dealer.link.change_watch import RESOURCE, SINCE, ChangeWatch
from mcp_dealer.link.cluster_link import NAME, ClusterLink
from mcp_dealer.sdk.server import MemoryServer
from memmux.config.settings import Settings, ToolList
from memmux.errors import ERRORS
from memmux.wire.roles import Role
from tests.bounds import BOUND_S
from tests.unit.mcp_dealer.stand_in import Connect, StandIn

pytestmark = pytest.mark.anyio

TOOLS_LIST_BYTES = 6144  # every host sends it to its model with every conversation
FULL_LIST_BYTES = 14_848
FURTHER = {
    "memory_cleanup",
    "memory_stats",
    "memory_store_session",
    "memory_graph",
    "memory_ingest",
    "memory_history",
    "memory_wait",
}
READERS = {"memory_search", "memory_get", "memory_list", "memory_health"}
WRITERS = {"memory_store", "memory_update", "memory_delete"}


@pytest.fixture
def full(made: list[StandIn]) -> ClusterLink:
    """A link whose settings list all tools."""
    del made
    return ClusterLink(Settings(tools=ToolList.FULL))


async def _tools(connect: Connect, mode: str = "auto") -> list[Tool]:
    async with connect(mode) as client:
        return (await client.list_tools()).tools


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_list_of_tools_is_small(connect: Connect, mode: str) -> None:
    async with connect(mode) as client:
        listed = await client.list_tools()
    assert len(listed.model_dump_json(by_alias=True, exclude_none=True).encode()) <= TOOLS_LIST_BYTES
    tools = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]
    assert len(json.dumps(tools).encode()) <= TOOLS_LIST_BYTES  # with a space after every comma, as many hosts do


async def test_the_full_list_has_seven_more_tools_and_is_of_bounded_size(full: ClusterLink) -> None:
    async with Client(MemoryServer(full)) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == READERS | WRITERS | FURTHER
    placeless = {"memory_health", "memory_stats", "memory_cleanup"}
    assert {tool.name for tool in tools if "namespace" not in tool.input_schema["properties"]} == placeless
    listed = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
    assert len(json.dumps(listed).encode()) <= FULL_LIST_BYTES
    _described(tools)


async def test_every_tool_and_every_argument_is_described(connect: Connect) -> None:
    tools = await _tools(connect)
    assert {tool.name for tool in tools} == READERS | WRITERS
    _described(tools)


def _described(tools: list[Tool]) -> None:
    for tool in tools:
        assert tool.description, tool.name
        for argument, schema in tool.input_schema["properties"].items():
            assert schema["description"], (tool.name, argument)
            assert schema["type"], (tool.name, argument)
        assert tool.output_schema is not None, tool.name
        assert tool.output_schema["required"], tool.name


async def test_every_tool_says_what_it_may_do(connect: Connect) -> None:
    for tool in await _tools(connect):
        hints = tool.annotations
        assert hints is not None
        assert hints.read_only_hint is (tool.name in READERS)
        if tool.name in WRITERS:  # of a tool that only reads nobody asks more
            assert hints.destructive_hint is (tool.name != "memory_store")
            assert hints.idempotent_hint is True
        assert hints.open_world_hint is False


async def test_descriptions_say_when_a_tool_is_of_use(connect: Connect) -> None:
    said = {tool.name: tool.description or "" for tool in await _tools(connect)}
    assert "worth knowing in later conversations" in said["memory_store"]
    assert "Search first; if `similar` comes back, update that one. No secrets." in said["memory_store"]
    assert "Use before answering about the user, people, projects or earlier decisions." in said["memory_search"]
    assert "The score ranks within this answer; judge by the text." in said["memory_search"]
    assert "tags replace all" in said["memory_update"]
    assert "continue with offset" in said["memory_list"]
    assert "dry_run first" in said["memory_delete"]
    assert "Undoable" in said["memory_delete"]
    assert all("  " not in text and "\n" not in text for text in said.values())


async def test_every_mode_is_explained_where_it_is_chosen(connect: Connect) -> None:
    (search,) = (tool for tool in await _tools(connect) if tool.name == "memory_search")
    mode = search.input_schema["properties"]["mode"]
    assert all(f"{name}: " in mode["description"] for name in mode["enum"])


@pytest.mark.parametrize("tools", list(ToolList))
@pytest.mark.parametrize("role", [*Role, None])
async def test_a_key_that_reads_is_offered_no_tool_that_writes(
    made: list[StandIn], monkeypatch: pytest.MonkeyPatch, tools: ToolList, role: Role | None
) -> None:
    del made
    monkeypatch.setattr(StandIn, "role", role)
    async with Client(MemoryServer(ClusterLink(Settings(tools=tools, remote="elsewhere")))) as client:
        listed = (await client.list_tools()).tools
    writers = {tool.name for tool in listed if tool.annotations and not tool.annotations.read_only_hint}
    assert {tool.name for tool in listed} >= READERS
    assert bool(writers) is (role is not Role.READ)


async def test_the_instructions_tell_when_to_search_and_store(connect: Connect) -> None:
    async with connect("legacy") as client:
        assert client.instructions is not None
        assert "Search" in client.instructions
        assert "Store" in client.instructions


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_cluster_knows_the_client_by_its_name(connect: Connect, made: list[StandIn], mode: str) -> None:
    async with connect(mode) as client:
        await client.list_tools()
        assert [standing.name for standing in made] == [client.client_info.name if client.client_info else NAME]


async def test_the_handshake_goes_on_when_no_cluster_can_be_reached(connect: Connect, made: list[StandIn]) -> None:
    async with connect("legacy") as client:
        await client.list_tools()
        made[0].error = ERRORS["cluster_start_failed"]()
        assert (await client.list_tools()).tools


async def test_leaving_closes_the_link(connect: Connect, made: list[StandIn]) -> None:
    async with connect() as client:
        await client.list_tools()
    assert made[0].closed == 1


@pytest.mark.slow
def test_wrong_settings_are_told_on_stderr_alone() -> None:
    command = [sys.executable, "-P", "-m", "mcp_dealer", "--readers=none"]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    assert ended.returncode == 2  # as that of each command
    assert ended.stdout == ""
    assert ended.stderr.startswith("memmux: setting_invalid: ")


@pytest.mark.filterwarnings("ignore:resources/subscribe is removed")
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_who_subscribes_is_told_of_changes_from_before_it_is_granted(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    since: list[int] = []
    monkeypatch.setattr(ChangeWatch, "follow", lambda *_: since.append(SINCE.get()) or asyncio.Future())
    async with connect(mode) as client:
        if mode == "legacy":
            await client.session.subscribe_resource(RESOURCE)
        else:
            async with client.listen(resource_subscriptions=[RESOURCE]):
                assert since == [3], "which is the newest change of the stand-in"
        assert since == [3]
