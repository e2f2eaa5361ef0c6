"""Memories: keep, read, change and delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from memmux.client.calls import Call, Vector, embedding_of
from memmux.client.methods.arguments import Time, filter_of, object_of, tags_of
from memmux.wire import requests
from memmux.wire.answers import Deleted, Forgotten, Memory, Stored, Updated, Used
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE


def store(
    content: str,
    *,
    tags: Sequence[str] = (),
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    vector: Vector | None = None,
    similar: bool = False,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Stored]:
    """Keep one memory; a content that is there already is not kept twice.

    vector: the content's embedding by the cluster's model, if the caller made it. similar: also name memories that say
    nearly the same, in `Stored.similar`; nothing is ever left out because of them.
    """
    arguments = requests.Store(
        content=content, tags=tags_of(tags), type=type, metadata=object_of(metadata), namespace=namespace
    )
    embedding = None if vector is None else embedding_of([content], [vector])
    return Call(
        operation="memory.store_similar" if similar else "memory.store",
        body=arguments.to_body(),
        read=_stored,
        key=key,
        timeout_s=timeout_s,
        embedding=embedding,
    )


def store_batch(
    memories: Sequence[requests.Store],
    *,
    vectors: Sequence[Vector] | None = None,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[tuple[Stored, ...]]:
    """Keep several memories in one transaction: all of them or none.

    vectors: one for each memory, as of `store`.
    """
    arguments = requests.StoreBatch(memories=cast("tuple[requests.Store, ...]", memories))
    embedding = None if vectors is None else embedding_of([memory.content for memory in arguments.memories], vectors)
    return Call(
        operation="memory.store_batch",
        body=arguments.to_body(),
        read=_stored_batch,
        key=key,
        timeout_s=timeout_s,
        embedding=embedding,
    )


def get(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    namespace: str = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Memory]:
    """Return one memory, by its id, its content hash or an alias; raises NotFoundError."""
    arguments = requests.Get(id=id, namespace=namespace)
    return Call(operation="memory.get", body=arguments.to_body(), read=_memory, timeout_s=timeout_s)


def update(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    content: str | None = None,
    tags: Sequence[str] | None = None,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    versioned: bool = False,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Updated]:
    """Change a memory; None leaves a field as it is. Tags replace the old ones, metadata is merged key by key.

    versioned: leave it as it is, and store a new one, with what changes over what it has, that takes its place; that
    needs a content. Raises NotFoundError.
    """
    arguments = requests.Update(
        id=id,
        content=content,
        tags=None if tags is None else tags_of(tags),
        type=type,
        metadata=None if metadata is None else object_of(metadata),
        namespace=namespace,
        versioned=versioned,
    )
    return Call(
        operation="memory.update" if content is None else "memory.rewrite",
        body=arguments.to_body(),
        read=_updated,
        key=key,
        timeout_s=timeout_s,
    )


def delete(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    namespace: str = DEFAULT_NAMESPACE,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Deleted]:
    """Delete a memory, by its id, its content hash or an alias; raises NotFoundError."""
    arguments = requests.Get(id=id, namespace=namespace)
    return Call(operation="memory.delete", body=arguments.to_body(), read=_deleted, key=key, timeout_s=timeout_s)


def forget(
    *,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    after: Time = None,
    before: Time = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    metadata: Mapping[str, object] | None = None,
    dry_run: bool = False,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Forgotten]:
    """Delete all memories that the filter lets through, superseded ones too.

    A filter that lets through everything is refused. namespace: None for all of them. dry_run: only say which they are.
    """
    kept = filter_of(
        tags=tags,
        any_tag=any_tag,
        type_=type,
        after=after,
        before=before,
        namespace=namespace,
        metadata=metadata,
    )
    body = requests.Forget(filter=kept, dry_run=dry_run).to_body()
    return Call(operation="memory.forget", body=body, read=_forgotten, key=key, timeout_s=timeout_s)


def used(ids: Sequence[str], *, key: str | None = None, timeout_s: float | None = None) -> Call[Used]:
    """Count that these memories were of use, for searches of the mode `ranked`; unknown ids do not matter."""
    body = requests.Use(ids=cast("tuple[str, ...]", ids)).to_body()
    return Call(operation="memory.use", body=body, read=_used, key=key, timeout_s=timeout_s)


def _stored(message: Message) -> Stored:
    return Stored.from_json(orjson.loads(message.body), message.header.degraded)


def _stored_batch(message: Message) -> tuple[Stored, ...]:
    rows = orjson.loads(message.body)["stored"]
    return tuple(Stored.from_json(row, message.header.degraded) for row in rows)


def _memory(message: Message) -> Memory:
    return Memory.from_json(orjson.loads(message.body))


def _updated(message: Message) -> Updated:
    return Updated(**orjson.loads(message.body), degraded=message.header.degraded)


def _deleted(message: Message) -> Deleted:
    return Deleted(**orjson.loads(message.body))


def _forgotten(message: Message) -> Forgotten:
    fields = orjson.loads(message.body)
    return Forgotten(**{**fields, "ids": tuple(fields["ids"])})


def _used(message: Message) -> Used:
    return Used(**orjson.loads(message.body))
