"""The everyday tools: what an MCP client may do with the memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from mcp_dealer import arguments
from mcp_dealer.arguments.time_words import Moment, Now
from mcp_dealer.schemas import Changed, Health, Hits, Kept, Listed, Read, Removed
from mcp_dealer.schemas.bounds import PAGE_CHARACTERS
from mcp_dealer.tools.anywhere import anywhere
from mcp_dealer.tools.tool import MemoryTool
from memmux.client.asynchronous import AsyncClient
from memmux.wire.answers import Deleted, Memory


class MemoryTools:
    """The tools, as methods over the client that `connected` returns."""

    def __init__(self, connected: Callable[[], AsyncClient], now: Now = Moment.current) -> None:
        self._connected = connected
        self._now = now

    def all(self, *, full: bool = False) -> list[MemoryTool]:
        """Return the tools, ready for a server; full: their lists of arguments name namespaces, too."""
        small = () if full else ("namespace", "max_response_chars")
        rare = () if full else ("context", "context_weight", "time_expr", *small)
        return [
            MemoryTool.of(self.memory_store, destructive=False, unlisted=small),
            MemoryTool.of(self.memory_search, required=("query",), unlisted=rare),
            MemoryTool.of(self.memory_get, required=("id",), unlisted=() if full else ("length", *small)),
            MemoryTool.of(self.memory_list, unlisted=("tag_match", "time_expr", *small)),
            MemoryTool.of(self.memory_update, destructive=True, required=("id",), unlisted=small),
            MemoryTool.of(self.memory_delete, destructive=True, unlisted=("tag_match", "time_expr", *small)),
            MemoryTool.of(self.memory_health),
        ]

    async def memory_store(self, asked: arguments.Store) -> Kept:
        """Save one fact worth knowing in later conversations: a preference, decision, fix, who is who.

        Search first; if `similar` comes back, update that one. No secrets.
        """
        return Kept.of(await self._connected().store(asked.content, similar=True, **asked.described()))

    async def memory_search(self, asked: arguments.Search) -> Hits:
        """Find memories by meaning and words, best first.

        Use before answering about the user, people, projects or earlier decisions. The score ranks within this answer;
        judge by the text.
        """
        selection = asked.selection(self._now)
        selection["include_superseded"] = bool(asked.include_superseded)
        selection |= {"limit": asked.limit, "offset": asked.offset or 0}
        client, query = self._connected(), asked.wording
        if query is None:
            return Hits.of_page(await client.list(**selection))
        ranked = {"mode": asked.mode, "cues": asked.cues, "why": bool(asked.why), **asked.floors, **asked.around}
        found = await client.search(query, **ranked, **selection)
        return Hits.of(found)

    async def memory_get(self, asked: arguments.Get) -> Read:
        """Read one memory, a long one page by page: continue with next_offset."""
        offset, length = asked.stretch(PAGE_CHARACTERS)
        return Read.page(await anywhere(partial(self._connected().get, asked.target), asked.part), offset, length)

    async def memory_list(self, asked: arguments.List) -> Listed:
        """Browse memories, newest first; continue with offset."""
        window = asked.window()
        selection = asked.selection(self._now) | window
        selection["include_superseded"] = asked.include_superseded is not False
        return Listed.of(await self._connected().list(**selection), **window)

    async def memory_update(self, asked: arguments.Update) -> Changed:
        """Change a memory that is no longer true; what is left out stays, tags replace all."""
        versioned = bool(asked.versioned)
        update = partial(self._connected().update, asked.target, versioned=versioned, **asked.changes())
        updated = await anywhere(update, asked.part)
        return Changed.of(updated, supersedes=asked.target if versioned else None)

    async def memory_delete(self, asked: arguments.Delete) -> Removed:
        """Delete one memory, best by id, or all that a filter means: dry_run first. Undoable."""
        client, single, dry_run = self._connected(), asked.single(), bool(asked.dry_run)
        if single is None:
            return Removed.of_many(await client.forget(dry_run=dry_run, **asked.selection(self._now)))
        remove: Callable[..., Awaitable[Memory | Deleted]] = client.get if dry_run else client.delete
        return Removed.of(await anywhere(partial(remove, single), asked.part), dry_run=dry_run)

    async def memory_health(self) -> Health:
        """Tell whether the memory works, and what is missing."""
        client = self._connected()
        status = await client.status()
        if status.memories is not None:
            return Health.of(status, status.memories)
        # A client with a key is not told of memories that it may not see: what it finds is counted.
        return Health.of(status, (await client.list(limit=1, namespace=None)).total)
