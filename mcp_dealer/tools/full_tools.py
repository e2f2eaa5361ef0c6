"""The tools that only the full list has: conversations, links, history, changes, documents, counts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from mcp_dealer import arguments
from mcp_dealer.arguments.full import WAIT_S
from mcp_dealer.arguments.time_words import Moment, Now
from mcp_dealer.link import call_log
from mcp_dealer.link.asked import LINE, where
from mcp_dealer.link.change_watch import ChangeWatch
from mcp_dealer.schemas import Cleanup, Feed, History, Ingested, Linked, Stats, StoredSession
from mcp_dealer.schemas.base import codes
from mcp_dealer.tools.anywhere import anywhere
from mcp_dealer.tools.tool import MemoryTool, Progress
from memmux import limits
from memmux.client.asynchronous import AsyncClient
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, NotAllowedError
from memmux.ingest import report
from memmux.ingest.run import ingest
from memmux.wire.answers import Stored
from memmux.wire.checks import check_range
from memmux.wire.ids import uuid7

INGESTING = "mcp ingest"  # what the client is called that stores documents
CONNECTED_HOPS = 2
PATH_HOPS = 5
RECENT = timedelta(days=7)
DUMP_PAGES = 100  # that are read to count deleted memories, at most


class ExtraTools:
    """The tools, as methods over the client that `connected` returns."""

    def __init__(
        self,
        connected: Callable[[], AsyncClient],
        settings: Callable[[], Settings],
        now: Now = Moment.current,
        watch: ChangeWatch | None = None,
    ) -> None:
        self._connected = connected
        self._settings = settings
        self._now = now
        self._watch = watch or ChangeWatch()

    def all(self) -> list[MemoryTool]:
        """Return the tools, ready for a server."""
        return [
            MemoryTool.of(self.memory_cleanup),
            MemoryTool.of(self.memory_stats),
            MemoryTool.of(self.memory_store_session, destructive=False),
            MemoryTool.of(self.memory_graph),
            MemoryTool.of(self.memory_ingest, destructive=True, required=("path",)),
            MemoryTool.of(self.memory_history, required=("id",)),
            MemoryTool.of(self.memory_wait),
        ]

    async def memory_cleanup(self) -> Cleanup:
        """Tell what there is to clean up: duplicates, of which there are none, old versions, deleted memories."""
        client = self._connected()
        superseded, degraded = await self._superseded(client)
        told = codes(degraded)
        deleted, after = 0, 0
        for _ in range(DUMP_PAGES):
            try:
                page = await client.dump(after=after)
            except NotAllowedError:  # a key that is not for the whole database
                return Cleanup(superseded=superseded, degraded=told)
            deleted += sum(memory.get("deleted_at") is not None for memory in page.memories)
            if page.next is None:
                return Cleanup(superseded=superseded, deleted=deleted, degraded=told)
            after = page.next
        return Cleanup(superseded=superseded, deleted=deleted, more=True, degraded=told)

    async def memory_stats(self) -> Stats:
        """Count memories, by namespace too, and what was asked for."""
        client = self._connected()
        newest = await client.list(limit=1, namespace=None)
        recent = await client.list(limit=1, namespace=None, after=self._now().now - RECENT)
        superseded, _ = await self._superseded(client)
        counts = {"superseded": superseded, "recent": recent.total}
        return Stats.of(await client.status(), **counts, newest=newest, namespaces=await client.namespaces())

    async def memory_store_session(self, asked: arguments.SessionArguments) -> StoredSession:
        """Remember a conversation, turn by turn."""
        line = LINE.get()
        session_id = asked.session_id or (uuid7() if line is None else line.new_id())
        client = self._connected()
        if asked.whole:
            common = asked.described(session_id)
            common["metadata"]["turns"] = len(asked.turns)
            whole = await client.store(asked.transcript(), similar=True, type="session", **common, **asked.home)
            return StoredSession.of_turns([whole], session_id, len(asked.turns))
        memories, stored = asked.memories(session_id), list[Stored]()
        for first in range(0, len(memories), limits.BATCH_MEMORIES):
            batch = await client.store_batch(memories[first : first + limits.BATCH_MEMORIES], **asked.home)
            stored += [one.with_degraded(batch.degraded) for one in batch]
        return StoredSession.of_turns(stored, session_id, len(asked.turns))

    async def memory_graph(self, asked: arguments.Graph) -> Linked:
        """Follow the links between memories."""
        client = self._connected()
        if asked.action == "path":
            begin, end = asked.ends()
            walk = partial(client.path, begin, end, hops=asked.reach(PATH_HOPS))
        else:
            walk = partial(client.graph, asked.middle(), action=asked.action, hops=asked.reach(CONNECTED_HOPS))
        return Linked.of(await anywhere(walk, asked.part), asked.action)

    async def memory_ingest(self, asked: arguments.Ingest, progress: Progress) -> Ingested:
        """Remember documents, in chunks; of a file that changed, the old chunks go."""
        loop, left, settings = asyncio.get_running_loop(), threading.Event(), self._settings()
        source = where(asked.source)
        home = asked.home.get("namespace")

        def tell(done: int, total: int) -> None:
            asyncio.run_coroutine_threadsafe(progress(done, total), loop)

        def work() -> report.Ingested:
            # The thread knows which tool call it is for: it has a copy of the context.
            observer = call_log.observer(INGESTING)
            with Client(settings=settings, name=INGESTING, on_answer=observer) as client:
                return ingest(
                    client,
                    source,
                    tags=asked.tags or (),
                    namespace=home,
                    chunk_size=asked.chunk_size,
                    chunk_overlap=asked.chunk_overlap,
                    recursive=asked.recursive,
                    extensions=asked.file_extensions,
                    max_files=asked.max_files,
                    roots=settings.ingest_roots,
                    prune_gone=asked.prune,
                    progress=tell,
                    cancelled=left.is_set,
                )

        try:
            return Ingested.of(await asyncio.to_thread(work))
        finally:
            left.set()  # a thread can't be interrupted, but this one asks now and then whether anybody waits for it

    async def memory_history(self, asked: arguments.History) -> History:
        """Tell what happened to a memory, also to a deleted one."""
        check_range("offset", asked.offset, 0, limits.HISTORY)
        check_range("limit", asked.limit, 1, limits.HISTORY)
        limit = min(asked.offset + asked.limit, limits.HISTORY)
        history = await anywhere(partial(self._connected().history, asked.target, limit=limit), asked.part)
        return History.of(history, asked.offset)

    async def memory_wait(self, asked: arguments.Wait) -> Feed:
        """Wait until something is stored, changed or deleted, perhaps by another assistant."""
        if not 0 <= asked.timeout_s <= WAIT_S:
            raise ArgumentInvalidError(f"timeout_s is {asked.timeout_s:g}; it is a number from 0 to {WAIT_S}")
        if asked.after_seq is not None:
            check_range("after_seq", asked.after_seq, 0, limits.SEQ)
        client, until = self._connected(), time.monotonic() + asked.timeout_s
        after = (await client.changes()).next if asked.after_seq is None else asked.after_seq
        while True:
            found = await client.changes(after, limit=asked.limit, tags=asked.tags or (), **asked.part)
            left_s = until - time.monotonic()
            if found.changes or left_s <= 0:
                return Feed.of(found)
            after = found.next
            await self._watch.wait(client, after, left_s)

    @staticmethod
    async def _superseded(client: AsyncClient) -> tuple[int, tuple[str, ...]]:
        """Count the memories whose newer version has taken their place; return the codes of the answers, too."""
        everything = await client.list(limit=1, namespace=None)
        current = await client.list(limit=1, namespace=None, include_superseded=False)
        return max(0, everything.total - current.total), current.degraded
