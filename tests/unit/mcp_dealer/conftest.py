"""A server whose link leads to stand-ins for the cluster's client."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from mcp import Client

from mcp_dealer.link import cluster_link as links
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.sdk.server import MemoryServer
from memmux.client.calls import Observer
from memmux.cluster.endpoint import Endpoint
from memmux.config.settings import Settings
from tests.unit.mcp_dealer.stand_in import Connect, StandIn


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """The stand-ins that links make, in order."""
    made: list[StandIn] = []

    def make(*, settings: Settings, name: str, on_answer: Observer) -> StandIn:
        del on_answer  # these make no requests
        made.append(StandIn(settings=settings, name=name))
        return made[-1]

    here = Endpoint(address="ipc:///nowhere", pid=os.getpid(), version="0", protocol=1)
    monkeypatch.setattr(links, "AsyncClient", make)
    monkeypatch.setattr(links, "read", lambda _: here)  # a cluster that runs
    return made


@pytest.fixture
def link(made: list[StandIn]) -> ClusterLink:
    """A link to stand-ins, which stand in `made`."""
    del made
    return ClusterLink(Settings())


@pytest.fixture
def connect(link: ClusterLink) -> Connect:
    """Open an MCP client of the server, in process."""

    @asynccontextmanager
    async def connect(mode: str = "auto") -> AsyncIterator[Client]:
        async with Client(MemoryServer(link), mode=mode) as client:
            yield client

    return connect
