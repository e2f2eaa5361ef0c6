"""The players of the demo: MCP clients, each with a server of its own, that share one memory.

Only the demo imports this module: it costs the import of the MCP SDK.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from memmux.cli.demo.corpus import Document
from memmux.client.asynchronous import AsyncClient
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, ModelMissingError, error_from_json
from memmux.wire.answers import Status

HITS = 10  # a store counts as found by meaning when it is among so many
SEARCH_EVERY = 3  # stores, while storing
MODEL_S = 120.0  # the longest that loading the model may take
COUNTED_S = 10.0  # and that a cluster may take to count what another machine has stored
POLL_S = 0.1

Report = Callable[[str, int], None]
"""Called with the name of a phase and how much of it was just done."""


class CallFailedError(MemmuxError):
    """A tool of the MCP server failed."""

    code = "tool_failed"


@dataclass(slots=True)
class Player:
    """One MCP client: what it shall store, and what came of it.

    stored: its documents by the ids that the memory gave them. stores: when each began and was acknowledged, in
    monotonic seconds. by_meaning: how many of another's it found by the first sentence; exactly: how many more by the
    whole text. intact: how many came back letter for letter.
    """

    name: str
    documents: Sequence[Document]
    stored: dict[str, Document] = field(default_factory=dict)
    stores: list[tuple[float, float]] = field(default_factory=list)
    store_ms: list[float] = field(default_factory=list)
    search_ms: list[float] = field(default_factory=list)
    by_meaning: int = 0
    exactly: int = 0
    intact: int = 0

    async def store(self, client: Client, report: Report) -> None:
        """Store all documents, and search between the stores."""
        for place, document in enumerate(self.documents, start=1):
            arguments = {"content": document.text, "tags": [document.module], "type": "documentation"}
            began = time.monotonic()
            stored = await _call(client, self.store_ms, "memory_store", arguments)
            self.stored[stored["id"]] = document
            self.stores.append((began, time.monotonic()))
            if place % SEARCH_EVERY == 0:
                await _call(client, self.search_ms, "memory_search", {"query": document.summary, "limit": HITS})
            report("storing", 1)

    async def find(self, client: Client, other: Player, report: Report) -> None:
        """Search for everything that `other` stored, and compare it."""
        for memory_id, document in other.stored.items():
            if await self._sees(client, memory_id, document.summary, "hybrid"):
                self.by_meaning += 1
            elif await self._sees(client, memory_id, document.text, "exact"):
                self.exactly += 1
            memory = await _call(client, [], "memory_get", {"id": memory_id})
            self.intact += memory["content"] == document.text
            report("finding", 1)

    async def _sees(self, client: Client, memory_id: str, query: str, mode: str) -> bool:
        arguments = {"query": query, "limit": HITS, "mode": mode}
        found = await _call(client, self.search_ms, "memory_search", arguments)
        return any(hit["id"] == memory_id for hit in found["hits"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A finished demo: its players, the state of each cluster at its end, and the pids of all their processes."""

    players: tuple[Player, ...]
    statuses: tuple[Status, ...]
    pids: frozenset[int]


async def play(machines: Sequence[Settings], documents: Sequence[Document], clients: int, report: Report) -> Played:
    """Let that many clients store the documents and find each other's; the clusters run on afterwards.

    machines: the settings of each cluster of the database; clients take turns in them, and so each finds what was
    stored by another one.
    Raises CallFailedError when a tool fails, and the MemmuxError that keeps a cluster from serving.
    """
    players = tuple(Player(f"client {number + 1}", documents[number::clients]) for number in range(clients))
    # Everybody waits for everybody: connected, model ready, stored, found.
    barrier = asyncio.Barrier(clients + 1)
    async with AsyncExitStack() as watching, asyncio.TaskGroup() as group:
        watchers = [
            await watching.enter_async_context(AsyncClient(settings=settings, name="demo")) for settings in machines
        ]
        for player, other, settings in zip(players, players[1:] + players[:1], cycle(machines)):
            group.create_task(_perform(settings, player, other, barrier, report))
        await barrier.wait()
        for watcher in watchers:
            await _ready(watcher)
        report("starting", len(machines))
        for _ in ("ready", "stored", "found"):
            await barrier.wait()
        statuses = tuple([await _counted(watcher, len(documents)) for watcher in watchers])
        processes = [each["pid"] for status in statuses for each in (*status.workers, *status.clients)]
        pids = {*(status.pid for status in statuses), *processes} - {os.getpid(), None}
        await barrier.wait()
    return Played(players=players, statuses=statuses, pids=frozenset(pids))


async def _perform(settings: Settings, player: Player, other: Player, barrier: asyncio.Barrier, report: Report) -> None:
    arguments = ["-P", "-m", "memmux", *settings.flags(), "mcp"]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    async with Client(server) as client:
        await client.list_tools()
        report("starting", 1)
        await barrier.wait()
        await barrier.wait()
        await player.store(client, report)
        await barrier.wait()
        await player.find(client, other, report)
        await barrier.wait()
        # The server stays until the processes are counted.
        await barrier.wait()


async def _ready(watcher: AsyncClient) -> None:
    """Wait until the cluster has its model."""
    deadline = time.monotonic() + MODEL_S
    while (status := await watcher.status()).model is None:
        for worker in status.workers:
            if isinstance(error := worker.get("error"), dict):
                raise error_from_json(error)
        if time.monotonic() > deadline:
            raise ModelMissingError(f"the embedding model was not ready after {MODEL_S:.0f} s; run `memmux status`")
        await asyncio.sleep(POLL_S)


async def _counted(watcher: AsyncClient, memories: int) -> Status:
    """Return the status once it counts so many memories, or as it is after a while."""
    deadline = time.monotonic() + COUNTED_S
    while True:
        status = await watcher.status()
        if status.memories == memories or time.monotonic() > deadline:
            return status
        await asyncio.sleep(POLL_S)


async def _call(client: Client, timings_ms: list[float], tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    timings_ms.append((time.perf_counter() - began) * 1000)
    if result.is_error or not isinstance(result.structured_content, dict):
        texts = (block.text for block in result.content if isinstance(block, TextContent))
        raise CallFailedError(f"{tool}: {' '.join(texts) or 'the answer has no structured content'}")
    return result.structured_content
