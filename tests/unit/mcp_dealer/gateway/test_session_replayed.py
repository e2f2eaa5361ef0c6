"""Subscriptions that an earlier gateway has granted: whatever was changed since it ended is told by the next one."""

from __future__ import annotations

import json

import pytest

from mcp_dealer.link.change_watch import RESOURCE
from memmux.relay import frames
from tests.unit.mcp_dealer.gateway.by_hand import Meet, listen, said
from tests.unit.mcp_dealer.stand_in import StandIn

pytestmark = pytest.mark.anyio


async def test_who_has_subscribed_is_told_at_once(meet: Meet, clients: list[StandIn]) -> None:
    del clients
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "by-hand", "version": "1"}}
    async with meet(offered=3) as relay:
        relay.line(1, said("initialize", "i", **about), replayed=True)
        relay.line(2, said("notifications/initialized"), replayed=True)
        relay.line(3, said("resources/subscribe", 3, uri=RESOURCE), replayed=True)
        told = json.loads((await relay.until(frames.OUTPUT)).payload)
        assert (told["method"], told["params"]["uri"]) == ("notifications/resources/updated", RESOURCE)


async def test_who_listens_is_told_at_once(meet: Meet, clients: list[StandIn]) -> None:
    del clients
    async with meet(offered=1) as relay:
        relay.line(1, listen(1))
        told = json.loads((await relay.until(frames.OUTPUT)).payload)
        assert (told["method"], told["params"]["uri"]) == ("notifications/resources/updated", RESOURCE)
