"""Memories: list and keep them; read, change and delete one by its id, its content hash or an alias."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field

from mcp_dealer.http.rest import base, if_match, models, shapes, times
from mcp_dealer.http.rest.operation import Asked, Done, Operation, Parameters, answer, part
from mcp_dealer.tools.anywhere import EVERYWHERE, anywhere
from memmux import limits
from memmux.client.asynchronous import AsyncClient
from memmux.errors import NotFoundError, PreconditionFailedError
from memmux.wire import answers

T = TypeVar("T")
GROUP: Final = "memories"
AGENT: Final = "X-Agent-ID"
HOSTNAME: Final = "X-Client-Hostname"
_OFFSETS: Final = 1 << 53


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
    """One tag, or the parameter several times; one value with commas that is no tag means several tags"""
    tags: Annotated[list[str] | None, Field(max_length=limits.TAGS)] = None
    """Tags, with commas between them, as guides of mcp-memory-service have it"""
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
        tags=await _tags(asked.client, query),
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


async def _tags(client: AsyncClient, query: ListMemories) -> list[str]:
    """Return the tags that are meant: one value with commas may be a tag, which mcp-memory-service has none of."""
    named = query.tag or []
    if len(named) == 1 and "," in named[0]:
        known = len(named[0]) <= limits.TAG_CHARACTERS and await client.list(
            limit=1, tags=named, deleted=query.deleted, as_of=query.as_of, **part(query)
        )
        named = named if known else named[0].split(",")
    return [tag for tag in map(str.strip, (*named, *",".join(query.tags or ()).split(","))) if tag]


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
    message = "Memory was there already" if stored.status == "duplicate" else "Memory stored successfully"
    done = _kept(stored, await _then(asked, stored), stored.seq, message, stored.status)
    return {**done, "similar": [{"id": one.id, "score": one.score} for one in stored.similar]}


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
    expected = await if_match.expected(asked, partial(_get, asked))
    given = (body.content, body.tags, body.memory_type, body.metadata)
    if all(one is None for one in given):
        before = await _get(asked)
        if expected not in (None, before.etag):
            raise PreconditionFailedError(if_match.CHANGED)
        return _kept(before, before, None, "No updates provided - memory unchanged", "unchanged")
    update = partial(
        asked.client.update,
        asked.id,
        content=body.content,
        tags=body.tags,
        type=body.memory_type,
        metadata=body.metadata,
        versioned=body.versioned,
        if_match=expected,
    )
    updated = await anywhere(partial(_keyed, asked, update), part(asked.query))
    after = await _then(asked, updated)
    done = _kept(updated, after, updated.seq, "Memory updated successfully", "updated")
    return answer(done, None if after is None else {"ETag": shapes.etag(after)})


async def delete_memory(asked: Asked) -> Done:
    """Delete a memory, if it is as the caller knows it; undo brings it back."""
    delete = partial(asked.client.delete, asked.id, if_match=await if_match.expected(asked, partial(_get, asked)))
    deleted = await anywhere(partial(_keyed, asked, delete), part(asked.query))
    return {
        "success": True,
        "message": "Memory deleted",
        "content_hash": deleted.content_hash,
        "id": deleted.id,
        "seq": deleted.seq,
    }


async def _keyed(asked: Asked, write: Callable[..., Awaitable[T]], **place: Any) -> T:
    """Write with the caller's key; to look for the memory everywhere is another request of the cluster."""
    return await write(key=asked.key("everywhere" if place == EVERYWHERE else 0), **place)


async def _then(asked: Asked, done: answers.Stored | answers.Updated) -> answers.Memory | None:
    """Return a memory as a write left it, whatever came after, as when that is sent again; None if it was purged."""
    try:
        return await asked.client.get(done.id, namespace=None, as_of=done.seq)
    except NotFoundError:
        return None


async def _get(asked: Asked) -> answers.Memory:
    return await anywhere(partial(asked.client.get, asked.id), part(asked.query))


def _kept(
    done: answers.Stored | answers.Updated | answers.Memory,
    memory: answers.Memory | None,
    seq: int | None,
    message: str,
    status: str,
) -> dict[str, Any]:
    return {
        "success": True,
        "message": message,
        "content_hash": done.content_hash,
        "memory": None if memory is None else shapes.memory(memory),
        "id": done.id,
        "seq": seq,
        "status": status,
        "similar": (),
        "degraded": done.degraded,
    }


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
        headers=if_match.HEADERS,
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
        headers=if_match.HEADERS,
    ),
)
