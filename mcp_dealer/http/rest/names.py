"""Names: the tags and the namespaces, and how many memories each has."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from mcp_dealer.http.rest import answers
from mcp_dealer.http.rest.memories import Place
from mcp_dealer.http.rest.operation import Asked, Done, Operation, Parameters, part
from memmux import limits

GROUP: Final = "names"
Limit = Annotated[int, Field(ge=1, le=limits.NAMES, description="How many at most")]


class ListTags(Place):
    """Which tags."""

    limit: Limit = limits.NAMES


class ListNamespaces(Parameters):
    """How many."""

    limit: Limit = limits.NAMES


async def list_tags(asked: Asked) -> Done:
    """Answer with the tags."""
    query: ListTags = asked.query
    tags = await asked.client.tags(limit=query.limit, **part(query))
    counts = [{"tag": one.name, "count": one.memories} for one in tags]
    return {"tags": counts, "total": tags.total, "notes": tags.notes}


async def list_namespaces(asked: Asked) -> Done:
    """Answer with the namespaces that the caller may know."""
    query: ListNamespaces = asked.query
    found = await asked.client.namespaces(limit=query.limit)
    counts = [{"name": one.name, "memories": one.memories} for one in found]
    return {"namespaces": counts, "total": found.total}


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/tags",
        name="list_tags",
        group=GROUP,
        summary="Count the memories by tag",
        does=list_tags,
        query=ListTags,
        gives=answers.TagCounts,
    ),
    Operation(
        method="GET",
        path="/api/namespaces",
        name="list_namespaces",
        group=GROUP,
        summary="Count the memories by namespace",
        does=list_namespaces,
        query=ListNamespaces,
        gives=answers.NamespaceCounts,
    ),
)
