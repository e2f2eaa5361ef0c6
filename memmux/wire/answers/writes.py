"""The acknowledgements of writes to memories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from memmux.wire.answers.base import Answer, Several


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A memory that says nearly the same as one that was stored.

    id: of the memory.
    score: the cosine of the two, from 0.85 to 1.
    """

    id: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Answer):
    """The acknowledgement of a store: durable, and visible to every read that starts now.

    id: of the memory.
    content_hash: of the memory.
    seq: of the change in the log.
    status: created; or duplicate, when the same content was there already: then the others are of that memory, which
        counts again if it was superseded.
    indexed: whether its vector is there; if not, it follows and full text finds it meanwhile.
    aliases: other names by which a memory that was there is found.
    similar: if it was asked for, memories that say nearly the same, best first; they are there as well.
    merged: of a duplicate, the fields of which the memory took up what it lacked: tags, metadata, type, aliases.
    """

    id: str
    content_hash: str
    seq: int
    status: str
    indexed: bool
    aliases: tuple[str, ...] = ()
    similar: tuple[Similar, ...] = ()
    merged: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Stored:
        """Return what the JSON object says."""
        similar = tuple(Similar(**one) for one in fields.get("similar", ()))
        names = {name: tuple(fields.get(name, ())) for name in ("merged", "aliases")}
        return cls(**{**fields, "similar": similar, **names})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch(Several[Stored]):
    """The acknowledgements of a batch; iterate it, index it, or take `stored`.

    stored: one for each memory, in their order.
    """

    stored: tuple[Stored, ...]

    def _items(self) -> tuple[Stored, ...]:
        return self.stored

    @classmethod
    def from_body(cls, body: bytes) -> StoredBatch:
        """Return the acknowledgements in `body`."""
        return cls(stored=tuple(map(Stored.from_json, orjson.loads(body)["stored"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated(Answer):
    """The acknowledgement of an update.

    id: of the memory; of a new version, that of the new memory.
    content_hash: of the memory, as it is now.
    seq: of the change in the log.
    indexed: whether its vector is there; if not, it follows.
    aliases: other names by which it is found.
    """

    id: str
    content_hash: str
    seq: int
    indexed: bool
    aliases: tuple[str, ...] = ()

    @classmethod
    def from_body(cls, body: bytes) -> Updated:
        """Return the acknowledgement in `body`."""
        return cls(**_named(orjson.loads(body)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Answer):
    """The acknowledgement of a delete.

    id: of the memory.
    seq: of the change in the log.
    content_hash: of the memory; empty from a cluster that does not tell it.
    aliases: other names by which it was found.
    """

    id: str
    seq: int
    content_hash: str = ""
    aliases: tuple[str, ...] = ()

    @classmethod
    def from_body(cls, body: bytes) -> Deleted:
        """Return the acknowledgement in `body`."""
        return cls(**_named(orjson.loads(body)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Answer):
    """What a forget deleted, or would delete.

    ids: of the memories.
    count: how many they are.
    dry_run: whether nothing was deleted.
    notes: sentences on what was asked for, as of a `SearchResult`.
    first_seq: of the changes, which follow each other in the log; None where nothing was deleted.
    last_seq: likewise. Each of them undone, the newest first, brings all memories back.
    """

    ids: tuple[str, ...]
    count: int
    dry_run: bool
    notes: tuple[str, ...] = ()
    first_seq: int | None = None
    last_seq: int | None = None

    @property
    def undo(self) -> str | None:
        """What `memmux undo` takes to bring all of them back; None where nothing was deleted."""
        if self.first_seq is None or self.first_seq == self.last_seq:
            return None if self.first_seq is None else str(self.first_seq)
        return f"{self.first_seq}-{self.last_seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used(Answer):
    """The acknowledgement of uses.

    count: how many of the memories that were of use are there, and were counted.
    """

    count: int


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "aliases": tuple(fields.get("aliases", ()))}
