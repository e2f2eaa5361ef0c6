"""The whole database: the requests that take it out and put it in, and the administrator's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.wire.checks import check_range, check_text
from memmux.wire.requests.base import Body, check_flag, put


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump(Body):
    """memory.dump: a page of all memories of all namespaces as they are, in the order in which they were stored.

    after: the cursor that the page before gave; 0 begins. vectors: whether they come along.
    """

    after: int = 0
    limit: int = limits.DUMP_MEMORIES
    vectors: bool = False

    def __post_init__(self) -> None:
        check_range("after", self.after, 0, 1 << 62)
        check_range("limit", self.limit, 1, limits.DUMP_MEMORIES)
        check_flag("vectors", self.vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Body):
    """memory.load: memories to put back as a dump gave them; each is checked by itself when it is put in.

    adopt: they come from a former home that may still be in use: what changed there and not here is taken over, equal
    contents become one memory, and their vectors are compared with the model's before they are trusted.
    newest: of an adoption, whether a memory that was changed on both sides takes the state that was made last, and not
    that of here in any case.
    """

    memories: tuple[Any, ...]
    adopt: bool = False
    newest: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.memories, list | tuple):
            raise ArgumentInvalidError("a load has a list of memories")
        check_range("the number of memories", len(self.memories), 1, limits.DUMP_MEMORIES)
        put(self, "memories", tuple(self.memories))
        check_flag("adopt", self.adopt)
        check_flag("newest", self.newest)

    def to_body(self) -> bytes:
        """Return it as a request's body; raise ArgumentInvalidError if the memories are no JSON."""
        flags = {name: True for name in ("adopt", "newest") if getattr(self, name)}
        fields: Mapping[str, object] = {"memories": self.memories, **flags}
        try:
            return orjson.dumps(fields)
        except orjson.JSONEncodeError as error:
            raise ArgumentInvalidError(f"the memories can't be written as JSON: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup(Body):
    """admin.backup: a verified copy of the database.

    to: an absolute folder; None for the settings' own.
    """

    to: str | None = None

    def __post_init__(self) -> None:
        if self.to is not None and not (isinstance(self.to, str) and self.to.startswith("/")):
            raise ArgumentInvalidError("to is not the absolute path of a folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRow(Body):
    """health.write, health.read: the row of a health check.

    id: the check's own, which is to be written, or to be read; None where it could not be written.
    """

    id: str | None = None

    def __post_init__(self) -> None:
        if self.id is not None:
            check_text("id", self.id, limits.TYPE_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Body):
    """admin.rebuild, admin.verify: no arguments."""
