"""The names that memories are under, and how many memories each has."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from memmux.wire.answers.base import Several


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCount:
    """A namespace or a tag.

    name: of the namespace, or of the tag as the newest memory that has it spells it.
    memories: how many live ones it has, superseded ones among them.
    """

    name: str
    memories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces(Several[NameCount]):
    """Namespaces that have memories; iterate it, index it, or take `namespaces`.

    namespaces: those with the most memories first, then by name.
    total: how many there are in all.
    """

    namespaces: tuple[NameCount, ...]
    total: int

    def _items(self) -> tuple[NameCount, ...]:
        return self.namespaces

    @classmethod
    def from_body(cls, body: bytes) -> Namespaces:
        """Return the namespaces in `body`."""
        fields = orjson.loads(body)
        return cls(namespaces=tuple(NameCount(**one) for one in fields["namespaces"]), total=fields["total"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags(Several[NameCount]):
    """Tags that memories have; iterate it, index it, or take `tags`.

    tags: those of the most memories first, then by name.
    total: how many there are in all.
    notes: sentences on what was asked for, as of a `SearchResult`.
    """

    tags: tuple[NameCount, ...]
    total: int
    notes: tuple[str, ...] = ()

    def _items(self) -> tuple[NameCount, ...]:
        return self.tags

    @classmethod
    def from_body(cls, body: bytes) -> Tags:
        """Return the tags in `body`."""
        fields = orjson.loads(body)
        tags = tuple(NameCount(**one) for one in fields["tags"])
        return cls(tags=tags, total=fields["total"], notes=tuple(fields.get("notes", ())))
