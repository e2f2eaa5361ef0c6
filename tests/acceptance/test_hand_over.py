"""An MCP server that has been there all along finds the cluster that took over, and its host notices nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests import commands
from tests.acceptance.conftest import raw_server

pytestmark = pytest.mark.anyio


async def test_idle_server_goes_on_with_the_new_cluster(tidy_env: dict[str, str]) -> None:
    async with raw_server(tidy_env) as server:
        await server.shake_hands()
        stored = await server.call(1, "memory_store", content="Stored before the handover.")
        restart = await asyncio.to_thread(commands.run, ["restart", "--json"], tidy_env)
        told = json.loads(restart.stdout)
        assert told["before"] is not None
        assert told["before"]["pid"] != told["pid"]
        found = await server.call(2, "memory_get", id=stored["structuredContent"]["id"])
        assert not found.get("isError"), found
        after = await server.call(3, "memory_store", content="Stored after it.")
        assert not after.get("isError"), after
        assert await server.leave() == 0
