"""A memory, and the answers that are memories: the hits of a search, a page of a list, what is linked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from memmux.wire.answers.base import Answer, Several
from memmux.wire.requests import DEFAULT_NAMESPACE, Mode

_SIDES = ("before", "after")  # of a hit
_STATE = (
    "id",
    "namespace",
    "content",
    "type",
    "tags",
    "metadata",
    "created_at",
    "updated_at",
    "supersedes",
    "superseded_by",
    "aliases",
    "thread",
    "place",
)
_ETAG_CHARACTERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Answer):
    """One memory.

    id: a UUID, of version 7 unless it was given.
    content: its text.
    content_hash: the SHA-256 of the content without the blanks around it, in hex.
    namespace: where it is.
    type: what kind it is; None if that was not said.
    tags: as they were spelled, in the order given.
    metadata: more about it.
    created_at: aware, UTC.
    updated_at: aware, UTC.
    supersedes: the id of the memory whose place it took; None if there is none.
    superseded_by: the id of the newer version that took its place; None if there is none.
    aliases: other names by which it is found, beside its id and content hash.
    thread: what it belongs to, such as a conversation; None if neither it nor the metadata said so.
    place: where it stands there; None where the time decides.
    """

    id: str
    content: str
    content_hash: str
    namespace: str = DEFAULT_NAMESPACE
    type: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    supersedes: str | None = None
    superseded_by: str | None = None
    aliases: tuple[str, ...] = ()
    thread: str | None = None
    place: int | None = None

    @property
    def etag(self) -> str:
        """What names the state that the memory is in, for `if_match` of a write; PROTOCOL.md has what it is made of."""
        state = orjson.dumps([getattr(self, name) for name in _STATE], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(state).hexdigest()[:_ETAG_CHARACTERS]

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Memory:
        """Return the memory that the JSON object describes."""
        return cls(
            **{
                **fields,
                "tags": tuple(fields["tags"]),
                "aliases": tuple(fields.get("aliases", ())),
                "created_at": datetime.fromisoformat(fields["created_at"]),
                "updated_at": datetime.fromisoformat(fields["updated_at"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One memory that a search found.

    score: higher is better; from -1 to 1 by `semantic`, a cosine, and from 0 to 1 by the other modes, but
        for what cues of the query add.
    memory: what was found.
    similarity: the cosine of query and memory, from -1 to 1, which tells of two searches the nearer hit; None for a
        memory without a vector, and where the search was by words only.
    why: the parts of the score by their names, which add up to it, without those that are 0; None where that was not
        asked for.
    before: the memories before it in its thread, in the order of the thread, as many as were asked for.
    after: those after it.
    """

    score: float
    memory: Memory
    similarity: float | None = None
    why: Mapping[str, float] | None = None
    before: tuple[Memory, ...] = ()
    after: tuple[Memory, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the hit as an answer has it: `why`, `before` and `after` only where they were asked for."""
        said: dict[str, object] = {} if self.why is None else {"why": self.why}
        said |= {name: memories for name in _SIDES if (memories := getattr(self, name))}
        return {"score": self.score, "similarity": self.similarity, **said, "memory": self.memory}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Hit:
        """Return the hit that the JSON object describes."""
        memory = Memory.from_json(fields["memory"])
        before, after = (tuple(map(Memory.from_json, fields.get(name, ()))) for name in _SIDES)
        similarity, why = fields.get("similarity"), fields.get("why")
        return cls(score=fields["score"], memory=memory, similarity=similarity, why=why, before=before, after=after)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult(Several[Hit]):
    """The hits of a search; iterate it, index it, or take `hits`.

    mode: how they were ranked in the end.
    hits: best first.
    notes: sentences on what was asked for, such as that there is no such namespace, and which there are.
    short: the shortest beginning that names each memory, by its id, if that was asked for.
    """

    mode: Mode
    hits: tuple[Hit, ...] = ()
    notes: tuple[str, ...] = ()
    short: Mapping[str, str] = field(default_factory=dict)

    def _items(self) -> tuple[Hit, ...]:
        return self.hits

    def to_json(self) -> dict[str, object]:
        """Return the result as an answer has it."""
        said = {"mode": self.mode, "hits": [hit.to_json() for hit in self.hits], "notes": self.notes}
        return {**said, **_asked_for(self.short)}

    @classmethod
    def from_body(cls, body: bytes) -> SearchResult:
        """Return the result in `body`."""
        fields = orjson.loads(body)
        hits = tuple(map(Hit.from_json, fields["hits"]))
        notes, short = tuple(fields.get("notes", ())), fields.get("short", {})
        return cls(mode=Mode(fields["mode"]), hits=hits, notes=notes, short=short)


def _asked_for(short: Mapping[str, str]) -> dict[str, object]:
    return {"short": short} if short else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """How a memory was deleted.

    seq: the change that `undo` takes to bring it back; 0 if none does, as it was deleted before it came here.
    at: when, aware, UTC.
    client: who asked.
    """

    seq: int
    at: datetime
    client: str

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Deletion:
        """Return what the JSON object describes."""
        return cls(**{**fields, "at": datetime.fromisoformat(fields["at"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Several[Memory]):
    """Memories of a list; iterate it, index it, or take `memories`.

    memories: newest first.
    total: how many the filter lets through in all.
    notes: sentences on what was asked for, as of a `SearchResult`.
    deletions: of deleted memories, how each was deleted, in their order; otherwise empty.
    short: as of a `SearchResult`.
    """

    memories: tuple[Memory, ...]
    total: int
    notes: tuple[str, ...] = ()
    deletions: tuple[Deletion, ...] = ()
    short: Mapping[str, str] = field(default_factory=dict)

    def _items(self) -> tuple[Memory, ...]:
        return self.memories

    def to_json(self) -> dict[str, object]:
        """Return the page as an answer has it."""
        said = {name: getattr(self, name) for name in ("memories", "total", "notes", "deletions")}
        return {**said, **_asked_for(self.short)}

    @classmethod
    def from_body(cls, body: bytes) -> Page:
        """Return the page in `body`."""
        fields = orjson.loads(body)
        memories = tuple(map(Memory.from_json, fields["memories"]))
        deletions = tuple(map(Deletion.from_json, fields.get("deletions", ())))
        notes = tuple(fields.get("notes", ()))
        short = fields.get("short", {})
        return cls(memories=memories, total=fields["total"], notes=notes, deletions=deletions, short=short)
