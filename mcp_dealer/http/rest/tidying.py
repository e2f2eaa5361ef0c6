"""Tidying up: what happened on each day, what says the same twice, and what a newer version took the place of."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from mcp_dealer.http.rest import models, shapes, times
from mcp_dealer.http.rest.memories import Place
from mcp_dealer.http.rest.models import Answer, Memory
from mcp_dealer.http.rest.operation import Asked, Done, Operation, part
from memmux import limits
from memmux.wire import answers
from memmux.wire.requests import Grouping

GROUP: Final = "tidying"


class OfDays(Place):
    """Which counts, and what they are put under."""

    by: Grouping = Grouping.CLIENT
    limit: Annotated[int, Field(ge=1, le=limits.TIMELINE_GROUPS)] = 10
    """How many groups at most; the rest is one sum"""
    after: models.Time
    before: models.Time
    time_zone: Annotated[str | None, Field(max_length=64)] = None
    """Where days begin and end, and times in words are meant"""


class OfDuplicates(Place):
    """Which groups."""

    after: Annotated[int, Field(ge=0, le=limits.SEQ)] = 0
    """The cursor, next of the page before"""
    limit: Annotated[int, Field(ge=1, le=limits.DUPLICATES)] = 20
    least: Annotated[float | None, Field(ge=0, le=1)] = None
    """The cosine from which on two memories say nearly the same"""


class OfSuperseded(Place):
    """Which page."""

    limit: Annotated[int, Field(ge=1, le=models.MOST_PAGE)] = 20
    offset: Annotated[int, Field(ge=0, le=1 << 53)] = 0


class Counts(Answer):
    """The counts of one group, one for each of the days."""

    name: str | None
    """Null for memories without, and for the sum of all other groups"""
    stored: list[int]
    changed: list[int]
    deleted: list[int]


class Timeline(Answer):
    """What happened on each day."""

    days: list[str]
    """Those on which something happened, oldest first"""
    groups: list[Counts]
    other: Counts | None
    others: int
    earlier: int
    """How many counts are of days before these"""
    zone: str
    notes: list[str]


class Alike(Answer):
    """A memory of a group, and its cosine with the group's first one."""

    memory: Memory
    similarity: float | None


class Group(Answer):
    """Memories of which each says nearly the same as another one of them, the oldest first."""

    members: list[Alike]
    more: bool


class Duplicates(Answer):
    """A page of groups."""

    groups: list[Group]
    next: int | None
    compared: int
    least: float
    notes: list[str]


class Replaced(Answer):
    """A memory, and the newer version that took its place; null where that was purged."""

    memory: Memory
    by: Memory | None
    deleted: bool


class Superseded(Answer):
    """A page of memories that a newer version took the place of, newest first."""

    memories: list[Replaced]
    total: int
    notes: list[str]


async def timeline(asked: Asked) -> Done:
    """Answer with the counts of each day."""
    query: OfDays = asked.query
    zone = query.time_zone
    found = await asked.client.timeline(
        by=query.by,
        limit=query.limit,
        zone=zone,
        after=times.moment(query.after, zone),
        before=times.moment(query.before, zone),
        **part(query),
    )
    said = {name: getattr(found, name) for name in ("days", "others", "earlier", "zone", "notes")}
    return {**said, "groups": list(map(_counts, found.groups)), "other": found.other and _counts(found.other)}


async def duplicates(asked: Asked) -> Done:
    """Answer with groups that say nearly the same."""
    query: OfDuplicates = asked.query
    found = await asked.client.duplicates(query.after, limit=query.limit, least=query.least, **part(query))
    groups = [
        {
            "members": [{"memory": shapes.memory(one.memory), "similarity": one.similarity} for one in group.members],
            "more": group.more,
        }
        for group in found.groups
    ]
    said = {name: getattr(found, name) for name in ("next", "compared", "least", "notes")}
    return {**said, "groups": groups}


async def superseded(asked: Asked) -> Done:
    """Answer with memories that are out of date."""
    query: OfSuperseded = asked.query
    found = await asked.client.superseded(limit=query.limit, offset=query.offset, **part(query))
    memories = [
        {"memory": shapes.memory(one.memory), "by": one.by and shapes.memory(one.by), "deleted": one.deleted}
        for one in found.memories
    ]
    return {"memories": memories, "total": found.total, "notes": found.notes}


def _counts(one: answers.DayCounts) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("name", "stored", "changed", "deleted")}


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/timeline",
        name="timeline",
        group=GROUP,
        summary="What was stored, changed and deleted on each day",
        does=timeline,
        query=OfDays,
        gives=Timeline,
    ),
    Operation(
        method="GET",
        path="/api/duplicates",
        name="duplicates",
        group=GROUP,
        summary="Groups of memories that say nearly the same",
        description="Ask again with `next` as `after` until that is null; a page may have no group.",
        does=duplicates,
        query=OfDuplicates,
        gives=Duplicates,
    ),
    Operation(
        method="GET",
        path="/api/superseded",
        name="superseded",
        group=GROUP,
        summary="Memories that a newer version took the place of",
        does=superseded,
        query=OfSuperseded,
        gives=Superseded,
    ),
)
