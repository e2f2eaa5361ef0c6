"""What operations take: the arguments in a request's body, checked by the same code where they are made and served.

Each class is the body of one or more operations: `to_body` writes it, `from_body` reads it, and constructing one
raises the `RequestError` that names what is wrong. Texts are Unicode without lone surrogates; times are aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

import orjson

from memmux import limits
from memmux.checks import aware, check_content, check_metadata, check_range, check_tags, check_text, encoded
from memmux.errors import (
    ArgumentInvalidError,
    ContentEmptyError,
    ContentTooLongError,
    UnknownFieldError,
    UnknownModeError,
)

Metadata = Mapping[str, object]
"""A JSON object: texts, finite numbers, true, false, null, lists and objects of these."""

DEFAULT_NAMESPACE = "default"


class Mode(StrEnum):
    """How a search ranks."""

    SEMANTIC = "semantic"  # by meaning: cosine of the embeddings
    KEYWORD = "keyword"  # by words: BM25
    HYBRID = "hybrid"  # half of each
    EXACT = "exact"  # contents that hold the query, letter for letter, newest first

    @property
    def embeds(self) -> bool:
        """Whether the mode needs the query's embedding."""
        return self in (Mode.SEMANTIC, Mode.HYBRID)


class _Body:
    """What the request classes share: JSON in and out, and no field that is not theirs."""

    __slots__ = ()

    def to_body(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ArgumentInvalidError("the body is not JSON") from None
        return cls.from_json(values)

    @classmethod
    def from_json(cls, values: object) -> Self:
        if not isinstance(values, dict):
            raise ArgumentInvalidError("the body is not a JSON object")
        known = [known.name for known in fields(cls)]  # type: ignore[arg-type]  # every subclass is a dataclass
        for name in values:
            if name not in known:
                raise UnknownFieldError(f"there is no field {name!r} here; there are {', '.join(known)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ArgumentInvalidError(f"an argument is missing: {error}") from None


def _set(instance: object, name: str, value: object) -> None:
    """Normalise a field of a frozen dataclass while it is being made."""
    object.__setattr__(instance, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(_Body):
    """Which memories a search or a list is about; applied before ranking, never after.

    tags: all of them, or any of them with `any_tag`; compared without regard to case.
    after, before: created at or after, and before, these times.
    metadata: keys of the first level that must have exactly these values.
    """

    tags: tuple[str, ...] = ()
    any_tag: bool = False
    type: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    metadata: Metadata = field(default_factory=dict)
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_tags(self.tags)
        _set(self, "tags", tuple(self.tags))
        if not isinstance(self.any_tag, bool):
            raise ArgumentInvalidError("any_tag is true or false")
        if self.type is not None:
            check_text("type", self.type, limits.TYPE_CHARACTERS)
        _set(self, "after", aware("after", self.after))
        _set(self, "before", aware("before", self.before))
        check_metadata(self.metadata)
        check_text("namespace", self.namespace, limits.NAMESPACE_CHARACTERS)


def _filter(value: object) -> Filter:
    return value if isinstance(value, Filter) else Filter.from_json(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(_Body):
    """memory.store: one memory to keep."""

    content: str
    tags: tuple[str, ...] = ()
    type: str | None = None
    metadata: Metadata = field(default_factory=dict)
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_content(self.content)
        check_tags(self.tags)
        _set(self, "tags", tuple(self.tags))
        if self.type is not None:
            check_text("type", self.type, limits.TYPE_CHARACTERS)
        check_metadata(self.metadata)
        check_text("namespace", self.namespace, limits.NAMESPACE_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBatch(_Body):
    """memory.store_batch: several memories, kept in one transaction: all of them or none."""

    memories: tuple[Store, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.memories, list | tuple):
            raise ArgumentInvalidError("memories are not a list")
        check_range("the number of memories", len(self.memories), 1, limits.BATCH_MEMORIES)
        stores = (memory if isinstance(memory, Store) else Store.from_json(memory) for memory in self.memories)
        _set(self, "memories", tuple(stores))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(_Body):
    """memory.search (semantic, hybrid) and memory.match (keyword, exact): the best memories for a query."""

    query: str
    mode: Mode = Mode.HYBRID
    limit: int = 10
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        if not isinstance(self.query, str):
            raise ArgumentInvalidError("query is not a text")
        if not self.query.strip():
            raise ContentEmptyError("the query is empty; say what you are looking for")
        if (size := len(encoded("query", self.query))) > limits.QUERY_BYTES:
            raise ContentTooLongError(f"the query has {size} bytes, the most is {limits.QUERY_BYTES}")
        try:
            _set(self, "mode", Mode(self.mode))
        except ValueError:
            raise UnknownModeError(f"there is no search mode {self.mode!r}; use {', '.join(Mode)}") from None
        check_range("limit", self.limit, 1, limits.SEARCH_LIMIT)
        _set(self, "filter", _filter(self.filter))


@dataclass(frozen=True, slots=True, kw_only=True)
class List(_Body):
    """memory.list: memories, newest first, a page at a time."""

    limit: int = 20
    offset: int = 0
    filter: Filter = field(default_factory=Filter)

    def __post_init__(self) -> None:
        check_range("limit", self.limit, 1, limits.LIST_LIMIT)
        check_range("offset", self.offset, 0, 1 << 53)
        _set(self, "filter", _filter(self.filter))


@dataclass(frozen=True, slots=True, kw_only=True)
class Get(_Body):
    """memory.get and memory.delete: one memory, by its id or its content hash."""

    id: str
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        check_text("namespace", self.namespace, limits.NAMESPACE_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(_Body):
    """memory.update, and memory.rewrite with a content: what to change; None leaves a field as it is.

    tags replace the old ones; metadata is merged key by key, and a key set to null is removed.
    """

    id: str
    content: str | None = None
    tags: tuple[str, ...] | None = None
    type: str | None = None
    metadata: Metadata | None = None
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        if self.content is None and self.tags is None and self.type is None and self.metadata is None:
            raise ArgumentInvalidError("an update changes something: give content, tags, type or metadata")
        if self.content is not None:
            check_content(self.content)
        if self.tags is not None:
            check_tags(self.tags)
            _set(self, "tags", tuple(self.tags))
        if self.type is not None:
            check_text("type", self.type, limits.TYPE_CHARACTERS)
        if self.metadata is not None:
            check_metadata(self.metadata)
        check_text("namespace", self.namespace, limits.NAMESPACE_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class History(_Body):
    """memory.history: what happened to one memory, newest first; deleted ones have a history too."""

    id: str
    limit: int = 100
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        check_range("limit", self.limit, 1, limits.HISTORY)
        check_text("namespace", self.namespace, limits.NAMESPACE_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(_Body):
    """memory.undo: make one change as if it had not been; that is a change again."""

    seq: int

    def __post_init__(self) -> None:
        check_range("seq", self.seq, 1, 1 << 53)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge(_Body):
    """memory.purge: remove for good one deleted memory, or all that were deleted before a time."""

    id: str | None = None
    before: datetime | None = None
    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        if (self.id is None) == (self.before is None):
            raise ArgumentInvalidError("a purge names either one memory's id, or a time before which all are meant")
        if self.id is not None:
            check_text("id", self.id, limits.TYPE_CHARACTERS)
        _set(self, "before", aware("before", self.before))
        check_text("namespace", self.namespace, limits.NAMESPACE_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump(_Body):
    """memory.dump: a page of all memories of all namespaces as they are, in the order in which they were stored.

    after: the cursor that the page before gave; 0 begins. vectors: whether they come along.
    """

    after: int = 0
    limit: int = limits.DUMP_MEMORIES
    vectors: bool = False

    def __post_init__(self) -> None:
        check_range("after", self.after, 0, 1 << 62)
        check_range("limit", self.limit, 1, limits.DUMP_MEMORIES)
        if not isinstance(self.vectors, bool):
            raise ArgumentInvalidError("vectors is true or false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup(_Body):
    """admin.backup: a verified copy of the database.

    to: an absolute folder; None for the settings' own.
    """

    to: str | None = None

    def __post_init__(self) -> None:
        if self.to is not None and not (isinstance(self.to, str) and self.to.startswith("/")):
            raise ArgumentInvalidError("to is not the absolute path of a folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(_Body):
    """admin.rebuild, admin.verify: no arguments."""


BODIES: Mapping[str, type[Any]] = {
    "memory.store": Store,
    "memory.store_batch": StoreBatch,
    "memory.search": Search,
    "memory.match": Search,
    "memory.get": Get,
    "memory.list": List,
    "memory.update": Update,
    "memory.rewrite": Update,
    "memory.delete": Get,
    "memory.history": History,
    "memory.undo": Undo,
    "memory.purge": Purge,
    "memory.dump": Dump,
    "admin.backup": Backup,
    "admin.rebuild": Nothing,
    "admin.verify": Nothing,
}
"""The class of each operation's body."""
