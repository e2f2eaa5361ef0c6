"""A relay, spoken for frame by frame."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from mcp_dealer.gateway.connection import Connection
from mcp_dealer.link.change_watch import RESOURCE
from memmux.relay import frames
from memmux.relay.frames import Frame
from tests.bounds import BOUND_S


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


def hello(**fields: str) -> bytes:
    """What a relay says first."""
    return frames.pack_fields([("version", "0.1.0"), ("session", "s"), ("pid", str(os.getpid())), *fields.items()])


def said(method: str, request_id: object = None, **params: object) -> str:
    """Return a message of a host; without an id it is a notification."""
    numbered = {} if request_id is None else {"id": request_id}
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **numbered})


def listen(request_id: int) -> str:
    """Return the request of a host that wants to be told of changes."""
    about = {
        "protocolVersion": "2026-07-28",
        "clientInfo": {"name": "by-hand", "version": "1"},
        "clientCapabilities": {},
    }
    envelope = {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
    wanted = {"resourceSubscriptions": [RESOURCE]}
    return said("subscriptions/listen", request_id, _meta=envelope, notifications=wanted)
