"""The answers that hosts read as resources: JSON as mcp-memory-service writes it, within the bounds of all answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from mcp_dealer.schemas.base import codes
from mcp_dealer.schemas.bounds import Listing
from mcp_dealer.schemas.changes import Feed
from mcp_dealer.schemas.hits import Hits
from mcp_dealer.schemas.memories import Listed, scripted
from memmux.wire import answers


class Resource(Listed):
    """Memories, newest first; tag: one that all of them have."""

    tag: str | None = None

    def script(self) -> dict[str, Any]:
        """Return the memories, and how many they are."""
        memories = [scripted(memory) for memory in self.memories]
        told = {} if self.tag is None else {"tag": self.tag}
        return {**told, "memories": memories, "count": len(memories)}


class SearchResource(Hits):
    """The hits of a search; query: what was looked for."""

    query: str

    @classmethod
    def found(cls, result: answers.SearchResult, query: str) -> Self:
        """Return the answer for what a search found."""
        return cls(**dict(Hits.of(result)), query=query)

    def script(self) -> dict[str, Any]:
        """Return the hits, and how many they are."""
        results = [{"memory": scripted(hit), "relevance_score": hit.score} for hit in self.hits]
        return {"query": self.query, "results": results, "count": len(results)}


class FeedResource(Feed):
    """What happened, oldest first."""

    def script(self) -> dict[str, Any]:
        """Return the changes, and the number to go on with."""
        changes = [change.model_dump(mode="json", exclude_none=True) for change in self.changes]
        return {"changes": changes, "next": self.next}


class TagName(BaseModel):
    """A tag, and how many memories have it."""

    name: str
    count: int

    @property
    def length(self) -> int:
        """How many characters can be cut off: none."""
        return 0

    def short(self, most: int = 0) -> Self:
        """Return it as it is."""
        del most
        return self


class TagNames(Listing):
    """The tags that memories have, those of the most memories first; total: how many there are."""

    parts: ClassVar[str] = "tags"

    tags: Sequence[TagName]
    total: int

    @classmethod
    def of(cls, tags: answers.Tags) -> Self:
        """Return the answer for tags and how often they occur."""
        names = [TagName(name=tag.name, count=tag.memories) for tag in tags]
        return cls(tags=names, total=tags.total, degraded=codes(tags.degraded))

    def script(self) -> dict[str, Any]:
        """Return the names, and how many there are in all."""
        memories = {tag.name: tag.count for tag in self.tags}
        return {"tags": list(memories), "count": self.total, "memories": memories}
