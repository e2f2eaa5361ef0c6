"""The change log: the requests that look into it, undo from it, and remove for good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.wire.checks import aware, check_range, check_text
from memmux.wire.requests.base import DEFAULT_NAMESPACE, Body, check_flag, named, namespaces_of, put
from memmux.wire.requests.filters import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Body):
    """memory.history: what happened to one memory, newest first; deleted ones have a history too.

    namespace: as of Get.
    """

    id: str
    limit: int = 100
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        check_range("limit", self.limit, 1, limits.HISTORY)
        put(self, "namespace", named(self.namespace))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Body):
    """memory.changes: what happened after a change, oldest first.

    after: the number of that change; None for the newest one, after which nothing has happened yet. tags: only of
    memories with all of these. namespace: one, or several; None for all. client: only what a client did whose name
    begins so, in any case. operations: only these; none for all. newest: the newest that there are, and not the first
    after that change. texts: with how each memory begins, and the shortest beginning of its id that names it.
    """

    after: int | None = None
    limit: int = 100
    tags: tuple[str, ...] = ()
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE
    client: str | None = None
    operations: tuple[str, ...] = ()
    newest: bool = False
    texts: bool = False

    def __post_init__(self) -> None:
        if self.after is not None:
            check_range("after", self.after, 0, limits.SEQ)
        check_range("limit", self.limit, 1, limits.HISTORY)
        put(self, "tags", Filter(tags=self.tags).tags)
        put(self, "namespace", named(self.namespace))
        if self.client is not None:
            check_text("client", self.client, limits.TYPE_CHARACTERS)
        if not isinstance(self.operations, list | tuple):
            raise ArgumentInvalidError("operations are not a list")
        check_range("the number of operations", len(self.operations), 0, limits.NAMES)
        for operation in self.operations:
            check_text("an operation", operation, limits.TYPE_CHARACTERS)
        put(self, "operations", tuple(self.operations))
        check_flag("newest", self.newest)
        check_flag("texts", self.texts)

    def to_body(self) -> bytes:
        """Return it as a request's body, without what is hardly ever given: clusters of before do not know it."""
        usual = {name: getattr(self, name) for name in ("after", "limit", "tags", "namespace")}
        rare = {name: getattr(self, name) for name in ("client", "operations", "newest", "texts")}
        return orjson.dumps({**usual, **{name: value for name, value in rare.items() if value}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Body):
    """memory.undo: make one change as if it had not been; that is a change again.

    namespaces: the ones whose changes are known; None for all of them.
    """

    seq: int
    namespaces: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_range("seq", self.seq, 1, 1 << 53)
        if self.namespaces is not None:
            put(self, "namespaces", namespaces_of(self.namespaces))


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge(Body):
    """memory.purge: remove for good one deleted memory, or all that were deleted before a time."""

    id: str | None = None
    before: datetime | None = None
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        if (self.id is None) == (self.before is None):
            raise ArgumentInvalidError("a purge names either one memory's id, or a time before which all are meant")
        if self.id is not None:
            check_text("id", self.id, limits.TYPE_CHARACTERS)
        put(self, "before", aware("before", self.before))
        check_text("namespace", self.namespace, limits.NAMESPACE_CHARACTERS)
