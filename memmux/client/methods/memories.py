"""Memories: keep, read, change and delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

import orjson

from memmux.client.calls import Call, Vector, embedding_of
from memmux.client.methods.arguments import Time, filter_of, object_of, tags_of
from memmux.wire import requests
from memmux.wire.answers import Deleted, Forgotten, Memory, Stored, StoredBatch, Updated, Used
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE, Store


def store(
    content: str,
    *,
    tags: Sequence[str] = (),
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    id: str | None = None,  # noqa: A002 - the name of the memory's field
    created_at: Time | None = None,
    aliases: Sequence[str] = (),
    merge: bool = True,
    thread: str | None = None,
    place: int | None = None,
    vector: Vector | None = None,
    similar: bool = False,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Stored]:
    """Keep one memory; a content that is in the namespace already is not kept twice.

    content: the text, of 1 byte to 1 MiB of UTF-8. Blanks around it do not count when it is compared with others.
    tags: at most 64 of at most 128 characters, kept as they are spelled.
    type: what kind of memory it is, in words of yours.
    metadata: more about it: a JSON object of at most 64 KiB and 200 levels.
    namespace: where to keep it, in any case; if left out, the setting `namespace`. Where there is one that is spelled
        otherwise, that one is meant.
    id: the memory's id, a UUID in lower case; None for a new one, as it must be if the client's key is bound to
        namespaces.
    created_at: when it was first known, a `Time`; None for now. The change log says when it was stored.
    aliases: at most 64 other names by which it is found, such as the id that it had elsewhere.
    merge: whether the memory that has this content already, if one does, takes up what it lacks: tags, keys of the
        metadata, a type, aliases, the id as one of them, and a thread. What it has is never changed.
    thread: what it belongs to, such as a conversation or a document, in at most 4096 characters. If left out, what the
        metadata name: `conversation_id`, `session_id`, or `source` with a whole number `chunk`, which is the place;
        else it goes on with what the same client stored last in the namespace, within half an hour.
    place: where it stands in its thread, a whole number; None for where its time says, after those that have a place.
    vector: the content's embedding by the cluster's model, if you have made it.
    similar: whether to name memories that say nearly the same, too; nothing is ever left out because of them.

    Returns a `Stored` once the memory is durable: with the status `created`; or `duplicate`, if the content was there.
    Then it has the id of that memory, and `merged` names the fields of which it took up something.

    Raises IdConflictError if another memory has the id or an alias, ContentEmptyError, ContentTooLongError,
    TagInvalidError, MetadataInvalidError, ModelMismatchError, QuotaExceededError.
    """
    arguments = Store(
        content=content,
        tags=tags_of(tags),
        type=type,
        metadata=object_of(metadata),
        namespace=namespace,
        id=id,
        created_at=cast("datetime | None", created_at),  # anything else is read by the request
        aliases=tags_of(aliases),
        merge=merge,
        thread=thread,
        place=place,
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
    memories: Sequence[Store],
    *,
    namespace: str = DEFAULT_NAMESPACE,
    vectors: Sequence[Vector] | None = None,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[StoredBatch]:
    """Keep several memories in one transaction: all of them or none.

    memories: 1 to 256 of them, each a `Store`, whose fields are the arguments of the method `store`.
    namespace: where to keep those whose own namespace is `default`; if left out, the setting `namespace`.
    vectors: one for each memory, if you have made them.

    Returns a `StoredBatch`: a `Stored` for each memory, in their order.

    Raises what `store` does.
    """
    arguments = requests.StoreBatch(memories=cast("tuple[Store, ...]", memories)).inside(namespace)
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
    namespace: str | None = DEFAULT_NAMESPACE,
    as_of: int | None = None,
    timeout_s: float | None = None,
) -> Call[Memory]:
    """Return one memory.

    namespace: the namespace that it is in, in any case; None for wherever it is; if left out, the setting `namespace`.
    as_of: the number of a change; the memory as it was after it, deleted since or not. It is found by the names that it
        has now, or had when it was deleted. What was purged since is gone.

    Returns a `Memory`.

    Raises NotFoundError if there is none, or it is deleted, or was at that change.
    """
    arguments = requests.Get(id=id, namespace=namespace, as_of=as_of)
    return Call(operation="memory.get", body=arguments.to_body(), read=_memory, timeout_s=timeout_s)


def update(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    content: str | None = None,
    tags: Sequence[str] | None = None,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    metadata: Mapping[str, object] | None = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    versioned: bool = False,
    if_match: str | None = None,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Updated]:
    """Change a memory; what is None stays as it is.

    content: the new text.
    tags: the new tags, in place of the old ones.
    type: the new type.
    metadata: what is merged into the old metadata key by key; a key whose value is None is removed.
    namespace: as of `get`.
    versioned: whether to leave the memory as it is, and store a new one that takes its place: with what is given here
        over what the old one has. That needs a content.
    if_match: the `etag` of the memory as you have read it: one that was changed since is left as it is.

    Returns an `Updated`; its id is the new memory's, if there is one.

    Raises NotFoundError, PreconditionFailedError if the memory was changed since, ArgumentInvalidError if nothing is to
    be changed or another memory has the content, and what `store` does.
    """
    arguments = requests.Update(
        id=id,
        content=content,
        tags=None if tags is None else tags_of(tags),
        type=type,
        metadata=None if metadata is None else object_of(metadata),
        namespace=namespace,
        versioned=versioned,
        if_match=if_match,
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
    namespace: str | None = DEFAULT_NAMESPACE,
    if_match: str | None = None,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Deleted]:
    """Delete a memory; `undo` brings it back until it is purged.

    namespace: as of `get`.
    if_match: as of `update`.

    Returns a `Deleted`.

    Raises NotFoundError, and PreconditionFailedError if the memory was changed since.
    """
    arguments = requests.Delete(id=id, namespace=namespace, if_match=if_match)
    return Call(operation="memory.delete", body=arguments.to_body(), read=_deleted, key=key, timeout_s=timeout_s)


def forget(
    *,
    tags: Sequence[str] = (),
    any_tag: bool = False,
    type: str | None = None,  # noqa: A002 - the name of the memory's field
    after: Time | None = None,
    before: Time | None = None,
    namespace: str | None = DEFAULT_NAMESPACE,
    metadata: Mapping[str, object] | None = None,
    dry_run: bool = False,
    ids: Sequence[str] | None = None,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Forgotten]:
    """Delete all memories that a filter lets through, superseded ones too.

    dry_run: whether only to say which they are.
    ids: only these of them, at most 100 000, as a dry run named them; None for all.

    Returns a `Forgotten`: the ids of those that are deleted, or would be.

    Raises ArgumentInvalidError for a filter that lets everything through (give tags, a type or a time), and
    LimitOutOfRangeError for one that lets more than 100 000 memories through.
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
    body = requests.Forget(filter=kept, dry_run=dry_run, ids=None if ids is None else tuple(ids)).to_body()
    return Call(operation="memory.forget", body=body, read=_forgotten, key=key, timeout_s=timeout_s)


def used(ids: Sequence[str], *, key: str | None = None, timeout_s: float | None = None) -> Call[Used]:
    """Count that memories were of use, for searches of the mode `ranked`; the change log does not say so.

    ids: 1 to 256 ids of memories; those that are not there do not matter.

    Returns a `Used`: how many are there.
    """
    body = requests.Use(ids=cast("tuple[str, ...]", ids)).to_body()
    return Call(operation="memory.use", body=body, read=_used, key=key, timeout_s=timeout_s)


def _stored(message: Message) -> Stored:
    return Stored.from_json(orjson.loads(message.body))


def _stored_batch(message: Message) -> StoredBatch:
    return StoredBatch.from_body(message.body)


def _memory(message: Message) -> Memory:
    return Memory.from_json(orjson.loads(message.body))


def _updated(message: Message) -> Updated:
    return Updated.from_body(message.body)


def _deleted(message: Message) -> Deleted:
    return Deleted.from_body(message.body)


def _forgotten(message: Message) -> Forgotten:
    fields = orjson.loads(message.body)
    return Forgotten(**{**fields, "ids": tuple(fields["ids"]), "notes": tuple(fields.get("notes", ()))})


def _used(message: Message) -> Used:
    return Used(**orjson.loads(message.body))
