"""What is linked with a memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from memmux.wire.answers.base import Answer
from memmux.wire.answers.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A memory that links lead to.

    id: of the memory, or whatever the link names where there is none.
    distance: in links from where the walk began.
    memory: None where there is none, or it is deleted.
    """

    id: str
    distance: int
    memory: Memory | None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Node:
        """Return the node that the JSON object describes."""
        return cls(**{**fields, "memory": fields["memory"] and Memory.from_json(fields["memory"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A directed link between two memories.

    source: the id of the memory where it starts.
    target: the id of the memory that it leads to, or what it names where there is none.
    relation: what the target is to the source.
    similarity: as its maker had it; None if there is none.
    types: what kinds of link it is, in the words of its maker.
    metadata: more about it.
    created_at: aware, UTC.
    """

    source: str
    target: str
    relation: str
    similarity: float | None
    types: tuple[str, ...]
    metadata: Mapping[str, object]
    created_at: datetime

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Link:
        """Return the link that the JSON object describes."""
        known = {"types": tuple(fields["types"]), "created_at": datetime.fromisoformat(fields["created_at"])}
        return cls(**{**fields, **known})


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph(Answer):
    """Memories that are linked, and links among them.

    nodes: nearest first, the one where the walk began at distance 0; or those of a path in their order, if there is
        one.
    links: among these memories.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    @classmethod
    def from_body(cls, body: bytes) -> Graph:
        """Return the graph in `body`."""
        fields = orjson.loads(body)
        return cls(nodes=tuple(map(Node.from_json, fields["nodes"])), links=tuple(map(Link.from_json, fields["links"])))
