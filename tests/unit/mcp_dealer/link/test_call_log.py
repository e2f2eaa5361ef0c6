"""What the MCP server's log says of tool calls and of the requests that were made for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import Client
from mcp.server.mcpserver.exceptions import ToolError
from structlog.testing import capture_logs

from mcp_dealer.link import call_log
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.sdk.server import MemoryServer
from memmux.client.calls import RequestOutcome
from memmux.errors import NotFoundError
from tests.unit.mcp_dealer.stand_in import StandIn

pytestmark = pytest.mark.anyio


@pytest.fixture
def said() -> Iterator[list[Any]]:
    """What is logged."""
    with capture_logs() as lines:
        yield lines


async def test_requests_carry_the_call_that_they_are_for_and_the_call_names_them(said: list[Any]) -> None:
    observe = call_log.observer("ada")

    async def ask(request_id: str) -> None:
        await asyncio.sleep(0)
        observe(RequestOutcome(request_id, "memory.get", "ok", 1.5, {"queue_ms": 0.5, "work_ms": 0.75, "stages": {}}))

    async def call(tool: str, *request_ids: str) -> None:
        with call_log.called(tool, {}, "ada"):
            await asyncio.gather(*map(ask, request_ids))

    await asyncio.gather(
        asyncio.create_task(call("memory_get", "r1", "r2")), asyncio.create_task(call("memory_list", "r3"))
    )
    await ask("r4")  # for no call
    calls = {line["tool"]: line for line in said if line["event"] == "tool_called"}
    assert calls["memory_get"]["request_ids"] == ["r1", "r2"]
    assert calls["memory_list"]["request_ids"] == ["r3"]
    answered = {line["request_id"]: line for line in said if line["event"] == "request_answered"}
    assert answered["r1"]["call_id"] == answered["r2"]["call_id"] == calls["memory_get"]["call_id"]
    assert answered["r3"]["tool"] == "memory_list"
    assert "call_id" not in answered["r4"]
    assert (answered["r4"]["queue_ms"], answered["r4"]["work_ms"], answered["r4"]["total_ms"]) == (0.5, 0.75, 1.5)


async def test_what_a_tool_leaves_for_later_is_no_part_of_its_call(said: list[Any]) -> None:
    observe, done = call_log.observer("ada"), asyncio.Event()

    async def later() -> None:
        await done.wait()
        observe(RequestOutcome("late", "memory.use", "ok", 1.0))

    with call_log.called("memory_get", {}, "ada"):
        task = asyncio.create_task(later())
    done.set()
    await task
    called, late = said
    assert called["request_ids"] == []
    assert "call_id" not in late


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotFoundError(), "not_found"),
        (asyncio.CancelledError(), "cancelled"),
        (ZeroDivisionError(), "internal"),
        (ToolError("x"), "internal"),
    ],
)
async def test_call_that_fails_has_the_code_of_why(error: BaseException, outcome: str, said: list[Any]) -> None:
    def fail() -> None:
        with call_log.called("memory_get", {}, "ada"):
            raise error

    with pytest.raises(type(error)):
        fail()
    assert said[0]["outcome"] == outcome


async def test_many_requests_are_counted_and_some_named(said: list[Any]) -> None:
    observe = call_log.observer("ada")
    with call_log.called("memory_ingest", {}, "ada"):
        for number in range(100):
            observe(RequestOutcome(str(number), "memory.store", "ok", 1.0))
    assert said[-1]["requests"] == 100
    assert len(said[-1]["request_ids"]) == call_log.LISTED


async def test_every_tool_call_is_logged_also_those_by_older_names_and_refused_ones(
    link: ClusterLink, made: list[StandIn], said: list[Any]
) -> None:
    async with Client(MemoryServer(link)) as client:
        await client.call_tool("memory_get", {"id": "x"})
        await client.call_tool("retrieve_memory", {"query": "x"})
        await client.call_tool("memory_get", {"wrong": "x"})
        await client.call_tool("no_such_tool", {})
    assert made
    outcomes = [(line["tool"], line["outcome"]) for line in said if line["event"] == "tool_called"]
    assert outcomes == [
        ("memory_get", "ok"),
        ("retrieve_memory", "ok"),
        ("memory_get", "argument_invalid"),
        ("no_such_tool", "unknown_operation"),
    ]
