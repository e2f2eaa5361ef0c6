"""The answers that are memories: one, the hits of a search, a page of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import Answer, Count, Text, codes, iso, shown_hash
from memmux.wire import answers
from memmux.wire.requests import DEFAULT_NAMESPACE


class SearchAnswer(Answer):
    """One memory; times are ISO 8601, UTC; `updated_at` is there when it was ever updated.

    content_hash: see `shown_hash`. namespace: where it is, if that is not the default one.
    """

    id: str
    content_hash: Text = None
    namespace: Text = None
    content: str
    tags: list[str] | None = None
    type: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: str
    updated_at: Text = None
    supersedes: Text = None
    superseded_by: Text = None

    @classmethod
    def of(cls, memory: answers.Memory) -> Self:
        """Return the memory as the tools show it."""
        return cls(**_shown(memory), degraded=codes(memory.degraded))

    def lines(self) -> Iterable[str]:
        """Return a line that names the memory, then its content."""
        tags = " ".join(f"#{tag}" for tag in self.tags or ())
        newer = self.superseded_by and f"superseded by {self.superseded_by}"
        digest = self.content_hash and f"hash {self.content_hash}"
        place = self.namespace and f"in {self.namespace}"
        yield " · ".join(filter(None, [self.id, self.created_at, self.type, tags, place, newer, digest]))
        yield self.content


class Hit(SearchAnswer):
    """One memory that a search found; a higher score is better. similarity: its cosine with the query."""

    score: float
    similarity: Annotated[float | None, SkipJsonSchema()] = None

    @classmethod
    def of_hit(cls, hit: answers.Hit) -> Self:
        """Return the hit as the tools show it."""
        similarity = None if hit.similarity is None else round(hit.similarity, 4)
        return cls(**_shown(hit.memory), score=round(hit.score, 4), similarity=similarity)

    def lines(self) -> Iterable[str]:
        """Return the memory, with its score in front."""
        named, content = super().lines()
        return f"[{self.score:.2f}] {named}", content


class Hits(Answer):
    """The hits of a search, best first, and its ranking; omitted: the number of hits without room in the answer."""

    mode: str
    hits: Sequence[Hit]
    omitted: Count = None

    @classmethod
    def of(cls, result: answers.SearchResult) -> Self:
        """Return the answer for what a search found."""
        hits = [Hit.of_hit(hit) for hit in result.hits]
        return cls(mode=result.mode, hits=hits, notes=codes(result.notes), degraded=codes(result.degraded))

    @classmethod
    def of_page(cls, page: answers.Page) -> Self:
        """Return the answer for a search without a query: what its filter lets through, each as good as the other."""
        hits = [Hit.of_hit(answers.Hit(score=1.0, memory=memory)) for memory in page.memories]
        return cls(mode="newest", hits=hits, notes=codes(page.notes), degraded=codes(page.degraded))

    def lines(self) -> Iterable[str]:
        """Return how many there are, then each."""
        return _listed(f"{len(self.hits)} found, {self.mode}", self.hits, self.omitted)


class Listed(Answer):
    """A page of a list, newest first, and how many there are in all; omitted: of the page, for want of room."""

    total: int
    memories: Sequence[SearchAnswer]
    omitted: Count = None

    @classmethod
    def of(cls, page: answers.Page) -> Self:
        """Return the answer for a page of a list."""
        memories = [SearchAnswer.of(memory) for memory in page.memories]
        return cls(total=page.total, memories=memories, notes=codes(page.notes), degraded=codes(page.degraded))

    def lines(self) -> Iterable[str]:
        """Return how many there are, then each."""
        return _listed(f"{len(self.memories)} of {self.total}", self.memories, self.omitted)


FoundT = TypeVar("FoundT", bound=SearchAnswer)


def fitted(memories: Sequence[FoundT], most: int | None) -> tuple[list[FoundT], int | None]:
    """Return the first memories whose texts have `most` characters together, and how many are left out.

    None of them is cut, and the first is always among them. most: None, or not above 0, for all.
    """
    if most is None or most <= 0:
        return list(memories), None
    for place, memory in enumerate(memories):
        most -= sum(len(line) + 1 for line in memory.lines()) + 1
        if most < 0 and place:
            return list(memories[:place]), len(memories) - place
    return list(memories), None


def _listed(counted: str, memories: Sequence[SearchAnswer], omitted: int | None) -> Iterable[str]:
    yield counted
    for memory in memories:
        yield ""
        yield from memory.lines()
    if omitted:
        yield ""
        yield f"{omitted} more left out for want of room"


def _shown(memory: answers.Memory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "content_hash": shown_hash(memory),
        "namespace": None if memory.namespace == DEFAULT_NAMESPACE else memory.namespace,
        "content": memory.content,
        "tags": list(memory.tags) or None,
        "type": memory.type,
        "metadata": dict(memory.metadata) or None,
        "created_at": iso(memory.created_at),
        "updated_at": iso(memory.updated_at) if memory.updated_at != memory.created_at else None,
        "supersedes": memory.supersedes,
        "superseded_by": memory.superseded_by,
    }
