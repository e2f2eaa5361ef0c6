"""Answers to the older names of tools, whose text has the lines that mcp-memory-service writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mcp_dealer.schemas.base import Answer
from mcp_dealer.schemas.memories import Hit, Hits, Listed, SearchAnswer, fitted
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
        return _numbered(self.hits, self.omitted)


class OlderListed(Listed):
    """A page of a list."""

    memories: Sequence[OlderFound]

    def lines(self) -> Iterable[str]:
        """Return each memory, numbered."""
        return _numbered(self.memories, self.omitted)


class OlderKept(Kept):
    """The acknowledgement of a store, with the hash in its text."""

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield from super().lines()
        yield f"Hash: {self.content_hash}"


def as_older(answer: Answer, most: int | None = None) -> Answer:
    """Return a current tool's answer as an older name gives it, its memories within `most` characters."""
    said = dict(answer)
    if isinstance(answer, Hits):
        scored = [OlderHit(**dict(hit), relevance_score=_relevance(hit.score, answer.mode)) for hit in answer.hits]
        hits, omitted = fitted(scored, most)
        return OlderHits(**said | {"hits": hits, "omitted": _sum(answer.omitted, omitted)})
    if isinstance(answer, Listed):
        memories, omitted = fitted([OlderFound(**dict(memory)) for memory in answer.memories], most)
        return OlderListed(**said | {"memories": memories, "omitted": _sum(answer.omitted, omitted)})
    return OlderKept(**said) if type(answer) is Kept else answer


def _relevance(score: float, mode: str) -> float:
    return max(0.0, (1 + score) / 2) if mode == Mode.SEMANTIC else score


def _sum(*counts: int | None) -> int | None:
    return sum(filter(None, counts)) or None


def _numbered(memories: Sequence[SearchAnswer], omitted: int | None) -> Iterator[str]:
    yield f"Found {len(memories)} memories:" if memories else "No matching memories found"
    for number, memory in enumerate(memories, 1):
        yield ""
        yield f"Memory {number}:"
        yield from memory.lines()
    if omitted:
        yield ""
        yield f"{omitted} more left out for want of room"


def _labelled(memory: SearchAnswer, *more: str) -> Iterator[str]:
    yield f"Timestamp: {memory.created_at}"
    yield f"Content: {memory.content}"
    yield f"Hash: {memory.content_hash or memory.id}"
    yield from more
    if memory.tags:
        yield f"Tags: {', '.join(memory.tags)}"
    if memory.type:
        yield f"Type: {memory.type}"
    yield f"Id: {memory.id}"
    yield "---"
