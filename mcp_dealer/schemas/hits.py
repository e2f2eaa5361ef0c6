"""The hits of a search, as the tools show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import codes
from mcp_dealer.schemas.bounds import (
    BESIDE_CHARACTERS,
    MEMORY_CHARACTERS,
    Listing,
    cut,
)
from mcp_dealer.schemas.memories import SearchAnswer, listed, shown
from memmux.wire import answers


class Beside(BaseModel):
    """A memory that stands before or after a hit."""

    id: str
    content: str

    @classmethod
    def all(cls, memories: Sequence[answers.Memory]) -> list[Self] | None:
        """Return memories as the tools show them; None if there are none."""
        return [cls(id=memory.id, content=memory.content) for memory in memories] or None

    def short(self, most: int) -> Self:
        """Return it with no more than `most` characters of its content."""
        return self.model_copy(update={"content": cut(self.content, most, self.id)})


class Hit(SearchAnswer):
    """One memory that a search found; a higher score is better.

    similarity: its cosine with the query. why: the parts that add up to the score, if they were asked for. before,
    after: what stands beside it in its thread, if that was asked for.
    """

    score: float
    similarity: Annotated[float | None, SkipJsonSchema()] = None
    why: Annotated[dict[str, float] | None, SkipJsonSchema()] = None
    before: Annotated[list[Beside] | None, SkipJsonSchema()] = None
    after: Annotated[list[Beside] | None, SkipJsonSchema()] = None

    @classmethod
    def of_hit(cls, hit: answers.Hit) -> Self:
        """Return the hit as the tools show it; a score whose parts are shown is not rounded."""
        similarity = None if hit.similarity is None else round(hit.similarity, 4)
        score = round(hit.score, 4) if hit.why is None else hit.score
        why = None if hit.why is None else dict(hit.why)
        before, after = Beside.all(hit.before), Beside.all(hit.after)
        return cls(**shown(hit.memory), score=score, similarity=similarity, why=why, before=before, after=after)

    @property
    def length(self) -> int:
        """How many characters the longest of the contents has."""
        return max(len(one.content) for one in (self, *(self.before or ()), *(self.after or ())))

    def short(self, most: int = MEMORY_CHARACTERS) -> Self:
        """Return the hit with no more than `most` characters of each content; with a few, without what is beside it."""
        sides = {
            name: [one.short(most) for one in side] if side and most > BESIDE_CHARACTERS else None
            for name, side in (("before", self.before), ("after", self.after))
        }
        return super().short(most).model_copy(update=sides)

    def lines(self) -> Iterable[str]:
        """Return the memory, with its score in front, and what stands beside it."""
        named, content = super().lines()
        yield f"[{self.score:.2f}] {named}"
        yield from (f"before · {one.id} · {one.content}" for one in self.before or ())
        yield content
        yield from (f"after · {one.id} · {one.content}" for one in self.after or ())


class Hits(Listing):
    """The hits of a search, best first, and its ranking."""

    parts: ClassVar[str] = "hits"

    mode: str
    hits: Sequence[Hit]

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

    def used(self) -> Iterable[str]:
        """Return the ids of the hits."""
        return (hit.id for hit in self.hits)

    def lines(self) -> Iterable[str]:
        """Return how many there are, then each."""
        return listed(f"{len(self.hits) + (self.omitted or 0)} found, {self.mode}", self.hits)
