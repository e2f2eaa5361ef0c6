"""The SDK's own client over stdio, in both eras of the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.acceptance.conftest import Connect, ready, refusal, structured

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_does_with_a_memory_all_that_can_be_done(join: Connect, mode: str) -> None:
    async with join(mode) as client:
        assert len((await client.list_tools()).tools) == 7

        arguments = {"content": "The parrot lives in Antwerp.", "tags": ["pet"], "type": "fact", "metadata": {"age": 7}}
        stored = structured(await client.call_tool("memory_store", arguments))
        assert stored["status"] == "created"
        again = structured(await client.call_tool("memory_store", arguments))
        assert (again["status"], again["id"]) == ("duplicate", stored["id"])

        found = structured(await client.call_tool("memory_search", {"query": "parrot", "tags": ["pet"]}))
        assert found["hits"][0]["id"] == stored["id"]
        assert found["hits"][0]["score"] > 0
        assert found["degraded"]  # the hash embedder knows no meaning, and says so

        memory = structured(await client.call_tool("memory_get", {"id": stored["id"]}))
        assert memory["content"] == "The parrot lives in Antwerp."
        assert (memory["tags"], memory["type"], memory["metadata"]) == (["pet"], "fact", {"age": 7})

        update = {"id": stored["id"], "content": "The parrot lives in Ghent.", "metadata": {"age": None, "name": "Jo"}}
        assert structured(await client.call_tool("memory_update", update))["id"] == stored["id"]
        listed = structured(await client.call_tool("memory_list", {"limit": 5}))
        assert listed["total"] == 1
        assert listed["memories"][0]["content"] == "The parrot lives in Ghent."
        assert listed["memories"][0]["metadata"] == {"name": "Jo"}

        health = structured(await client.call_tool("memory_health", {}))
        assert (health["memories"], health["clients"]) == (1, 1)

        assert structured(await client.call_tool("memory_delete", {"id": stored["id"]}))["id"] == stored["id"]
        assert refusal(await client.call_tool("memory_get", {"id": stored["id"]})).startswith("not_found: ")


async def test_four_clients_share_one_memory(join: Connect) -> None:
    names = [f"client{number}" for number in range(4)]

    async def work(name: str, stored: asyncio.Barrier) -> list[dict[str, Any]]:
        async with join() as client:
            for number in range(5):
                content = f"{name} keeps secret number {number}"
                structured(await client.call_tool("memory_store", {"content": content, "tags": [name]}))
            await stored.wait()
            health = structured(await client.call_tool("memory_health", {}))
            assert health["clients"] == 4
            searches = [{"query": f"{other} keeps", "tags": [other], "limit": 10} for other in names]
            found = [structured(await client.call_tool("memory_search", search)) for search in searches]
            await stored.wait()
            return found

    barrier = asyncio.Barrier(4)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(name, barrier)) for name in names]
    for task in tasks:
        for other, found in zip(names, task.result(), strict=True):
            assert {hit["content"] for hit in found["hits"]} == {
                f"{other} keeps secret number {number}" for number in range(5)
            }


async def test_a_search_by_meaning_finds_a_paraphrase(connect: Connect, model_env: dict[str, str]) -> None:
    memories = [
        "Our quarterly numbers are presented on the second Tuesday.",
        "The cat is afraid of thunderstorms and hides under the bed.",
        "Deployments are frozen between Christmas and New Year.",
    ]
    async with connect(env=model_env) as client:
        for content in memories:
            structured(await client.call_tool("memory_store", {"content": content}))
        await ready(client)
        search = {"query": "which pet gets scared when the weather is bad", "mode": "semantic", "limit": 1}
        found = structured(await client.call_tool("memory_search", search))
        assert [hit["content"] for hit in found["hits"]] == [memories[1]]
        assert found["mode"] == "semantic"
        assert "degraded" not in found
