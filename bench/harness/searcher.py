"""A searcher: an MCP host that searches as a client of the cluster does, by the tool."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn, Self

from bench.harness.mcp_client import Host
from memmux.client.calls import Vector
from memmux.config.settings import Settings
from memmux.wire.answers import Hit, Memory, SearchResult
from memmux.wire.requests import Mode

LIMIT = 10  # hits of a search, as of a client that names no number


class Searcher:
    """One host; a context manager that does the handshake and ends the host's server."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @classmethod
    def of(cls, settings: Settings, name: str) -> Self:
        """Return the host of that name."""
        return cls(Host(settings, name))

    def __enter__(self) -> Self:
        self._host.initialize()
        return self

    def __exit__(self, *exception: object) -> None:
        self._host.close()

    def search(
        self, query: str, *, mode: Mode = Mode.HYBRID, tags: Sequence[str] = (), vector: Vector | None = None
    ) -> SearchResult:
        """Find memories; the vector is the cluster's to make."""
        del vector
        told = self._host.call("memory_search", query=query, mode=str(mode), tags=list(tags), limit=LIMIT)
        hits = tuple(Hit(score=hit["score"], memory=_memory(hit)) for hit in told["hits"])
        return SearchResult(mode=Mode(told["mode"]), hits=hits).with_degraded(tuple(told.get("degraded") or ()))

    def store(self, content: str, *, vector: Vector | None = None) -> NoReturn:
        """Raise NotImplementedError: what a host stores has other bounds."""
        raise NotImplementedError


def _memory(told: dict[str, str]) -> Memory:
    at = datetime.fromisoformat(told["created_at"]).astimezone(UTC)
    return Memory(id=told["id"], content=told["content"], content_hash="", metadata={}, created_at=at, updated_at=at)
