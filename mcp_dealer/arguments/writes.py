"""The arguments of the everyday tools that write."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from mcp_dealer.arguments.base import (
    NAME_CHARACTERS,
    Flag,
    Named,
    Number,
    Object,
    Placed,
    Tags,
    Text,
    object_of,
    one,
    split,
    tags_of,
    text_of,
)
from mcp_dealer.arguments.memories import Choice, Filtered
from memmux.errors import ArgumentInvalidError, UnknownFieldError


class Store(Placed):
    """memory_store."""

    filled: ClassVar[Collection[str]] = ("content",)
    idle: ClassVar[Mapping[str, str]] = {"restore_deleted": "what was deleted is stored anew"}

    content: Annotated[str, Field(description="The fact, complete in itself")]
    tags: Annotated[Tags, Field(description="Labels")] = None
    type: Annotated[str | None, Field(description="E.g. decision")] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="JSON object")] = None
    thread: Text = None
    place: Number = None
    memory_type: Text = None
    conversation_id: Text = None
    agent_id: Text = None
    client_hostname: Text = None

    def described(self) -> dict[str, Any]:
        """Return tags, type, metadata, thread and namespace, as the client takes them.

        Tags and type may stand in the metadata, where mcp-memory-service has them; the conversation and the agent are
        kept there.
        """
        metadata = dict(self.metadata or {})
        tags = one({"tags": self.tags, "metadata.tags": tags_of("metadata.tags", metadata.pop("tags", None))})
        said = text_of("metadata.type", metadata.pop("type", None))
        kind = one({"type": self.type, "memory_type": self.memory_type, "metadata.type": said})
        for name, value in (("conversation_id", self.conversation_id), ("agent_id", self.agent_id)):
            if kept := one({name: value, f"metadata.{name}": metadata.get(name)}):
                metadata[name] = kept
        told = {name: value for name in ("thread", "place") if (value := getattr(self, name)) is not None}
        return {"tags": tags or (), "type": kind, "metadata": metadata or None, **told, **self.home}


class Delete(Filtered, Named):
    """memory_delete; several tags mean all of them unless told otherwise, so that no more is deleted than was meant."""

    any_of_several: ClassVar[bool] = False  # what deletes takes the reading that deletes less

    tags: Annotated[Tags, Field(description="With all these tags")] = None
    tag_match: Annotated[Choice, Field(description="Default all")] = None
    dry_run: Annotated[bool | None, Field(description="Only preview")] = None

    @classmethod
    def given(cls, said: Mapping[str, object], known: Collection[str]) -> dict[str, object]:
        """Return what is meant of what is said; an argument that says nothing must not leave more to delete.

        Raises UnknownFieldError, and ArgumentInvalidError for an empty one, or a null in place of a filter, unless one
        memory is named beside it.
        """
        given = {name: value for name, value in said.items() if value is not None or name in cls.narrowing}
        for name in given:
            if name not in known:
                raise UnknownFieldError(f"memory_delete has no argument '{name[:NAME_CHARACTERS]}'; leave it out")
        meant = super().given(said, known)
        single = "id" in meant or "content_hash" in meant
        for name, value in given.items():
            if (name not in meant or _empty(value)) and not (single and (value is None or name in cls.choosing)):
                raise ArgumentInvalidError(f"{name} is empty; leave it out, or say what to delete")
        return {name: value for name, value in meant.items() if not _empty(value)}

    def single(self) -> str | None:
        """Return the id or hash of the one memory meant, or None for a filter; raise ArgumentInvalidError for both."""
        name = "id" if self.id is not None else "content_hash"
        if self.id is None and self.content_hash is None:
            if not self.filters:
                raise ArgumentInvalidError("nothing says what to delete; give an id, or tags, type, after or before")
            return None
        if self.filters:
            raise ArgumentInvalidError(f"{name} means one memory and {self.filters[0]} many; give one of them")
        return self.target


def _empty(value: object) -> bool:
    """Return whether a list, or a text of one, has nothing in it."""
    parts = split(value)
    return isinstance(parts, list) and not any(not isinstance(part, str) or part.strip() for part in parts)


class Update(Named):
    """memory_update."""

    idle: ClassVar[Mapping[str, str]] = {"restore_deleted": "a deleted memory comes back by `memmux undo` alone"}

    content: Annotated[str | None, Field(description="New text")] = None
    tags: Annotated[Tags, Field(description="New tags, instead of all")] = None
    type: Annotated[str | None, Field(description="New type")] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="Keys to set; null removes one")] = None
    versioned: Annotated[bool | None, Field(description="Keep the old one")] = None
    updates: Object = None
    memory_type: Text = None
    preserve_timestamps: Flag = None

    def changes(self) -> dict[str, Any]:
        """Return what to change, as the client takes it.

        mcp-memory-service has it in `updates`, where a key that is none of its fields is one of the metadata.
        """
        updates = {name: value for name, value in (self.updates or {}).items() if value is not None}
        their_tags = tags_of("updates.tags", updates.pop("tags", None))
        kinds = {name: text_of(f"updates.{name}", updates.pop(name, None)) for name in ("memory_type", "type")}
        their_content = text_of("updates.content", updates.pop("content", None))
        theirs = object_of("updates.metadata", updates.pop("metadata", None)) | updates
        return {
            "content": one({"content": self.content, "updates.content": their_content}),
            "tags": one({"tags": self.tags, "updates.tags": their_tags}),
            "type": one(
                {
                    "type": self.type,
                    "memory_type": self.memory_type,
                    **{f"updates.{name}": value for name, value in kinds.items()},
                }
            ),
            "metadata": one({"metadata": self.metadata, "updates.metadata": theirs or None}),
        }

    def notes(self) -> list[str]:
        """Return what a request to forget the time of creation comes to."""
        if self.preserve_timestamps is False:
            return ["preserve_timestamps has no effect: created_at always stays"]
        return []
