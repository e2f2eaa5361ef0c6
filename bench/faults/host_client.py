"""A client that is an MCP host: what a load asks, as calls of tools through a relay and the cluster's gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bench.harness.mcp_client import Host, ToolFailedError
from memmux.errors import error_from_json
from memmux.wire import requests
from memmux.wire.answers import Deleted, Hit, Memory, Page, SearchResult, Stored, StoredBatch, Updated
from memmux.wire.requests import Mode

_UNTOLD = 0  # the number of a change, which no tool tells


class HostClient:
    """The methods of a client that a load calls. Keys are not sent: the gateway makes its own of each line."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def store(self, content: str, *, tags: Sequence[str] = (), key: str = "") -> Stored:
        """Store a memory."""
        del key
        told = self._call("memory_store", content=content, tags=list(tags))
        return Stored(
            id=told["id"],
            content_hash=told["content_hash"],
            seq=_UNTOLD,
            status=told["status"],
            indexed=told["indexed"],
        )

    def store_batch(self, memories: Sequence[requests.Store], *, key: str = "") -> StoredBatch:
        """Store memories, one after the other."""
        return StoredBatch(stored=tuple(self.store(one.content, tags=one.tags, key=key) for one in memories))

    def update(
        self, memory: str, *, content: str | None = None, metadata: Mapping[str, object], key: str = ""
    ) -> Updated:
        """Change a memory."""
        del key
        changed = {"metadata": dict(metadata)} | ({} if content is None else {"content": content})
        told = self._call("memory_update", id=memory, **changed)
        return Updated(id=told["id"], content_hash=told["content_hash"], seq=_UNTOLD, indexed=told["indexed"])

    def delete(self, memory: str, *, key: str = "") -> Deleted:
        """Delete a memory."""
        del key
        return Deleted(id=self._call("memory_delete", id=memory)["id"], seq=_UNTOLD)

    def get(self, memory: str) -> Memory:
        """Read a memory."""
        return _memory(self._call("memory_get", id=memory))

    def search(self, query: str, *, mode: Mode | str = Mode.HYBRID, limit: int = 10) -> SearchResult:
        """Find memories."""
        told = self._call("memory_search", query=query, mode=str(mode), limit=limit)
        hits = tuple(Hit(score=hit["score"], memory=_memory(hit)) for hit in told["hits"])
        return SearchResult(mode=Mode(told["mode"]), hits=hits)

    def list(self, *, limit: int, tags: Sequence[str]) -> Page:
        """List memories."""
        told = self._call("memory_list", limit=limit, tags=list(tags))
        return Page(memories=tuple(map(_memory, told["memories"])), total=told["total"])

    def _call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Return what a tool answers; raise the error that it names, or ServerGoneError."""
        try:
            return self._host.call(tool, **arguments)
        except ToolFailedError as failed:
            code, _, message = str(failed).partition(": ")
            raise error_from_json({"code": code, "message": message}) from None


def _memory(told: Mapping[str, Any]) -> Memory:
    created_at = datetime.fromisoformat(told["created_at"]).astimezone(UTC)
    return Memory(
        id=told["id"],
        content=told["content"],
        content_hash=told.get("content_hash", ""),
        metadata=told.get("metadata", {}),
        created_at=created_at,
        updated_at=created_at,
    )
