"""The answer about what is linked with a memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import Text, Texts, as_json, codes, iso, shown_hash
from mcp_dealer.schemas.bounds import DETAIL_CHARACTERS, MEMORY_CHARACTERS, Listing, Rest, cut, detailed
from memmux.wire import answers
from memmux.wire.counts import amount


class Point(BaseModel):
    """A memory that links lead to; without a content if it is not there."""

    id: str
    content_hash: Text = None
    distance: int
    content: str | None = None
    tags: Texts = None
    created_at: str | None = None

    @classmethod
    def of(cls, node: answers.Node) -> Self:
        """Return the node as the tools show it."""
        memory = node.memory
        if memory is None:
            return cls(id=node.id, distance=node.distance)
        return cls(
            id=node.id,
            distance=node.distance,
            content_hash=shown_hash(memory),
            content=memory.content,
            tags=list(memory.tags) or None,
            created_at=iso(memory.created_at),
        )

    @property
    def hash(self) -> str:
        """The content hash, or the id of what is not there."""
        return self.content_hash or self.id

    @property
    def length(self) -> int:
        """How many characters the content has."""
        return len(self.content or "")

    def short(self, most: int = MEMORY_CHARACTERS) -> Self:
        """Return the memory with no more than `most` characters of its content, and without many tags."""
        content = None if self.content is None else cut(self.content, most, self.id)
        return self.model_copy(
            update={"content": content, "tags": detailed(None, self.tags, DETAIL_CHARACTERS)["tags"]}
        )


class Edge(BaseModel):
    """A directed link between two memories."""

    source: str
    target: str
    relation: str
    similarity: float | None = None
    types: Texts = None

    @classmethod
    def of(cls, link: answers.Link) -> Self:
        """Return the link as the tools show it."""
        return cls(
            source=link.source,
            target=link.target,
            relation=link.relation,
            similarity=link.similarity,
            types=list(link.types) or None,
        )


class Linked(Listing):
    """The memories that are linked with one, nearest first, itself at distance 0; a path in its order, or nothing.

    action: what was asked for. Its text is the JSON that mcp-memory-service writes, and the memories.
    """

    parts: ClassVar[str] = "nodes"

    nodes: Sequence[Point]
    links: Sequence[Edge]
    action: Annotated[str, Field(exclude=True), SkipJsonSchema()] = "connected"

    @classmethod
    def of(cls, graph: answers.Graph, action: str) -> Self:
        """Return the answer for a graph."""
        nodes, links = list(map(Point.of, graph.nodes)), list(map(Edge.of, graph.links))
        return cls(nodes=nodes, links=links, action=action, degraded=codes(graph.degraded))

    def within(self, most: int, rest: Rest) -> Self:
        """Return the answer in `most` characters: a third for links, the rest for memories."""
        ends = accumulate(len(as_json(edge)) + 2 for edge in self._edges())
        fit = sum(end <= most // 3 for end in ends)
        if fit == len(self.links):
            return super().within(most, rest)
        notes = [*(self.notes or ()), f"{fit} of {amount(len(self.links), 'link')} shown"]
        return super(Linked, self.model_copy(update={"links": self.links[:fit], "notes": notes})).within(most, rest)

    def script(self) -> dict[str, Any]:
        """Return the graph by content hashes."""
        edges = self._edges()
        memories = [node.model_dump(mode="json", exclude_none=True) for node in self.nodes]
        return {"success": True, **self._facts(), "edges": edges, "edge_count": len(edges), "memories": memories}

    def _edges(self) -> list[dict[str, Any]]:
        known = {node.id: node.hash for node in self.nodes}
        return [
            {
                "source": known.get(link.source, link.source),
                "target": known.get(link.target, link.target),
                "relationship_type": link.relation,
                "similarity": link.similarity,
                "connection_types": link.types or [],
                "metadata": {},
            }
            for link in self.links
        ]

    def _facts(self) -> dict[str, Any]:
        """Return what was asked for."""
        hashes = [node.hash for node in self.nodes]
        if self.action == "path":
            return {"path": hashes or None, "length": len(hashes)}
        if self.action == "subgraph":
            return {"nodes": hashes, "node_count": len(hashes)}
        others = [{"hash": node.hash, "distance": node.distance} for node in self.nodes if node.distance]
        return {"connected": others, "count": len(others)}
