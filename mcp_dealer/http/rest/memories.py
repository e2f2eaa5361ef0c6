"""Memories: list and keep them; read, change and delete one by its id, its content hash or an alias."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from mcp_dealer.http.rest import base, models, shapes, times
from mcp_dealer.http.rest.operation import Asked, Done, Operation, Parameters, answer, part
from mcp_dealer.tools.anywhere import anywhere
from memmux import limits
from memmux.errors import ArgumentInvalidError, PreconditionFailedError
from memmux.wire import answers

GROUP: Final = "memories"
AGENT: Final = "X-Agent-ID"
HOSTNAME: Final = "X-Client-Hostname"
IF_MATCH: Final = "If-Match"
_OFFSETS: Final = 1 << 53
_NOT_HEEDED: Final = ("If-None-Match", "If-Modified-Since", "If-Unmodified-Since")  # preconditions of a change


class Place(Parameters):
    """Where a memory is."""

    namespace: base.Namespace
    store: base.Store


class ReadMemory(Place):
    """Which memory, and when."""

    as_of: Annotated[int | None, Field(ge=0, le=limits.SEQ)] = None
    """The memory as it was after this change, deleted since or not"""


class ListMemories(Place):
    """Which memories, and which page of them."""

    page: Annotated[int, Field(ge=1, le=_OFFSETS)] = 1
    page_size: Annotated[int, Field(ge=1, le=models.MOST_PAGE)] = models.PAGE_SIZE
    offset: Annotated[int | None, Field(ge=0, le=_OFFSETS)] = None
    """How many of the newest to leave out; in place of page"""
    tag: Annotated[list[str] | None, Field(max_length=limits.TAGS)] = None
    """One tag, several with commas, or the parameter several times"""
    tags: Annotated[list[str] | None, Field(max_length=limits.TAGS)] = None
    """The same, as guides of mcp-memory-service have it"""
    tag_match: Literal["any", "all"] = "any"
    memory_type: Annotated[str | None, Field(max_length=limits.TYPE_CHARACTERS)] = None
    after: base.Time
    before: base.Time
    time_expr: Annotated[str | None, Field(max_length=limits.EXPRESSION_CHARACTERS)] = None
    """A time in words, such as last week, in place of both"""
    as_of: Annotated[int | None, Field(ge=0, le=limits.SEQ)] = None
    """Memories as they were after this change, deleted since or not"""
    client: Annotated[str | None, Field(max_length=limits.TYPE_CHARACTERS)] = None
    """Only what a client stored whose name begins so"""
    include_superseded: bool = True
    deleted: bool = False
    """Whether to list deleted memories instead"""
    time_zone: base.Zone

    @property
    def tagged(self) -> list[str]:
        """The tags, each by itself."""
        given = ",".join((*(self.tag or ()), *(self.tags or ())))
        return [tag.strip() for tag in given.split(",") if tag.strip()]


async def list_memories(asked: Asked) -> Done:
    """Answer with a page; the cluster reads that page alone."""
    query: ListMemories = asked.query
    size = query.page_size
    offset = (query.page - 1) * size if query.offset is None else query.offset
    after, before = times.moment(query.after, query.time_zone), times.moment(query.before, query.time_zone)
    if query.time_expr:
        after, before = times.bounds(query.time_expr, query.time_zone)
    page = await asked.client.list(
        limit=size,
        offset=min(offset, _OFFSETS),
        tags=query.tagged,
        any_tag=query.tag_match == "any",
        type=query.memory_type or None,
        after=after,
        before=before,
        include_superseded=query.include_superseded,
        deleted=query.deleted,
        client=query.client or None,
        as_of=query.as_of,
        **part(query),
    )
    return {
        "memories": [shapes.memory(one) for one in page],
        "total": page.total,
        "page": query.page if query.offset is None else offset // size + 1,
        "page_size": size,
        "has_more": offset + len(page) < page.total,
        "offset": offset,
        "notes": page.notes,
        "deletions": [{"seq": one.seq, "at": shapes.iso(one.at), "client": one.client} for one in page.deletions],
        "degraded": page.degraded,
    }


async def store_memory(asked: Asked) -> Done:
    """Keep a memory, and answer with it."""
    body: models.StoreMemory = asked.body
    headers = asked.request.headers
    named = {"agent": headers.get(AGENT), "source": body.client_hostname or headers.get(HOSTNAME)}
    more = [f"{kind}:{name}" for kind, name in named.items() if name]
    stored = await asked.client.store(
        body.content,
        tags=[*body.tags, *(tag for tag in more if tag not in body.tags)],
        type=body.memory_type or None,
        metadata=body.metadata,
        thread=body.thread or body.conversation_id or None,
        place=body.place,
        created_at=body.created_at,
        similar=body.similar,
        key=asked.key(),
        **_one(part(body)),
    )
    known = stored.status == "duplicate"
    return {
        "success": True,
        "message": "Memory was there already" if known else "Memory stored successfully",
        "content_hash": stored.content_hash,
        "memory": shapes.memory(await asked.client.get(stored.id, namespace=None)),
        "id": stored.id,
        "seq": stored.seq,
        "status": stored.status,
        "similar": [{"id": one.id, "score": one.score} for one in stored.similar],
        "degraded": stored.degraded,
    }


def _one(said: dict[str, Any]) -> dict[str, Any]:
    """Return where to keep a memory, which is one place: of all, the client's own is meant."""
    return {} if said.get("namespace", "") is None else said


async def get_memory(asked: Asked) -> Done:
    """Answer with one memory."""
    query: ReadMemory = asked.query
    found = await anywhere(partial(asked.client.get, asked.id, as_of=query.as_of), part(query))
    return answer(shapes.memory(found), {"ETag": shapes.etag(found)})


async def update_memory(asked: Asked) -> Done:
    """Change a memory, if it is as the caller knows it."""
    body: models.UpdateMemory = asked.body
    before = await _get(asked)
    expected = await _expected(asked)
    given = (body.content, body.tags, body.memory_type, body.metadata)
    if all(one is None for one in given):
        if expected not in (None, before.etag):
            raise PreconditionFailedError(_CHANGED)
        return _kept(before, None, "No updates provided - memory unchanged", "unchanged")
    updated = await asked.client.update(
        before.id,
        content=body.content,
        tags=body.tags,
        type=body.memory_type,
        metadata=body.metadata,
        versioned=body.versioned,
        namespace=before.namespace,
        if_match=expected,
        key=asked.key(),
    )
    after = await asked.client.get(updated.id, namespace=before.namespace, as_of=updated.seq)
    done = _kept(after, updated.seq, "Memory updated successfully", "updated")
    return answer({**done, "degraded": updated.degraded}, {"ETag": shapes.etag(after)})


async def delete_memory(asked: Asked) -> Done:
    """Delete a memory, if it is as the caller knows it; undo brings it back."""
    delete = partial(asked.client.delete, asked.id, if_match=await _expected(asked), key=asked.key())
    deleted = await anywhere(delete, part(asked.query))
    return {
        "success": True,
        "message": "Memory deleted",
        "content_hash": deleted.content_hash,
        "id": deleted.id,
        "seq": deleted.seq,
    }


async def _get(asked: Asked) -> answers.Memory:
    return await anywhere(partial(asked.client.get, asked.id), part(asked.query))


async def _expected(asked: Asked) -> str | None:
    """Return the etag of the only state that the caller means, if it says so.

    Of several it is the one that the memory is in. Raises PreconditionFailedError if no memory can be in any of them,
    and ArgumentInvalidError for another precondition.
    """
    for name in _NOT_HEEDED:
        if name in asked.request.headers:
            raise ArgumentInvalidError(f"{name} is not heeded here; say in If-Match which state you mean")
    given = asked.request.headers.getlist(IF_MATCH)
    if not given or "*" in [each.strip() for each in given]:
        return None
    known = _ETAG.findall(",".join(given))
    if len(known) > 1:
        known = [etag for etag in known if etag == (await _get(asked)).etag]
    if not known:
        raise PreconditionFailedError(_CHANGED)
    return str(known[0])


def _kept(one: answers.Memory, seq: int | None, message: str, status: str) -> dict[str, Any]:
    return {
        "success": True,
        "message": message,
        "content_hash": one.content_hash,
        "memory": shapes.memory(one),
        "id": one.id,
        "seq": seq,
        "status": status,
        "similar": (),
        "degraded": one.degraded,
    }


_CHANGED: Final = "the memory is not in the state that If-Match names; it was changed: read it again"
_ETAG: Final = re.compile(r'(?:^|[\s,])(?:W/)?"([0-9a-f]{32})"(?=$|[\s,])')
_IF_MATCH: Final = {IF_MATCH: "Only where the memory is as this ETag says"}
_MORE: Final = {AGENT: "Becomes the tag agent:NAME", HOSTNAME: "Becomes the tag source:NAME"}
_PATH: Final = "/api/memories/{id}"
OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/memories",
        name="list_memories",
        group=GROUP,
        summary="List memories, newest first",
        does=list_memories,
        query=ListMemories,
        gives=models.Memories,
        fails=(400,),
    ),
    Operation(
        method="POST",
        path="/api/memories",
        name="store_memory",
        group=GROUP,
        summary="Keep a memory",
        description="A content that is there already is not kept twice: its memory takes up what it lacks.",
        does=store_memory,
        takes=models.StoreMemory,
        gives=models.Kept,
        fails=(409, 413),
        writes=True,
        headers=_MORE,
    ),
    Operation(
        method="GET",
        path=_PATH,
        name="get_memory",
        group=GROUP,
        summary="Read a memory, by its id, its content hash or an alias",
        does=get_memory,
        query=ReadMemory,
        gives=models.Memory,
        fails=(404,),
    ),
    Operation(
        method="PUT",
        path=_PATH,
        name="update_memory",
        group=GROUP,
        summary="Change a memory",
        does=update_memory,
        query=Place,
        takes=models.UpdateMemory,
        gives=models.Kept,
        fails=(404, 409, 412, 413),
        writes=True,
        headers=_IF_MATCH,
    ),
    Operation(
        method="DELETE",
        path=_PATH,
        name="delete_memory",
        group=GROUP,
        summary="Delete a memory",
        does=delete_memory,
        query=Place,
        gives=models.Deleted,
        fails=(404, 409, 412),
        writes=True,
        headers=_IF_MATCH,
    ),
)
