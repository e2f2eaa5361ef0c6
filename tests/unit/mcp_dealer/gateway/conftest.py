"""A gateway whose sessions have stand-ins for the cluster's client, and relays by hand."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from mcp_dealer.gateway.connection import Connection
from mcp_dealer.gateway.gateway import Gateway
from mcp_dealer.link import cluster_link as links
from memmux.client.calls import Observer
from memmux.cluster.endpoint import Endpoint
from memmux.config.settings import Settings
from memmux.relay import frames
from memmux.relay.frames import Frame
from tests.unit.mcp_dealer.gateway.by_hand import ByHand, hello
from tests.unit.mcp_dealer.stand_in import StandIn


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """The stand-ins that sessions make, in order."""
    made: list[StandIn] = []

    def make(
        *, settings: Settings, name: str, on_answer: Observer, context: Any, about: Mapping[str, object]
    ) -> StandIn:
        del on_answer, context, about
        made.append(StandIn(settings=settings, name=name))
        return made[-1]

    here = Endpoint(address="ipc:///nowhere", pid=os.getpid(), version="0", protocol=1)
    monkeypatch.setattr(links, "SessionClient", make)
    monkeypatch.setattr(links, "read", lambda _: here)
    return made


@pytest.fixture
async def gateway(clients: list[StandIn]) -> AsyncIterator[Gateway]:
    """A gateway for any cluster."""
    del clients
    gateway = Gateway(None)
    yield gateway
    await gateway.aclose()


@pytest.fixture
def meet(gateway: Gateway) -> Callable[..., AbstractAsyncContextManager[ByHand]]:
    """Open a relay by hand; it says hello."""

    @asynccontextmanager
    async def meet(said: bytes | None = None, offered: int = 0) -> AsyncIterator[ByHand]:
        ours, theirs = socket.socketpair()
        gateway.take(await Connection.of(theirs))
        relay = ByHand(await Connection.of(ours))
        relay.send(Frame(frames.HELLO, offered, hello() if said is None else said))
        yield relay
        await relay.connection.aclose()

    return meet
