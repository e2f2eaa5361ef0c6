"""The SDK's own client over streamable HTTP, in both eras of the protocol, at a real gateway that comes and goes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client as McpClient
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ResourceUpdatedNotification

from memmux import Client
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.wire.answers import Status
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import status_until
from tests.integration.http_guest import Guest, served, token_of, until_served
from tests.ports import free_port

pytestmark = pytest.mark.anyio
MODES = ("legacy", "auto", "2026-07-28")


@pytest.fixture
def http_env(settings_env: dict[str, str]) -> dict[str, str]:
    settings_env["MEMMUX_HTTP"] = f"127.0.0.1:{free_port()}"
    return settings_env


@pytest.fixture
def settings(http_env: dict[str, str]) -> Settings:
    return load(environment=http_env)


@asynccontextmanager
async def connected(
    env: dict[str, str], token: str, mode: str, path: str = "/mcp", **more: object
) -> AsyncIterator[McpClient]:
    """A client of the SDK that is connected."""
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=BOUND_S)
    transport = streamable_http_client(f"http://{env['MEMMUX_HTTP']}{path}", http_client=http)
    async with http, McpClient(transport, mode=mode, **more) as client:
        yield client


def _kill_gateway(settings: Settings) -> None:
    """Kill the gateway; return once another one serves."""
    with Client(settings=settings, name="test", start=False) as client:
        before = status_until(client, served).gateway
        assert before is not None
        os.kill(before["pid"], signal.SIGKILL)

        def another(status: Status) -> bool:
            return served(status) and status.gateway is not None and status.gateway["pid"] != before["pid"]

        status_until(client, another)


async def test_both_eras_list_and_call_tools_and_outlive_a_gateway(
    http_env: dict[str, str], settings: Settings
) -> None:
    token = token_of(http_env, "sdk")
    until_served(http_env)
    for mode in MODES:
        async with connected(http_env, token, mode, "/api/mcp") as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            assert {"memory_store", "memory_search"} <= listed
            assert "memory_ingest" not in listed
            stored = await client.call_tool("memory_store", {"content": f"Said over HTTP in the mode {mode}."})
            assert not stored.is_error
            await asyncio.to_thread(_kill_gateway, settings)
            found = await client.call_tool("memory_search", {"query": f"mode {mode}"})
            assert not found.is_error
            assert found.structured_content is not None
            assert any(mode in hit["content"] for hit in found.structured_content["hits"])
            refused = await client.call_tool("memory_ingest", {"path": "/etc/passwd"})
            assert refused.is_error
            assert "path_refused" in refused.content[0].text  # type: ignore[union-attr]


async def test_a_key_that_only_reads_is_offered_no_tool_that_writes(http_env: dict[str, str]) -> None:
    token = token_of(http_env, "reader", "--role", "read")
    until_served(http_env)
    for mode in MODES:
        async with connected(http_env, token, mode) as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            assert "memory_search" in listed
            assert not listed & {"memory_store", "memory_update", "memory_delete"}
            refused = await client.call_tool("memory_store", {"content": "No."})
            assert refused.is_error
            assert "not_allowed" in refused.content[0].text  # type: ignore[union-attr]


async def test_the_status_shows_the_name_that_a_client_says(http_env: dict[str, str], settings: Settings) -> None:
    token = token_of(http_env, "desk")
    guest = Guest(int(until_served(http_env).http.rpartition(":")[2]), token)
    assert await asyncio.to_thread(guest.initialize)
    await asyncio.to_thread(guest.tool, "memory_health")
    with Client(settings=settings, name="test", start=False) as client:
        assert "desk/by-hand" in [one["name"] for one in client.status().clients]


@pytest.mark.filterwarnings("ignore:resources/subscribe is removed")
async def test_a_subscription_outlives_its_gateway(http_env: dict[str, str], settings: Settings) -> None:
    token = token_of(http_env, "follower")
    until_served(http_env)
    told = asyncio.Event()

    async def hear(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            told.set()

    async with connected(http_env, token, "legacy", message_handler=hear) as client:
        await client.session.subscribe_resource("memory://changes")
        await asyncio.to_thread(_kill_gateway, settings)
        with Client(settings=settings, name="test", start=False) as other:
            async with asyncio.timeout(BOUND_S):
                while not told.is_set():
                    await asyncio.to_thread(other.store, f"A change {os.urandom(4).hex()}.")
                    await asyncio.to_thread(pause)
