"""The time line: how many memories were stored, changed and deleted on each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from memmux.wire.answers.base import Several

_COUNTS = ("stored", "changed", "deleted")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounts:
    """The counts of one group; each has a number for each of the time line's days.

    name: the client, type, tag or namespace; None for memories without, and for the sum of all other groups.
    stored: memories by the day of their `created_at`, which is long before they came here where it was given.
    changed: changes of memories, and what an undo did, by the day on which that happened.
    deleted: deletions, by the day on which they happened.
    """

    name: str | None
    stored: tuple[int, ...]
    changed: tuple[int, ...]
    deleted: tuple[int, ...]

    @property
    def total(self) -> int:
        """All counts of all days together."""
        return sum(self.stored) + sum(self.changed) + sum(self.deleted)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> DayCounts:
        """Return the counts that the JSON object describes."""
        return cls(name=fields["name"], **{kind: tuple(fields[kind]) for kind in _COUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Several[DayCounts]):
    """How many memories were stored, changed and deleted on each day; iterate it, index it, or take `groups`.

    By tag, a memory counts once for each of its tags, also in `other`.

    days: those on which something happened, as ISO 8601 dates, oldest first.
    groups: those with the most counts first, then by name.
    other: the sum of all other groups; None if there is none.
    others: how many groups those are.
    earlier: how many counts are of days before these, as there are too many.
    zone: in whose time the days are, by its IANA name; empty where that is not known.
    notes: sentences on what was asked for, as of a `SearchResult`.
    """

    days: tuple[str, ...]
    groups: tuple[DayCounts, ...]
    other: DayCounts | None
    others: int
    earlier: int
    zone: str
    notes: tuple[str, ...] = ()

    def _items(self) -> tuple[DayCounts, ...]:
        return self.groups

    @classmethod
    def from_body(cls, body: bytes) -> Timeline:
        """Return the time line in `body`."""
        fields = orjson.loads(body)
        return cls(
            days=tuple(fields["days"]),
            groups=tuple(map(DayCounts.from_json, fields["groups"])),
            other=fields["other"] and DayCounts.from_json(fields["other"]),
            others=fields["others"],
            earlier=fields["earlier"],
            zone=fields["zone"],
            notes=tuple(fields["notes"]),
        )
