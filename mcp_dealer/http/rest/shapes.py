"""Shapes: the cluster's answers as the dictionaries that REST answers with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from memmux.wire import answers

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "memory.store": "memory_stored",
        "memory.store_batch": "memory_stored",
        "memory.store_similar": "memory_stored",
        "memory.update": "memory_updated",
        "memory.rewrite": "memory_updated",
        "memory.delete": "memory_deleted",
        "memory.forget": "memory_deleted",
        "memory.load": "memory_loaded",
    }
)
"""What a change is called, by the operation that made it; an undo is told by what it left."""
RESTORED: Final = "memory_restored"
DELETED: Final = "memory_deleted"
UNDO: Final = "memory.undo"
OTHER: Final = "memory_updated"


def iso(moment: datetime) -> str:
    """Return a moment as JavaScript and mcp-memory-service write it."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def memory(one: answers.Memory) -> dict[str, Any]:
    """Return a memory."""
    return {
        "content": one.content,
        "content_hash": one.content_hash,
        "tags": one.tags,
        "memory_type": one.type,
        "metadata": one.metadata,
        "created_at": one.created_at.timestamp(),
        "created_at_iso": iso(one.created_at),
        "updated_at": one.updated_at.timestamp(),
        "updated_at_iso": iso(one.updated_at),
        "id": one.id,
        "namespace": one.namespace,
        "thread": one.thread,
        "place": one.place,
        "supersedes": one.supersedes,
        "superseded_by": one.superseded_by,
        "aliases": one.aliases,
    }


def etag(one: answers.Memory) -> str:
    """Return what names the state of a memory, as HTTP writes it."""
    return f'"{one.etag}"'


def result(hit: answers.Hit) -> dict[str, Any]:
    """Return a hit of a search."""
    cosine = hit.similarity
    score = hit.score if cosine is None else max(0.0, (1 + cosine) / 2)
    said = f"Score {hit.score:.3f}" if cosine is None else f"Semantic similarity: {score:.3f}"
    parts = "" if not hit.why else f" ({', '.join(f'{name} {value:.3f}' for name, value in hit.why.items())})"
    return {
        "memory": memory(hit.memory),
        "similarity_score": score,
        "relevance_reason": f"{said}{parts}",
        "score": hit.score,
        "similarity": cosine,
        "why": hit.why,
        "before": [memory(one) for one in hit.before],
        "after": [memory(one) for one in hit.after],
    }


def listed(one: answers.Memory, reason: str) -> dict[str, Any]:
    """Return a memory as a result that was not ranked."""
    return {
        "memory": memory(one),
        "similarity_score": None,
        "relevance_reason": reason,
        "score": None,
        "similarity": None,
        "why": None,
        "before": (),
        "after": (),
    }


def event(notice: answers.Notice) -> str:
    """Return what a change is called."""
    if notice.operation == UNDO:
        return DELETED if notice.deleted else RESTORED
    return EVENTS.get(notice.operation, OTHER)


def notice(one: answers.Notice) -> dict[str, Any]:
    """Return a change without what was before."""
    return {
        "seq": one.seq,
        "id": one.id,
        "namespace": one.namespace,
        "at": iso(one.at),
        "operation": one.operation,
        "client": one.client,
        "deleted": one.deleted,
        "tags": one.tags,
        "text": one.text,
        "event": event(one),
    }


def change(one: answers.Change) -> dict[str, Any]:
    """Return a change with what was before."""
    return {
        "seq": one.seq,
        "id": one.id,
        "at": iso(one.at),
        "operation": one.operation,
        "client": one.client,
        "request": one.request,
        "did": one.did,
        "before": None if one.before is None else memory(one.before),
    }


def graph(one: answers.Graph) -> dict[str, Any]:
    """Return what is linked."""
    nodes = [
        {"id": node.id, "distance": node.distance, "memory": None if node.memory is None else memory(node.memory)}
        for node in one.nodes
    ]
    links = [
        {
            "source": link.source,
            "target": link.target,
            "relation": link.relation,
            "similarity": link.similarity,
            "types": link.types,
            "metadata": link.metadata,
            "created_at": iso(link.created_at),
        }
        for link in one.links
    ]
    return {"nodes": nodes, "links": links}
