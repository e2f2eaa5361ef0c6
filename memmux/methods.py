"""What a program may ask of a cluster: each function checks its arguments and returns the `Call` that asks for it.

`Client` and `AsyncClient` make their methods from these functions, so that no operation is written twice. All take
`timeout_s`, how long to wait for the answer; those that write take `key`, an idempotency key: a write with a key that
was applied before is answered again, not applied again. Wrong arguments raise a `RequestError` before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, cast

import orjson

from memmux import limits, requests
from memmux.calls import TIMEOUT_MOST_S, Call, Vector, embedding_of
from memmux.checks import check_range
from memmux.errors import ArgumentInvalidError, MetadataInvalidError
from memmux.models import (
    Backup,
    Change,
    Deleted,
    Dumped,
    Loaded,
    Memory,
    Page,
    Problem,
    Purged,
    Rebuilt,
    SearchResult,
    Status,
    Stored,
    Undone,
    Updated,
    Verified,
)
from memmux.protocol import Message
from memmux.requests import DEFAULT_NAMESPACE, Filter, Mode

Time: TypeAlias = datetime | str | None


def store(
    content: str,
    *,
    tags: Sequence[str] = (),
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    vector: Vector | None = None,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Stored]:
    """Keep one memory; a content that is there already is not kept twice.

    vector: the content's embedding by the cluster's model, if the caller made it.
    """
    arguments = requests.Store(
        content=content, tags=_tags(tags), type=type, metadata=_object(metadata), namespace=namespace
    )
    embedding = None if vector is None else embedding_of([content], [vector])
    return Call(
        operation="memory.store",
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


def search(
    query: str,
    *,
    mode: Mode | str = Mode.HYBRID,
    limit: int = 10,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    after: Time = None,
    before: Time = None,
    metadata: Mapping[str, object] | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    vector: Vector | None = None,
    timeout_s: float | None = None,
) -> Call[SearchResult]:
    """Find the best memories for a query, among those that the filter lets through.

    mode: semantic, keyword, hybrid or exact. vector: the query's embedding by the cluster's model, if the caller made
    it.
    """
    kept = _filter(
        tags=tags, any_tag=any_tag, type_=type, after=after, before=before, metadata=metadata, namespace=namespace
    )
    arguments = requests.Search(query=query, mode=cast("Mode", mode), limit=limit, filter=kept)
    if vector is not None and not arguments.mode.embeds:
        raise ArgumentInvalidError(f"a search by {arguments.mode} needs no vector; leave it out")
    return Call(
        operation="memory.search" if arguments.mode.embeds else "memory.match",
        body=arguments.to_body(),
        read=_found,
        timeout_s=timeout_s,
        embedding=None if vector is None else embedding_of([query], [vector]),
    )


def get(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    namespace: str = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Memory]:
    """Return one memory, by its id or its content hash; raises NotFoundError."""
    arguments = requests.Get(id=id, namespace=namespace)
    return Call(operation="memory.get", body=arguments.to_body(), read=_memory, timeout_s=timeout_s)


def page(
    *,
    limit: int = 20,
    offset: int = 0,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    after: Time = None,
    before: Time = None,
    metadata: Mapping[str, object] | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[Page]:
    """Return a page of the memories that the filter lets through, newest first."""
    kept = _filter(
        tags=tags, any_tag=any_tag, type_=type, after=after, before=before, metadata=metadata, namespace=namespace
    )
    arguments = requests.List(limit=limit, offset=offset, filter=kept)
    return Call(operation="memory.list", body=arguments.to_body(), read=_page, timeout_s=timeout_s)


def update(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    content: str | None = None,
    tags: Sequence[str] | None = None,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Updated]:
    """Change a memory; None leaves a field as it is. Tags replace the old ones, metadata is merged key by key.

    Raises NotFoundError.
    """
    arguments = requests.Update(
        id=id,
        content=content,
        tags=None if tags is None else _tags(tags),
        type=type,
        metadata=None if metadata is None else _object(metadata),
        namespace=namespace,
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
    """Delete a memory, by its id or its content hash; raises NotFoundError."""
    arguments = requests.Get(id=id, namespace=namespace)
    return Call(operation="memory.delete", body=arguments.to_body(), read=_deleted, key=key, timeout_s=timeout_s)


def history(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    limit: int = 100,
    namespace: str = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[tuple[Change, ...]]:
    """Return what happened to one memory, newest first, by its id or its content hash; also of a deleted one.

    Raises NotFoundError.
    """
    arguments = requests.History(id=id, limit=limit, namespace=namespace)
    return Call(operation="memory.history", body=arguments.to_body(), read=_history, timeout_s=timeout_s)


def undo(seq: int, *, key: str | None = None, timeout_s: float | None = None) -> Call[Undone]:
    """Make one change as if it had not been; that is a change again, and can be undone.

    Raises NotFoundError, and UndoConflictError if the memory was changed since.
    """
    body = requests.Undo(seq=seq).to_body()
    return Call(operation="memory.undo", body=body, read=_undone, key=key, timeout_s=timeout_s)


def purge(
    id: str | None = None,  # noqa: A002 - the name of the memory's field
    *,
    before: Time = None,
    namespace: str = DEFAULT_NAMESPACE,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Purged]:
    """Remove for good one deleted memory, or those that were deleted before a time, a bounded number at once.

    Their texts go from the change log too, whose entries stay. Raises NotFoundError.
    """
    arguments = requests.Purge(id=id, before=cast("datetime | None", before), namespace=namespace)
    return Call(operation="memory.purge", body=arguments.to_body(), read=_purged, key=key, timeout_s=timeout_s)


def dump(
    *,
    after: int = 0,
    limit: int = limits.DUMP_MEMORIES,
    vectors: bool = False,
    timeout_s: float | None = None,
) -> Call[Dumped]:
    """Return a page of all memories of all namespaces as they are, the deleted ones too, in the order of their storing.

    after: the `next` of the page before. vectors: whether they come along.
    """
    arguments = requests.Dump(after=after, limit=limit, vectors=vectors)
    return Call(operation="memory.dump", body=arguments.to_body(), read=_dumped, timeout_s=timeout_s)


def load(
    memories: Sequence[Mapping[str, object]], *, key: str | None = None, timeout_s: float | None = None
) -> Call[Loaded]:
    """Put memories back as `dump` gave them; those that are there already, as they are given, are skipped."""
    check_range("the number of memories", len(memories), 1, limits.DUMP_MEMORIES)
    try:
        body = orjson.dumps({"memories": memories})
    except orjson.JSONEncodeError as error:
        raise ArgumentInvalidError(f"the memories can't be written as JSON: {error}") from None
    return Call(operation="memory.load", body=body, read=_loaded, key=key, timeout_s=timeout_s)


def status(*, timeout_s: float | None = None) -> Call[Status]:
    """Return the state of the cluster, its workers and its clients."""
    return Call(operation="cluster.status", read=_status, timeout_s=timeout_s)


def stop(*, timeout_s: float | None = None) -> Call[None]:
    """Ask the cluster to answer what is in flight and to exit."""
    return Call(operation="cluster.stop", read=lambda _: None, timeout_s=timeout_s)


def backup(
    *, to: str | Path | None = None, key: str | None = None, timeout_s: float | None = TIMEOUT_MOST_S
) -> Call[Backup]:
    """Make a backup while the cluster serves, and check it.

    to: a folder; by default that of the settings, where only so many are kept.
    """
    arguments = requests.Backup(to=None if to is None else str(Path(to).expanduser().absolute()))
    return Call(operation="admin.backup", body=arguments.to_body(), read=_backup, key=key, timeout_s=timeout_s)


def rebuild(*, key: str | None = None, timeout_s: float | None = TIMEOUT_MOST_S) -> Call[Rebuilt]:
    """Build every index and counter anew from the memories."""
    body = requests.Nothing().to_body()
    return Call(operation="admin.rebuild", body=body, read=_rebuilt, key=key, timeout_s=timeout_s)


def verify(*, timeout_s: float | None = TIMEOUT_MOST_S) -> Call[Verified]:
    """Have a read worker compare what it keeps in memory with the database."""
    return Call(operation="admin.verify", body=requests.Nothing().to_body(), read=_verified, timeout_s=timeout_s)


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    return cast("tuple[str, ...]", tags)  # a list becomes one, and anything else is refused, by the request


def _object(metadata: Mapping[str, object] | None) -> Mapping[str, object]:
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        return metadata  # refused by the request
    plain = dict(metadata)
    try:
        orjson.dumps(plain)  # one that holds itself would be walked for ever
    except orjson.JSONEncodeError as error:
        raise MetadataInvalidError(f"the metadata can't be written as JSON: {error}") from None
    return plain


def _filter(
    *,
    tags: Sequence[str],
    any_tag: bool,
    type_: str | None,
    after: Time,
    before: Time,
    metadata: Mapping[str, object] | None,
    namespace: str,
) -> Filter:
    return Filter(
        tags=_tags(tags),
        any_tag=any_tag,
        type=type_,
        after=cast("datetime | None", after),  # a text is read by the request
        before=cast("datetime | None", before),
        metadata=_object(metadata),
        namespace=namespace,
    )


def _stored(message: Message) -> Stored:
    return Stored(**orjson.loads(message.body), degraded=message.header.degraded)


def _stored_batch(message: Message) -> tuple[Stored, ...]:
    rows = orjson.loads(message.body)["stored"]
    return tuple(Stored(**row, degraded=message.header.degraded) for row in rows)


def _found(message: Message) -> SearchResult:
    return SearchResult.from_body(message.body, message.header.degraded)


def _memory(message: Message) -> Memory:
    return Memory.from_json(orjson.loads(message.body))


def _page(message: Message) -> Page:
    return Page.from_body(message.body)


def _updated(message: Message) -> Updated:
    return Updated(**orjson.loads(message.body), degraded=message.header.degraded)


def _deleted(message: Message) -> Deleted:
    return Deleted(**orjson.loads(message.body))


def _history(message: Message) -> tuple[Change, ...]:
    return tuple(map(Change.from_json, orjson.loads(message.body)["changes"]))


def _undone(message: Message) -> Undone:
    return Undone(**orjson.loads(message.body))


def _purged(message: Message) -> Purged:
    return Purged(**orjson.loads(message.body))


def _dumped(message: Message) -> Dumped:
    fields = orjson.loads(message.body)
    return Dumped(**{**fields, "memories": tuple(fields["memories"])})


def _loaded(message: Message) -> Loaded:
    fields = orjson.loads(message.body)
    return Loaded(**{**fields, "problems": tuple(Problem(**problem) for problem in fields["problems"])})


def _backup(message: Message) -> Backup:
    return Backup(**orjson.loads(message.body))


def _rebuilt(message: Message) -> Rebuilt:
    return Rebuilt(**orjson.loads(message.body))


def _verified(message: Message) -> Verified:
    return Verified(**orjson.loads(message.body))


def _status(message: Message) -> Status:
    return Status.from_body(message.body)
