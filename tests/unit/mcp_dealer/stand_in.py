"""A stand-in for the cluster's client, so that the tools are tested without processes."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from mcp import Client

from memmux.config.settings import Settings
from memmux.errors import NotAllowedError
from memmux.wire.answers import (
    Answer,
    Change,
    Changes,
    Deleted,
    Dumped,
    Forgotten,
    Graph,
    History,
    Hit,
    Memory,
    NameCount,
    Namespaces,
    Node,
    Notice,
    Page,
    SearchResult,
    Status,
    Stored,
    StoredBatch,
    Tags,
    Updated,
    Used,
)
from memmux.wire.requests import Mode

MOMENT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
MEMORY = Memory(
    id="0001",
    content="The office is in Ghent.",
    content_hash="ab",
    tags=("place", "work"),
    type="fact",
    metadata={"floor": 3},
    created_at=MOMENT,
    updated_at=MOMENT + timedelta(days=1),
)
BARE = Memory(id="0002", content="Bare.", content_hash="cd", created_at=MOMENT, updated_at=MOMENT)


T = TypeVar("T")


class StandIn:
    """Answers every method of `AsyncClient` with a fixed result; remembers the calls, or raises `error`."""

    role: ClassVar[str | None] = None
    """What its key lets it do."""

    def __init__(self, *, settings: Settings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.error: Exception | None = None
        self.degraded: tuple[str, ...] = ()
        self.limited = False  # by its key: it is told little of the cluster, and may not dump it
        self.closed = 0
        self.used_ids: list[str] = []
        self.memory = MEMORY
        self.times = 1  # that it is there
        self.seq = 3  # the newest change
        self._gate: asyncio.Event | None = None
        self._waiting = asyncio.Semaphore(0)

    def wait(self) -> None:
        """Answer no `get` until it may go on."""
        self._gate = asyncio.Event()

    def go_on(self) -> None:
        """Answer what waits."""
        assert self._gate is not None
        self._gate.set()

    async def waited(self, times: int) -> None:
        """Return when so many wait."""
        for _ in range(times):
            await self._waiting.acquire()

    def _answer(self, method: str, arguments: tuple[Any, ...], options: dict[str, Any], answer: T) -> T:
        self.calls.append((method, arguments, options))
        if self.error is not None:
            raise self.error
        return answer.with_degraded(self.degraded) if isinstance(answer, Answer) else answer

    async def store(self, *arguments: Any, **options: Any) -> Stored:
        stored = Stored(id="0001", content_hash="ab", seq=1, status="created", indexed=not self.degraded)
        return self._answer("store", arguments, options, stored)

    async def store_batch(self, *arguments: Any, **options: Any) -> StoredBatch:
        (memories,) = arguments
        stored = tuple(
            Stored(id=f"000{number}", content_hash="ab", seq=number, status="created", indexed=not self.degraded)
            for number, _ in enumerate(memories, 1)
        )
        return self._answer("store_batch", arguments, options, StoredBatch(stored=stored))

    async def search(self, *arguments: Any, **options: Any) -> SearchResult:
        why = {"words": 0.5, "meaning": 0.37654321} if options.get("why") else None
        sides = {"before": (BARE,), "after": (self.memory,)} if options.get("context") else {}
        first = Hit(score=0.87654321, memory=self.memory, similarity=0.81234, why=why, **sides)
        hits = (*[first] * self.times, Hit(score=0.5, memory=BARE))
        result = SearchResult(mode=Mode.HYBRID, hits=hits)
        return self._answer("search", arguments, options, result)

    async def get(self, *arguments: Any, **options: Any) -> Memory:
        if self._gate is not None:
            self._waiting.release()
            await self._gate.wait()
        return self._answer("get", arguments, options, self.memory)

    async def list(self, *arguments: Any, **options: Any) -> Page:
        page = Page(memories=(*[self.memory] * self.times, BARE), total=7)
        return self._answer("list", arguments, options, page)

    async def update(self, *arguments: Any, **options: Any) -> Updated:
        updated = Updated(id="0001", content_hash="ab", seq=2, indexed=True)
        return self._answer("update", arguments, options, updated)

    async def delete(self, *arguments: Any, **options: Any) -> Deleted:
        return self._answer("delete", arguments, options, Deleted(id="0001", seq=3, content_hash="ab"))

    async def namespaces(self, *arguments: Any, **options: Any) -> Namespaces:
        counted = (NameCount(name="default", memories=5), NameCount(name="Tianda", memories=2))
        return self._answer("namespaces", arguments, options, Namespaces(namespaces=counted, total=2))

    async def forget(self, *arguments: Any, **options: Any) -> Forgotten:
        forgotten = Forgotten(ids=("0001", "0002"), count=2, dry_run=options["dry_run"])
        return self._answer("forget", arguments, options, forgotten)

    async def graph(self, *arguments: Any, **options: Any) -> Graph:
        known = Node(id="0001", distance=0, memory=self.memory)
        nodes = (*[known] * self.times, Node(id="0009", distance=1, memory=None))
        return self._answer("graph", arguments, options, Graph(nodes=nodes, links=()))

    async def path(self, *arguments: Any, **options: Any) -> Graph:
        return self._answer("path", arguments, options, Graph(nodes=(), links=()))

    async def history(self, *arguments: Any, **options: Any) -> History:
        stored = Change(
            seq=1, id="0001", at=MOMENT, operation="memory.store", client="a", request="r", did="stored", before=None
        )
        updates = [replace(stored, did="updated", before=self.memory)] * (self.times - 1)
        return self._answer("history", arguments, options, History(changes=(*updates, stored)))

    async def changes(self, after: int | None = None, **options: Any) -> Changes:
        if after is None:
            return Changes(changes=(), next=self.seq)
        noted = Notice(
            seq=self.seq, id="0001", namespace="default", at=MOMENT, operation="memory.store", client="a", deleted=False
        )
        found = (noted,) * (self.times if after < self.seq else 0)
        return self._answer("changes", (after,), options, Changes(changes=found, next=self.seq))

    async def dump(self, *arguments: Any, **options: Any) -> Dumped:
        lines = ({"id": "0001", "deleted_at": None}, {"id": "0002", "deleted_at": 5.0})
        if self.limited:
            raise NotAllowedError
        after = options["after"]
        page = Dumped(memories=lines, next=after + 2 if after < 4 else None, last=6)
        return self._answer("dump", arguments, options, page)

    async def tags(self, *arguments: Any, **options: Any) -> Tags:
        counted = (NameCount(name="place", memories=5), NameCount(name="a/b", memories=1))
        return self._answer("tags", arguments, options, Tags(tags=counted * self.times, total=2 * self.times))

    async def used(self, ids: tuple[str, ...]) -> Used:
        self.used_ids += ids
        return Used(count=len(ids))

    async def status(self, *arguments: Any, **options: Any) -> Status:
        if self.limited:
            own = {"name": "key/a"}
            told = Status(state="serving", version="0", model="m", uptime_s=1.0, degraded=(), clients=(own,))
            return self._answer("status", arguments, options, told)
        status = Status(
            state="serving",
            pid=1,
            version="0",
            endpoint="ipc://x",
            database="x",
            seq=3,
            memories=2,
            pending=1,
            model=None,
            uptime_s=1.0,
            rss_bytes=1,
            degraded=self.degraded,
            workers=(),
            clients=({"name": "a"}, {"name": "b"}),
            grant=self.role and {"role": self.role},
            queues={},
            requests={"memory.list": {"ok": 3, "errors": {}}, "memory.get": {"ok": 0, "errors": {"not_found": 1}}},
        )
        return self._answer("status", arguments, options, status)

    async def aclose(self) -> None:
        self.closed += 1


class Connect(Protocol):
    """Opens an MCP client in process, in one era of the protocol."""

    def __call__(self, mode: str = "auto") -> AbstractAsyncContextManager[Client]: ...
