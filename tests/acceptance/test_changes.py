"""The resource `memory://changes` and who has subscribed to it, in both eras of the protocol."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping

import pytest
from mcp import Client
from mcp.client.subscriptions import ResourceUpdated, Subscription

from memmux import Client as MemmuxClient
from memmux.config.loader import load
from memmux.wire.answers import Status
from tests.acceptance.conftest import Connect, structured
from tests.bounds import BOUND_S
from tests.integration.helpers import status_until

pytestmark = pytest.mark.anyio
CHANGES = "memory://changes"


async def test_a_client_that_listens_is_told_of_changes_also_by_the_next_gateway(
    connect: Connect, settings_env: dict[str, str]
) -> None:
    async with connect("2026-07-28") as listening, connect() as other:
        async with listening.listen(resource_subscriptions=[CHANGES]) as told:
            assert told.honored.resource_subscriptions == [CHANGES]
            await _store(other, "First.")
            await _next(told)
            before = _gateway(settings_env)
            os.kill(before, signal.SIGKILL)
            await _store(other, "Second.")  # by the next one, of which the first has to hear
            assert _gateway(settings_env, before) != before
            async with asyncio.timeout(BOUND_S):
                number = 3
                events = asyncio.ensure_future(_next(told))
                while not events.done():
                    await _store(other, f"Number {number}.")
                    number += 1
            await events
        await _store(other, "After the end.")
        assert structured(await listening.call_tool("memory_list", {"limit": 1}))["total"] == number


async def _store(client: Client, content: str) -> None:
    structured(await client.call_tool("memory_store", {"content": content}))


async def _next(told: Subscription) -> None:
    """Wait for the next event."""
    async with asyncio.timeout(BOUND_S):
        assert await anext(aiter(told)) == ResourceUpdated(uri=CHANGES)


def _gateway(env: Mapping[str, str], other_than: int = 0) -> int:
    def good(status: Status) -> bool:
        return status.gateway is not None and status.gateway["pid"] not in (None, other_than)

    with MemmuxClient(settings=load(environment=env), name="test", start=False) as client:
        status = status_until(client, good)
    assert status.gateway is not None
    return int(status.gateway["pid"])
