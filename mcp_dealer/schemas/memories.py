"""The answers that are memories: one, or a page of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import Answer, Count, Text, Texts, codes, epoch, iso, shown_hash
from mcp_dealer.schemas.bounds import (
    DETAIL_CHARACTERS,
    MEMORY_CHARACTERS,
    Listing,
    Rest,
    cut,
    detailed,
    size,
)
from memmux.wire import answers
from memmux.wire.requests import DEFAULT_NAMESPACE

MINUTE = len("2026-11-23T14:30")  # of a time, as a model reads it


class SearchAnswer(Answer):
    """One memory; times are ISO 8601, UTC; `updated_at` is there when it was ever updated.

    content_hash: see `shown_hash`. namespace: where it is, if that is not the default one. left_out: what there is no
    room for, beside what the content says of itself. thread, place: where it stands, if its metadata do not say so.
    """

    brief: ClassVar[bool] = False
    """Whether the text says no more than what a model can use."""

    id: str
    content_hash: Text = None
    namespace: Text = None
    content: str
    tags: Texts = None
    type: Text = None
    metadata: Annotated[dict[str, Any] | None, SkipJsonSchema()] = None
    created_at: str
    updated_at: Text = None
    supersedes: Text = None
    superseded_by: Text = None
    thread: Text = None
    place: Annotated[int | None, SkipJsonSchema()] = None
    left_out: Texts = None

    @classmethod
    def of(cls, memory: answers.Memory) -> Self:
        """Return the memory as the tools show it."""
        return cls(**shown(memory), degraded=codes(memory.degraded))

    @property
    def length(self) -> int:
        """How many characters the content has."""
        return len(self.content)

    def short(self, most: int = MEMORY_CHARACTERS) -> Self:
        """Return the memory with no more than `most` characters of its content, and without long details."""
        details = detailed(self.metadata, self.tags, DETAIL_CHARACTERS)
        return self.model_copy(update={"content": cut(self.content, most, self.id), **details})

    def lines(self) -> Iterable[str]:
        """Return a line that names the memory, then its content."""
        tags = " ".join(f"#{tag}" for tag in self.tags or ())
        newer = self.superseded_by and f"superseded by {self.superseded_by}"
        digest = None if self.brief else self.content_hash and f"hash {self.content_hash}"
        created = f"{self.created_at[:MINUTE]}Z" if self.brief else self.created_at
        place = self.namespace and f"in {self.namespace}"
        lacks = f"left out: {', '.join(self.left_out)}" if self.left_out else None
        yield " · ".join(filter(None, [self.id, created, self.type, tags, place, newer, digest, lacks]))
        yield self.content


class Read(SearchAnswer):
    """One memory by itself, or a page of it.

    offset: where the page begins in the content, in characters, as total_chars. next_offset: where the next one does.
    """

    offset: Count = None
    total_chars: Count = None
    next_offset: Count = None

    @classmethod
    def page(cls, memory: answers.Memory, offset: int, length: int) -> Self:
        """Return `length` characters of the memory from `offset` on."""
        whole, total = cls.of(memory), len(memory.content)
        shown = memory.content[offset : offset + length]
        if len(shown) == total:
            return whole
        following = offset + len(shown)
        place = {"offset": offset, "total_chars": total, "next_offset": following if following < total else None}
        return whole.model_copy(update={"content": shown, **place})

    def within(self, most: int, rest: Rest) -> Self:
        """Return the page, shorter if need be, so that the answer has `most` characters."""
        del rest
        details = detailed(self.metadata, self.tags, max(DETAIL_CHARACTERS, most // 4))
        changed = any(getattr(self, name) != value for name, value in details.items())
        answer, room = self.model_copy(update=details) if changed else self, len(self.content)
        offset, total = self.offset or 0, self.total_chars or len(self.content)
        while room > 1 and (length := size(answer)) > most:
            room = max(1, min(room - 1, room * most // length))
            following = {"offset": offset, "total_chars": total, "next_offset": offset + room}
            answer = answer.model_copy(update={"content": self.content[:room], **following})
        return answer

    def used(self) -> Iterable[str]:
        """Return its id."""
        return (self.id,)

    def lines(self) -> Iterable[str]:
        """Return the memory, and how to go on."""
        yield from super().lines()
        if self.total_chars is not None:
            begin = self.offset or 0
            more = "" if self.next_offset is None else f"; continue with offset {self.next_offset}"
            yield f"characters {begin} to {begin + len(self.content)} of {self.total_chars}{more}"


class Listed(Listing):
    """A page of a list, newest first, and how many there are in all; limit, offset: what was asked for.

    next_offset: where the next page begins, if there is one. Its text is the JSON that mcp-memory-service writes.
    """

    parts: ClassVar[str] = "memories"

    total: int
    memories: Sequence[SearchAnswer]
    limit: Annotated[int, Field(exclude=True), SkipJsonSchema()] = 1
    offset: Annotated[int, Field(exclude=True), SkipJsonSchema()] = 0

    @classmethod
    def of(cls, page: answers.Page, *, limit: int, offset: int) -> Self:
        """Return the answer for a page of a list."""
        memories = [SearchAnswer.of(memory) for memory in page.memories]
        notes, degraded = codes(page.notes), codes(page.degraded)
        return cls(total=page.total, memories=memories, limit=limit, offset=offset, notes=notes, degraded=degraded)

    @property
    def next_offset(self) -> int | None:
        """Where the memories begin that follow those of the answer; None after the last one."""
        following = self.offset + len(self.memories)
        return following if self.memories and following < self.total else None

    def structured(self) -> dict[str, Any]:
        """Return the page, and where the next one begins."""
        following = {} if self.next_offset is None else {"next_offset": self.next_offset}
        return super().structured() | following

    def script(self) -> dict[str, Any] | None:
        """Return the memories, and the page that they are."""
        return {
            "memories": [scripted(memory) for memory in self.memories],
            "page": self.offset // self.limit + 1,
            "page_size": self.limit,
            "total": self.total,
            "total_pages": -(-self.total // self.limit),
            "has_more": self.offset + len(self.memories) < self.total,
        }


def listed(counted: str, memories: Sequence[SearchAnswer]) -> Iterable[str]:
    """Return how many there are, then each."""
    yield counted
    for memory in memories:
        yield ""
        yield from memory.lines()


def scripted(memory: SearchAnswer) -> dict[str, Any]:
    """Return a memory with the names and times that mcp-memory-service has for its parts."""
    updated_at = memory.updated_at or memory.created_at
    left_out = {"left_out": memory.left_out} if memory.left_out else {}
    return {
        "content": memory.content,
        "content_hash": memory.content_hash,
        "tags": memory.tags or [],
        "memory_type": memory.type,
        "metadata": memory.metadata or {},
        "created_at": epoch(memory.created_at),
        "updated_at": epoch(updated_at),
        "created_at_iso": memory.created_at,
        "updated_at_iso": updated_at,
        "id": memory.id,
        **left_out,
    }


def shown(memory: answers.Memory) -> dict[str, Any]:
    """Return the fields of a memory as the tools show it."""
    told = memory.thread is None or memory.thread in map(str, memory.metadata.values())
    return {
        "id": memory.id,
        "content_hash": shown_hash(memory),
        "namespace": None if memory.namespace == DEFAULT_NAMESPACE else memory.namespace,
        "content": memory.content,
        "tags": list(memory.tags) or None,
        "type": memory.type,
        "metadata": dict(memory.metadata) or None,
        "created_at": iso(memory.created_at),
        "updated_at": iso(memory.updated_at) if memory.updated_at != memory.created_at else None,
        "supersedes": memory.supersedes,
        "superseded_by": memory.superseded_by,
        "thread": None if told else memory.thread,
        "place": None if told else memory.place,
    }
