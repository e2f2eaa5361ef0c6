"""Tidying up: memories that say nearly the same, and memories that a newer version took the place of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from memmux.wire.answers.base import Several
from memmux.wire.answers.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """One memory of a group that says nearly the same.

    memory: the memory.
    similarity: its cosine with the group's first one, which is 1 for that itself; None where a vector is missing. It
        is below the floor where the texts are the same but for case and blanks.
    """

    memory: Memory
    similarity: float | None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Alike:
        """Return what the JSON object describes."""
        return cls(memory=Memory.from_json(fields["memory"]), similarity=fields["similarity"])


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """Memories of one namespace of which each says nearly the same as the first.

    members: the one that stays, which was created first, then the others, the nearest to it first.
    more: whether there are further ones, as a group is given up to 64.
    """

    members: tuple[Alike, ...]
    more: bool

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> DuplicateGroup:
        """Return the group that the JSON object describes."""
        return cls(members=tuple(map(Alike.from_json, fields["members"])), more=fields["more"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates(Several[DuplicateGroup]):
    """Groups of memories that say nearly the same; iterate it, index it, or take `groups`.

    groups: in the order in which their first memories came here.
    next: the cursor of the next page, which may have groups where this one has none; None at the end.
    compared: how many memories were compared with all others for this page.
    least: the cosine from which on two memories say nearly the same.
    notes: sentences on what was asked for, as of a `SearchResult`.
    """

    groups: tuple[DuplicateGroup, ...]
    next: int | None
    compared: int
    least: float
    notes: tuple[str, ...] = ()

    def _items(self) -> tuple[DuplicateGroup, ...]:
        return self.groups

    @classmethod
    def from_body(cls, body: bytes) -> Duplicates:
        """Return the groups in `body`."""
        fields = orjson.loads(body)
        groups, notes = tuple(map(DuplicateGroup.from_json, fields["groups"])), tuple(fields["notes"])
        return cls(**{**fields, "groups": groups, "notes": notes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A memory that a newer version took the place of.

    memory: the former version.
    by: the newest version, deleted or not, which no other took the place of; None if it was purged.
    deleted: whether that memory is deleted.
    """

    memory: Memory
    by: Memory | None
    deleted: bool

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Replaced:
        """Return what the JSON object describes."""
        by = fields["by"] and Memory.from_json(fields["by"])
        return cls(memory=Memory.from_json(fields["memory"]), by=by, deleted=fields["deleted"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded(Several[Replaced]):
    """Memories that a newer version took the place of; iterate it, index it, or take `memories`.

    memories: newest first.
    total: how many the filter lets through in all.
    notes: sentences on what was asked for, as of a `SearchResult`.
    """

    memories: tuple[Replaced, ...]
    total: int
    notes: tuple[str, ...] = ()

    def _items(self) -> tuple[Replaced, ...]:
        return self.memories

    @classmethod
    def from_body(cls, body: bytes) -> Superseded:
        """Return the memories in `body`."""
        fields = orjson.loads(body)
        memories = tuple(map(Replaced.from_json, fields["memories"]))
        return cls(memories=memories, total=fields["total"], notes=tuple(fields["notes"]))
