"""Resources and prompts, by the SDK's client over stdio, in both eras of the protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent, TextResourceContents

from tests.acceptance.conftest import Connect, ready, structured
from tests.zones import zone_at

pytestmark = pytest.mark.anyio

TAG = "büro/2 %"


async def _read(client: Client, uri: str) -> Any:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return json.loads(content.text)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_resources_and_prompts_show_what_is_stored(connect: Connect, tidy_env: dict[str, str], mode: str) -> None:
    async with connect(mode, {**tidy_env, "TZ": zone_at(12)}) as client:  # where today does not end meanwhile
        await ready(client)  # from then on a memory has its vector at once, by no change of its own
        stored = structured(
            await client.call_tool("memory_store", {"content": "The office is in Ghent.", "tags": [TAG]})
        )
        await client.call_tool("memory_store", {"content": "The kettle is from 1931."})
        for resource in (await client.list_resources()).resources:
            await _read(client, resource.uri)
        assert (await _read(client, "memory://tags"))["tags"] == [TAG]
        assert [one["id"] for one in (await _read(client, "memory://tag/b%C3%BCro%2F2%20%25"))["memories"]] == [
            stored["id"]
        ]
        assert (await _read(client, "memory://recent/1"))["memories"][0]["content"] == "The kettle is from 1931."
        found = (await _read(client, "memory://search/office%20in%20Ghent"))["results"]
        assert found[0]["memory"]["id"] == stored["id"]
        feed = await _read(client, "memory://changes")
        assert [change["operation"] for change in feed["changes"]] == ["memory.store_similar"] * 2
        assert feed["next"] == feed["changes"][-1]["seq"]
        assert (await _read(client, "memory://stats"))["memories"] == 2
        with pytest.raises(MCPError):
            await client.read_resource("memory://nothing")
        (message,) = (await client.get_prompt("memory_review", {"time_period": "today"})).messages
        assert isinstance(message.content, TextContent)
        assert "- The office is in Ghent.\n  Tags: büro/2 %" in message.content.text
        with pytest.raises(MCPError):
            await client.get_prompt("nothing")
        assert structured(await client.call_tool("memory_health", {}))["memories"] == 2
