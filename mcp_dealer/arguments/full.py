"""The arguments of the tools of the full list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from mcp_dealer.arguments.base import (
    NAME_CHARACTERS,
    Flag,
    Most,
    Named,
    Number,
    Placed,
    Tags,
    Text,
    bounded,
    lower,
    one,
)
from memmux import limits
from memmux.errors import ArgumentInvalidError, ContentEmptyError, UnknownFieldError
from memmux.wire.requests import Store

WAIT_S = 60  # for a change, at most; hosts give a call up after as long or longer
TYPE = "document"  # of what is ingested
Action = Literal["connected", "subgraph", "path"]


class Turn(BaseModel):
    """One turn of a conversation."""

    role: str = "unknown"
    content: str


class SessionArguments(Placed):
    """memory_store_session."""

    turns: Annotated[list[Turn], Field(description="In order")]
    session_id: Annotated[str | None, Field(description="Its name")] = None
    tags: Annotated[Tags, Field(description="Labels")] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="JSON object")] = None
    whole: Flag = None

    def described(self, session_id: str) -> dict[str, Any]:
        """Return tags and metadata of whatever the conversation becomes."""
        tags = (f"session:{session_id}", *(self.tags or ()))
        return {"tags": tags, "metadata": {**(self.metadata or {}), "session_id": session_id}}

    def transcript(self) -> str:
        """Return the conversation as one text, a turn a line; raise ContentEmptyError if nothing was said."""
        return "\n".join(f"[{role}] {said}" for _, role, said in self._said())

    def memories(self, session_id: str) -> list[Store]:
        """Return a memory for each turn in which something was said; raise ContentEmptyError if nothing was.

        What was said in another conversation before, in the same words, stays there.
        """
        common = self.described(session_id)
        return [
            Store(
                content=f"{role}: {said}",
                type="turn",
                tags=common["tags"],
                metadata={**common["metadata"], "role": role},
                thread=session_id,
                place=place,
                merge=False,
            )
            for place, role, said in self._said()
        ]

    def _said(self) -> list[tuple[int, str, str]]:
        said = [(place, turn.role, text) for place, turn in enumerate(self.turns) if (text := turn.content.strip())]
        if not said:
            raise ContentEmptyError("the turns are empty; give what was said")
        return said


class History(Named):
    """memory_history."""

    limit: Annotated[int, Field(description="Most changes", json_schema_extra=bounded(1, limits.HISTORY))] = 20
    offset: Annotated[int, Field(description="Skip", json_schema_extra=bounded(0))] = 0
    max_response_chars: Most = None

    def rest(self, shown: int) -> str:
        """Return the offset of the rest."""
        return f"continue with offset {self.offset + shown}"


class Wait(Placed):
    """memory_wait."""

    after_seq: Annotated[int | None, Field(description="next of the last answer; now if left out")] = None
    tags: Annotated[Tags, Field(description="All of these")] = None
    timeout_s: Annotated[float, Field(description="Seconds", json_schema_extra=bounded(0, WAIT_S))] = 30
    limit: Annotated[int, Field(description="Most changes", json_schema_extra=bounded(1, limits.HISTORY))] = 20
    max_response_chars: Most = None

    def rest(self, shown: int) -> str:
        """Return how to see the changes that are left out."""
        return f"ask for at most {max(1, shown)} at once, with limit"


class Graph(Placed):
    """memory_graph."""

    action: Annotated[Action, BeforeValidator(lower), Field(description="path: from hash1 to hash2")] = "connected"
    hash: Annotated[str | None, Field(description="Id or content hash")] = None
    hash1: Annotated[str | None, Field(description="Where a path begins")] = None
    hash2: Annotated[str | None, Field(description="Where a path ends")] = None
    hops: Annotated[int | None, Field(description="Links at most", json_schema_extra=bounded(1, limits.GRAPH_HOPS))] = (
        None
    )
    max_response_chars: Most = None
    id: Text = None
    max_hops: Number = None
    max_depth: Number = None
    radius: Number = None

    def ends(self) -> tuple[str, str]:
        """Return where a path begins and ends."""
        begin = one({"hash1": self.hash1, "hash": self.hash, "id": self.id})
        if begin is None or self.hash2 is None:
            raise ArgumentInvalidError("a path has two ends; give hash1 and hash2")
        return begin, self.hash2

    def middle(self) -> str:
        """Return the memory around which links are followed."""
        middle = one({"hash": self.hash, "id": self.id, "hash1": self.hash1})
        if middle is None:
            raise ArgumentInvalidError("hash is missing; give it")
        return middle

    def reach(self, default: int) -> int:
        """Return how many links are followed at most."""
        said = {"hops": self.hops, "max_hops": self.max_hops, "max_depth": self.max_depth, "radius": self.radius}
        reach = one(said)
        return default if reach is None else reach

    def rest(self, shown: int) -> str:
        """Return how to see other memories."""
        del shown
        return "follow fewer links, or begin at one of those shown"


class Ingest(Placed):
    """memory_ingest."""

    path: Annotated[str | None, Field(description="A file or folder of documents or code")] = None
    tags: Annotated[Tags, Field(description="Labels")] = None
    chunk_size: Annotated[int, Field(description="Characters")] = 1000
    chunk_overlap: Annotated[int, Field(description="Characters")] = 200
    recursive: Annotated[bool, Field(description="Folders in the folder too")] = True
    file_extensions: Annotated[Tags, Field(description="Only these, e.g. md")] = None
    max_files: Annotated[int, Field(description="Most files", json_schema_extra={"minimum": 1})] = 100
    prune: Annotated[bool, Field(description="Forget files that are gone from the folder")] = False
    file_path: Text = None
    directory_path: Text = None
    memory_type: Text = None
    mode: Text = None

    @property
    def source(self) -> str:
        """The file or folder meant."""
        source = one({"path": self.path, "file_path": self.file_path, "directory_path": self.directory_path})
        if source is None:
            raise ArgumentInvalidError("path is missing; give it")
        return source

    @classmethod
    def given(cls, said: Mapping[str, object], known: Collection[str]) -> dict[str, object]:
        """Return what is meant of what is said; raise UnknownFieldError where it may delete more than is meant."""
        meant = super().given(said, known)
        unknown = [name for name in said if name not in known and name not in cls.idle]
        if unknown and meant.get("prune") not in (None, False):
            raise UnknownFieldError(
                f"memory_ingest has no argument '{unknown[0][:NAME_CHARACTERS]}'; leave it or prune out"
            )
        return meant

    def notes(self) -> list[str]:
        """Return that the chunks have a type of their own."""
        if self.memory_type in (None, TYPE):
            return []
        return [f"memory_type has no effect: what is ingested is of the type {TYPE}"]
