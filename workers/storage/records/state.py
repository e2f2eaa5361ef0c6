"""The state of a memory, as a write finds it and leaves it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memmux.wire.answers import Memory
from workers.storage.records.threads import named


@dataclass(frozen=True, slots=True)
class State:
    """The state of a memory at one time: its fields and whether it is deleted.

    origin, links: known only where the change had to do with them; None says that they stay as they are.
    """

    memory: Memory
    deleted: bool
    origin: Mapping[str, Any] | None = None
    links: Sequence[Mapping[str, Any]] | None = None

    def to_log(self) -> bytes:
        """Return it as the change log keeps it."""
        fields = orjson.loads(orjson.dumps(self.memory))
        if self.deleted:
            fields["deleted"] = True
        if self.origin is not None:
            fields["origin"] = self.origin
        if self.links is not None:
            fields["links"] = self.links
        return orjson.dumps(fields)

    @classmethod
    def from_log(cls, text: str) -> State:
        """Return what `to_log` wrote."""
        fields = orjson.loads(text)
        if "thread" not in fields:  # written before there were any
            fields["thread"], fields["place"] = named(fields["metadata"])
        rest = fields.pop("deleted", False), fields.pop("origin", None), fields.pop("links", None)
        return cls(Memory.from_json(fields), *rest)


def digest(content: str) -> str:
    """Return the SHA-256, in hex, by which equal contents are known; blanks around them do not count."""
    return hashlib.sha256(content.strip().encode()).hexdigest()
