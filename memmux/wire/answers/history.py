"""The change log: what it says, and what is done with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from memmux.wire.answers.base import Answer, Several
from memmux.wire.answers.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a memory, as the change log keeps it.

    seq: its place among all changes, and what `undo` takes.
    id: of the memory.
    at: when, aware, UTC.
    operation: what was asked for, as PROTOCOL.md names it.
    client: who asked.
    request: the id of the request, as the logs have it.
    did: what it did, in words.
    before: the memory as it was; None when it was new, and when it was purged since.
    """

    seq: int
    id: str
    at: datetime
    operation: str
    client: str
    request: str
    did: str
    before: Memory | None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Change:
        """Return the change that the JSON object describes."""
        before = fields["before"] and Memory.from_json(fields["before"])
        return cls(**{**fields, "at": datetime.fromisoformat(fields["at"]), "before": before})


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Several[Change]):
    """What happened to one memory; iterate it, index it, or take `changes`.

    changes: newest first.
    """

    changes: tuple[Change, ...]

    def _items(self) -> tuple[Change, ...]:
        return self.changes

    @classmethod
    def from_body(cls, body: bytes) -> History:
        """Return the history in `body`."""
        return cls(changes=tuple(map(Change.from_json, orjson.loads(body)["changes"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One change of the whole memory, without what the memory said before.

    seq: its place among all changes.
    id: of the memory, which `get` reads unless it is deleted.
    namespace: of the memory.
    at: when, aware, UTC.
    operation: what was asked for, as PROTOCOL.md names it.
    client: who asked.
    deleted: whether the memory is deleted now.
    tags: of the memory, as it is now.
    text: how the memory begins, as it is now; None unless that was asked for.
    short: the shortest beginning of its id that names it; None unless that was asked for.
    """

    seq: int
    id: str
    namespace: str
    at: datetime
    operation: str
    client: str
    deleted: bool
    tags: tuple[str, ...] = ()
    text: str | None = None
    short: str | None = None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Notice:
        """Return the change that the JSON object describes."""
        return cls(**{**fields, "at": datetime.fromisoformat(fields["at"]), "tags": tuple(fields.get("tags", ()))})

    def to_json(self) -> dict[str, object]:
        """Return the change as an answer has it."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Several[Notice]):
    """What happened after a change; iterate it, index it, or take `changes`.

    changes: oldest first.
    next: the number to ask with, next time: everything up to it is in `changes`, or was not asked for.
    notes: sentences on what was asked for, as of a `SearchResult`.
    """

    changes: tuple[Notice, ...]
    next: int
    notes: tuple[str, ...] = ()

    def _items(self) -> tuple[Notice, ...]:
        return self.changes

    @classmethod
    def from_body(cls, body: bytes) -> Changes:
        """Return the changes in `body`."""
        fields = orjson.loads(body)
        changes = tuple(map(Notice.from_json, fields["changes"]))
        return cls(changes=changes, next=fields["next"], notes=tuple(fields.get("notes", ())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone(Answer):
    """The acknowledgement of an undo, which is a change itself.

    id: of the memory.
    content_hash: of the memory, as it is now.
    seq: of the undo in the change log.
    undone: the change that was undone.
    deleted: whether the memory is deleted now.
    indexed: whether its vector is there; if not, it follows.
    """

    id: str
    content_hash: str
    seq: int
    undone: int
    deleted: bool
    indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged(Answer):
    """The acknowledgement of a purge.

    purged: how many memories are gone.
    remaining: how many more are meant, for the next call to purge.
    seq: the newest change.
    copies: paths of backups, exports and files that a restore kept, which were made since the memories were stored and
        keep what they hold. Those that were made with other programs, or moved, are not known.
    """

    purged: int
    remaining: int
    seq: int
    copies: tuple[str, ...] = ()
