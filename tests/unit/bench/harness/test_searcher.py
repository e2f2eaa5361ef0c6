"""The searcher, with a host that answers by itself."""

from __future__ import annotations

from typing import Any, cast

from bench.harness.mcp_client import Host
from bench.harness.searcher import LIMIT, Searcher
from memmux.wire.requests import Mode


class Answering:
    """A host whose server answers each call of a tool with one hit; calls: what was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        self.calls.append((tool, arguments))
        hit = {"id": "m", "content": "The cat sat.", "created_at": "2026-01-02T03:04:05Z", "score": 0.5}
        return {"mode": "keyword", "hits": [hit], "degraded": ["no_embedder"]}


def test_a_search_is_a_call_of_the_tool_and_its_answer_is_that_of_a_client() -> None:
    host = Answering()
    found = Searcher(cast("Host", host)).search("cat", mode=Mode.KEYWORD)
    assert host.calls == [("memory_search", {"query": "cat", "mode": "keyword", "tags": [], "limit": LIMIT})]
    assert ([hit.memory.content for hit in found.hits], found.degraded) == (["The cat sat."], ("no_embedder",))
