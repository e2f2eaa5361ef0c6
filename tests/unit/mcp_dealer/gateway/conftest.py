"""A gateway whose sessions have stand-ins for the cluster's client, and relays by hand."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest

from mcp_dealer import cluster_link as links
from mcp_dealer.gateway.connection import Connection
from mcp_dealer.gateway.gateway import Gateway
from memmux.client.calls import Observer
from memmux.cluster.endpoint import Endpoint
from memmux.config.settings import Settings
from memmux.relay import frames
from memmux.relay.frames import Frame
from tests.bounds import BOUND_S
from tests.unit.mcp_dealer.stand_in import StandIn


class ByHand:
    """A relay, spoken for frame by frame. heard: all that the gateway said."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.heard: list[Frame] = []

    def send(self, *sent: Frame) -> None:
        for frame in sent:
            self.connection.send(frame)

    def line(self, number: int, text: str, *, replayed: bool = False) -> None:
        self.send(Frame(frames.REPLAYED if replayed else frames.LINE, number, text.encode(), 1_000))

    async def until(self, kind: bytes, number: int = 0) -> Frame:
        """Return the first such frame that has come or comes."""
        async with asyncio.timeout(BOUND_S):
            while True:
                for frame in self.heard:
                    if (frame.kind, frame.number) == (kind, number):
                        return frame
                frame = await self.connection.frame()
                assert frame is not None, f"the gateway left, and said {self.heard}"
                self.heard.append(frame)


class Meet(Protocol):
    """Opens a relay by hand."""

    def __call__(self, hello: bytes | None = None, offered: int = 0) -> AbstractAsyncContextManager[ByHand]: ...


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


def hello(**fields: str) -> bytes:
    """What a relay says first."""
    return frames.pack_fields([("version", "0.1.0"), ("session", "s"), ("pid", str(os.getpid())), *fields.items()])


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
