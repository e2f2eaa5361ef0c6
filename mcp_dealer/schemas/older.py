"""Answers to the older names of tools, whose text has the lines that mcp-memory-service writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from mcp_dealer.schemas.base import Answer
from mcp_dealer.schemas.hits import Hit, Hits
from mcp_dealer.schemas.memories import Listed, SearchAnswer
from mcp_dealer.schemas.reports import Health, Stats
from mcp_dealer.schemas.writes import Kept
from memmux.wire.requests import Mode


class OlderFound(SearchAnswer):
    """One memory, line by line."""

    def lines(self) -> Iterable[str]:
        """Return a line for each fact."""
        return _labelled(self)


class OlderHit(Hit):
    """One memory that a search found, with the score that mcp-memory-service gives it."""

    relevance_score: float

    def lines(self) -> Iterable[str]:
        """Return a line for each fact."""
        return _labelled(self, f"Relevance Score: {self.relevance_score:.2f}")


class OlderHits(Hits):
    """The hits of a search; relevance_score: max(0, (1 + cosine) / 2) if it was by meaning, else the score."""

    hits: Sequence[OlderHit]

    def lines(self) -> Iterable[str]:
        """Return each memory, numbered."""
        return _numbered(self.hits)


class OlderListed(Listed):
    """A page of a list, to be read."""

    memories: Sequence[OlderFound]

    def script(self) -> None:
        """Return that it is for readers."""

    def lines(self) -> Iterable[str]:
        """Return each memory, numbered."""
        return _numbered(self.memories)


class OlderStats(Stats):
    """Counts of memories, as JSON."""

    def script(self) -> dict[str, Any]:
        """Return the counts."""
        return self.structured()


class OlderHealth(Health):
    """The health of the cluster, as JSON under a heading."""

    heading: ClassVar[str] = "Database Health Check Results:\n"

    def script(self) -> dict[str, Any]:
        """Return the health."""
        healthy = not self.read.startswith("failing") and not self.write.startswith("failing")
        return {
            "version": self.version,
            "validation": {"status": "healthy" if healthy else "unhealthy", "message": self.state},
            "statistics": {"total_memories": self.memories, "embedding_model": self.model},
            **self.structured(),
        }


class OlderKept(Kept):
    """The acknowledgement of a store, with the hash in its text."""

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield f"Memory stored successfully (hash: {self.content_hash})"
        yield from super().lines()
        yield f"Hash: {self.content_hash}"


def as_older(answer: Answer, name: str) -> Answer:
    """Return a current tool's answer as the older name gives it."""
    said = dict(answer)
    if isinstance(answer, Hits):
        scored = [OlderHit(**dict(hit), relevance_score=_relevance(hit.score, answer.mode)) for hit in answer.hits]
        return OlderHits(**said | {"hits": scored})
    if isinstance(answer, Listed) and name == "search_by_tag":
        return OlderListed(**said | {"memories": [OlderFound(**dict(memory)) for memory in answer.memories]})
    form = _FORMS.get(type(answer))
    return answer if form is None else form(**said)


_FORMS: Mapping[type[Answer], type[Answer]] = {Kept: OlderKept, Stats: OlderStats, Health: OlderHealth}


def _relevance(score: float, mode: str) -> float:
    return max(0.0, (1 + score) / 2) if mode == Mode.SEMANTIC else score


def _numbered(memories: Sequence[SearchAnswer]) -> Iterator[str]:
    yield f"Found {len(memories)} memories:" if memories else "No matching memories found"
    for number, memory in enumerate(memories, 1):
        yield ""
        yield f"Memory {number}:"
        yield from memory.lines()


def _labelled(memory: SearchAnswer, *more: str) -> Iterator[str]:
    yield f"Timestamp: {memory.created_at}"
    yield f"Content: {memory.content}"
    yield f"Hash: {memory.content_hash or memory.id}"
    yield from more
    if memory.tags:
        yield f"Tags: {', '.join(memory.tags)}"
    if memory.type:
        yield f"Type: {memory.type}"
    if memory.left_out:
        yield f"Left out: {', '.join(memory.left_out)}"
    yield f"Id: {memory.id}"
    yield "---"
