"""Memories: the requests that keep, read and change them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.wire.checks import (
    aware,
    check_aliases,
    check_content,
    check_metadata,
    check_namespace,
    check_range,
    check_tags,
    check_text,
    check_thread,
)
from memmux.wire.ids import is_uuid
from memmux.wire.requests.base import DEFAULT_NAMESPACE, Body, Metadata, check_flag, named, namespaces_of, put
from memmux.wire.requests.filters import Filter, filter_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Body):
    """One memory to keep: the body of memory.store and memory.store_similar, and what a batch is made of.

    content: the text.
    tags: at most 64.
    type: what kind of memory it is.
    metadata: more about it.
    namespace: where to keep it.
    id: a UUID, of no other memory; None for a new one.
    created_at: when it was first known; None for now.
    aliases: other names by which it is found, which no other memory of the namespace goes by.
    merge: whether the memory that has this content already, if one does, takes up what it lacks of the others.
    thread: what it belongs to, such as a conversation; None for what the metadata name, or else its client's last ones.
    place: where it stands in its thread; None for the order of creation.
    """

    content: str
    tags: tuple[str, ...] = ()
    type: str | None = None
    metadata: Metadata = field(default_factory=dict)
    namespace: str = DEFAULT_NAMESPACE
    id: str | None = None
    created_at: datetime | None = None
    aliases: tuple[str, ...] = ()
    merge: bool = True
    thread: str | None = None
    place: int | None = None

    def __post_init__(self) -> None:
        check_flag("merge", self.merge)
        check_content(self.content)
        check_tags(self.tags)
        put(self, "tags", tuple(self.tags))
        if self.type is not None:
            check_text("type", self.type, limits.TYPE_CHARACTERS)
        check_metadata(self.metadata)
        check_namespace("namespace", self.namespace)
        if self.id is not None and not is_uuid(self.id):
            raise ArgumentInvalidError("id is not a UUID in lower case, such as 0198c5a2-6f1e-7c3a-9d42-5b8e1f2a3c4d")
        if (moment := aware("created_at", self.created_at)) is not None:
            # As it is kept: one that can't be read back would be in the way of every list.
            put(self, "created_at", aware("created_at", moment.timestamp()))
        check_aliases(self.aliases)
        put(self, "aliases", tuple(self.aliases))
        check_thread(self.thread, self.place)

    def to_body(self) -> bytes:
        """Return it as a request's body."""
        return orjson.dumps(self.to_json())

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object, without what is hardly ever given: clusters of before do not know it."""
        rare = {"id": self.id, "created_at": self.created_at, "aliases": self.aliases, "thread": self.thread}
        return {
            "content": self.content,
            "tags": self.tags,
            "type": self.type,
            "metadata": self.metadata,
            "namespace": self.namespace,
            **{name: value for name, value in rare.items() if value},
            **({} if self.merge else {"merge": False}),
            **({} if self.place is None else {"place": self.place}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBatch(Body):
    """memory.store_batch: several memories, kept in one transaction: all of them or none."""

    memories: tuple[Store, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.memories, list | tuple):
            raise ArgumentInvalidError("memories are not a list")
        check_range("the number of memories", len(self.memories), 1, limits.BATCH_MEMORIES)
        stores = (memory if isinstance(memory, Store) else Store.from_json(memory) for memory in self.memories)
        put(self, "memories", tuple(stores))

    def inside(self, namespace: str) -> StoreBatch:
        """Return the batch with those of the default namespace in another one."""
        if namespace == DEFAULT_NAMESPACE:
            return self
        return StoreBatch(
            memories=tuple(
                replace(memory, namespace=namespace) if memory.namespace == DEFAULT_NAMESPACE else memory
                for memory in self.memories
            )
        )

    def to_body(self) -> bytes:
        """Return it as a request's body."""
        return orjson.dumps({"memories": [memory.to_json() for memory in self.memories]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Get(Body):
    """memory.get: one memory, by its id, its content hash or an alias.

    namespace: where it is; one of several, or None, wherever it is, if it is in one only. as_of: as it was after this
    change, deleted since or not, found by the names that it has now; None for how it is.
    """

    id: str
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE
    as_of: int | None = None

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        put(self, "namespace", named(self.namespace))
        if self.as_of is not None:
            check_range("as_of", self.as_of, 0, limits.SEQ)

    def to_body(self) -> bytes:
        """Return it as a request's body, without what is hardly ever given: clusters of before do not know it."""
        rare = {} if self.as_of is None else {"as_of": self.as_of}
        return orjson.dumps({"id": self.id, "namespace": self.namespace, **rare})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Body):
    """memory.delete: one memory, named as of Get.

    if_match: the etag of the only state in which it is deleted; None for any.
    """

    id: str
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE
    if_match: str | None = None

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        put(self, "namespace", named(self.namespace))
        if self.if_match is not None:
            check_text("if_match", self.if_match, limits.TYPE_CHARACTERS)

    def to_body(self) -> bytes:
        """Return it as a request's body, without what is hardly ever given: clusters of before do not know it."""
        return _without_if_match(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Body):
    """memory.update, and memory.rewrite with a content: what to change; None leaves a field as it is.

    tags replace the old ones; metadata is merged key by key, and a key set to null is removed. versioned: the memory
    stays as it is, and a new one, which has what changes over what the old one has, takes its place.
    namespace: as of Get. if_match: the etag of the only state that is changed; None for any.
    """

    id: str
    content: str | None = None
    tags: tuple[str, ...] | None = None
    type: str | None = None
    metadata: Metadata | None = None
    namespace: str | tuple[str, ...] | None = DEFAULT_NAMESPACE
    versioned: bool = False
    if_match: str | None = None

    def __post_init__(self) -> None:
        check_text("id", self.id, limits.TYPE_CHARACTERS)
        if self.content is None and self.tags is None and self.type is None and self.metadata is None:
            raise ArgumentInvalidError("an update changes something: give content, tags, type or metadata")
        if self.content is not None:
            check_content(self.content)
        if self.tags is not None:
            check_tags(self.tags)
            put(self, "tags", tuple(self.tags))
        if self.type is not None:
            check_text("type", self.type, limits.TYPE_CHARACTERS)
        if self.metadata is not None:
            check_metadata(self.metadata)
        put(self, "namespace", named(self.namespace))
        check_flag("versioned", self.versioned)
        if self.versioned and self.content is None:
            raise ArgumentInvalidError("a new version has a content; give it, or update the memory in place")
        if self.if_match is not None:
            check_text("if_match", self.if_match, limits.TYPE_CHARACTERS)

    def to_body(self) -> bytes:
        """Return it as a request's body, without what is hardly ever given: clusters of before do not know it."""
        return _without_if_match(self)


def _without_if_match(body: Delete | Update) -> bytes:
    given = {one.name: getattr(body, one.name) for one in fields(body)}
    return orjson.dumps({name: value for name, value in given.items() if name != "if_match" or value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget(Body):
    """memory.forget: delete all memories that a filter lets through, superseded ones too.

    dry_run: only say which they are. ids: only of these, as a dry run named them; None for all.
    """

    filter: Filter
    dry_run: bool = False
    ids: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        put(self, "filter", filter_of(self.filter, include_superseded=True))
        if self.filter.everything:
            raise ArgumentInvalidError(
                "this would delete every memory; say which ones are meant: give tags, a type, a time, or metadata"
            )
        check_flag("dry_run", self.dry_run)
        if self.ids is not None:
            put(self, "ids", _ids(self.ids, 0, limits.FORGOTTEN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Body):
    """memory.use: these memories were of use.

    ids: of memories, unknown ones do not matter. namespaces: where they are known; None for all.
    """

    ids: tuple[str, ...]
    namespaces: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        put(self, "ids", _ids(self.ids, 1, limits.BATCH_MEMORIES))
        if self.namespaces is not None:
            put(self, "namespaces", namespaces_of(self.namespaces))


def _ids(given: object, least: int, most: int) -> tuple[str, ...]:
    if not isinstance(given, list | tuple):
        raise ArgumentInvalidError("ids are not a list")
    check_range("the number of ids", len(given), least, most)
    for memory_id in given:
        check_text("an id", memory_id, limits.TYPE_CHARACTERS)
    return tuple(given)
