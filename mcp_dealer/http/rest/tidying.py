"""Tidying up: the time line, what says the same twice, and former versions, with their removal, which can be undone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import Field

from mcp_dealer.http.rest import base, shapes, tidying_models, times
from mcp_dealer.http.rest.memories import Place
from mcp_dealer.http.rest.operation import KEY, Asked, Done, Operation, part
from memmux import limits
from memmux.errors import ArgumentInvalidError, NotFoundError, PreconditionFailedError
from memmux.wire.answers import Memory

GROUP: Final = "tidying"
GROUPS: Final = 100
ZONE_CHARACTERS: Final = 64


class CountDays(Place):
    """What to count."""

    by: Literal["client", "type", "tag", "namespace"] = "client"
    limit: Annotated[int, Field(ge=1, le=GROUPS)] = 10
    """How many groups at most"""
    zone: Annotated[str | None, Field(min_length=1, max_length=ZONE_CHARACTERS)] = None
    """The time zone in which days begin, such as Europe/Berlin; by default that of the database's machine"""
    after: base.Time
    before: base.Time


class ListDuplicates(Place):
    """Which groups."""

    after: Annotated[int, Field(ge=0, le=limits.SEQ)] = 0
    """The cursor: next of the page before"""
    limit: Annotated[int, Field(ge=1, le=GROUPS)] = 20
    least: Annotated[float | None, Field(ge=0, le=1)] = None
    """The cosine from which on two memories say nearly the same"""


class ListSuperseded(Place):
    """Which page."""

    limit: Annotated[int, Field(ge=1, le=limits.LIST_LIMIT)] = 20
    offset: Annotated[int, Field(ge=0, le=limits.SEQ)] = 0


async def timeline(asked: Asked) -> Done:
    """Answer with what happened on each day, counted."""
    query: CountDays = asked.query
    found = await asked.client.timeline(
        by=query.by,
        limit=query.limit,
        zone=query.zone,
        after=times.moment(query.after, query.zone),
        before=times.moment(query.before, query.zone),
        **part(query),
    )
    said: dict[str, Any] = orjson.loads(orjson.dumps(found))
    return said


async def duplicates(asked: Asked) -> Done:
    """Answer with groups of memories that say nearly the same."""
    query: ListDuplicates = asked.query
    found = await asked.client.duplicates(query.after, limit=query.limit, least=query.least, **part(query))
    groups = [
        {
            "members": [
                {"memory": shapes.memory(one.memory), "etag": shapes.etag(one.memory), "similarity": one.similarity}
                for one in group.members
            ],
            "more": group.more,
        }
        for group in found
    ]
    known = {"next": found.next, "compared": found.compared, "least": found.least, "notes": found.notes}
    return {"groups": groups, **known}


async def superseded(asked: Asked) -> Done:
    """Answer with former versions."""
    query: ListSuperseded = asked.query
    found = await asked.client.superseded(limit=query.limit, offset=query.offset, **part(query))
    rows = [
        {
            "memory": shapes.memory(one.memory),
            "etag": shapes.etag(one.memory),
            "by": None if one.by is None else shapes.memory(one.by),
            "deleted": one.deleted,
        }
        for one in found
    ]
    return {"memories": rows, "total": found.total, "notes": found.notes}


async def remove_duplicates(asked: Asked) -> Done:
    """Delete of each group all but the memory that was created first."""
    return await _clean_up(asked, _twice(asked))


async def remove_superseded(asked: Asked) -> Done:
    """Delete former versions whose newer one is there."""
    if asked.body.least is not None:
        raise ArgumentInvalidError("least is of duplicates; leave it out, or ask for those")
    return await _clean_up(asked, _former(asked))


async def _twice(asked: Asked) -> AsyncIterator[Memory]:
    body: tidying_models.CleanUp = asked.body
    after: int | None = 0
    while after is not None:
        page = await asked.client.duplicates(after, limit=GROUPS, least=body.least, **part(body))
        for group in page:
            for one in group.members[1:]:
                yield one.memory
        after = page.next


async def _former(asked: Asked) -> AsyncIterator[Memory]:
    body: tidying_models.CleanUp = asked.body
    page = await asked.client.superseded(limit=limits.LIST_LIMIT, **part(body))
    for one in page:
        if one.by is not None and not one.deleted:
            yield one.memory


async def _clean_up(asked: Asked, found: AsyncIterator[Memory]) -> Done:
    """Delete what was found, each as it was when it was looked at; what was changed since stays."""
    body: tidying_models.CleanUp = asked.body
    again = asked.key() is not None and not body.dry_run
    if again and body.states is None:
        raise ArgumentInvalidError(
            f"with {KEY}, give states, as a dry run answers them: others may be found when the request is sent again"
        )
    there = {one.id: one async for one in _bounded(found, body)}
    meant = await _meant(asked, there, again=again)
    ids, seqs = list[str](), list[int]()
    for known, state in meant.items():
        if body.dry_run:
            ids.append(known)
            continue
        # What is sent again is the same request, also of a memory that is gone by now.
        namespace = there[known].namespace if known in there and not again else None
        delete = partial(asked.client.delete, known, namespace=namespace, key=asked.key(known))
        with suppress(NotFoundError, PreconditionFailedError):  # somebody else was quicker
            seqs.append((await delete(if_match=state.strip('"'))).seq)
            ids.append(known)
    left = [known for known in body.states or () if known not in ids]
    looked = meant if body.dry_run else {}
    return {"ids": ids, "count": len(ids), "dry_run": body.dry_run, "states": looked, "left": left, "seqs": seqs}


async def _bounded(found: AsyncIterator[Memory], body: tidying_models.CleanUp) -> AsyncIterator[Memory]:
    """Yield what was found and is meant, no more than that."""
    left = body.limit if body.states is None else len(body.states)
    async for one in found:
        if not left:
            return
        if body.states is None or one.id in body.states:
            left -= 1
            yield one


async def _meant(asked: Asked, there: Mapping[str, Memory], *, again: bool) -> dict[str, str]:
    """Return the ids that are meant, each with the state of its memory.

    there: the memories that are. again: whether the request may be sent again; then those are meant, too, that it may
    have deleted before.
    """
    body: tidying_models.CleanUp = asked.body
    if body.states is None:
        return {known: shapes.etag(one) for known, one in there.items()}
    return {
        known: state
        for known, state in body.states.items()
        if known in there or (again and await _is_gone(asked, known))
    }


async def _is_gone(asked: Asked, memory_id: str) -> bool:
    try:
        await asked.client.get(memory_id, namespace=None)
    except NotFoundError:
        return True
    return False


_ONCE: Final = f"With {KEY} it takes the memories that are named as states, and no others."
OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/timeline",
        name="timeline",
        group=GROUP,
        summary="What was stored, changed and deleted on each day, counted",
        does=timeline,
        query=CountDays,
        gives=tidying_models.Timeline,
        fails=(400,),
    ),
    Operation(
        method="GET",
        path="/api/duplicates",
        name="duplicates",
        group=GROUP,
        summary="Groups of memories that say nearly the same",
        does=duplicates,
        query=ListDuplicates,
        gives=tidying_models.Duplicates,
    ),
    Operation(
        method="POST",
        path="/api/duplicates",
        name="remove_duplicates",
        group=GROUP,
        summary="Delete of each group all but the memory that was created first; or say which they are",
        description=_ONCE,
        does=remove_duplicates,
        takes=tidying_models.CleanUp,
        gives=tidying_models.CleanedUp,
        writes=True,
    ),
    Operation(
        method="GET",
        path="/api/superseded",
        name="superseded",
        group=GROUP,
        summary="Former versions of memories, newest first",
        does=superseded,
        query=ListSuperseded,
        gives=tidying_models.Superseded,
    ),
    Operation(
        method="POST",
        path="/api/superseded",
        name="remove_superseded",
        group=GROUP,
        summary="Delete former versions; or say which they are",
        description=_ONCE,
        does=remove_superseded,
        takes=tidying_models.CleanUp,
        gives=tidying_models.CleanedUp,
        writes=True,
    ),
)
