"""The change log: look into it, undo from it, and remove for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

import orjson

from memmux.client.calls import Call
from memmux.client.methods.arguments import Time
from memmux.wire import requests
from memmux.wire.answers import Changes, History, Purged, Undone
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE


def history(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    limit: int = 100,
    namespace: str | None = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[History]:
    """Return what happened to one memory, newest first; also to a deleted or purged one.

    limit: how many changes at most, 1 to 1000.
    namespace: as of `get`.

    Returns a `History`.

    Raises NotFoundError if there never was such a memory.
    """
    arguments = requests.History(id=id, limit=limit, namespace=namespace)
    return Call(operation="memory.history", body=arguments.to_body(), read=_history, timeout_s=timeout_s)


def changes(
    after: int | None = None,
    *,
    limit: int = 100,
    tags: Sequence[str] = (),
    namespace: str | Sequence[str] | None = DEFAULT_NAMESPACE,
    client: str | None = None,
    operations: Sequence[str] = (),
    newest: bool = False,
    texts: bool = False,
    timeout_s: float | None = None,
) -> Call[Changes]:
    """Return what happened after a change, oldest first: what was stored, changed, deleted and brought back.

    after: the number of that change, as `next` of the answer before has it; None for the newest: then there is nothing
        yet, and `next` is the number to begin with.
    limit: how many changes at most, 1 to 1000.
    tags: only of memories that have all of these tags now, compared without regard to case.
    namespace: only of memories of this namespace; None for all namespaces; if left out, the setting `namespace`.
    client: only what a client did whose name begins so, in any case.
    operations: only these, such as `memory.delete`; none for all.
    newest: whether to return the newest of them, and not the first after that change.
    texts: whether each has how the memory begins, and the shortest beginning of its id that names it.

    Returns a `Changes`.
    """
    named = namespace if namespace is None or isinstance(namespace, str) else tuple(namespace)
    arguments = requests.Changes(
        after=after,
        limit=limit,
        tags=tuple(tags),
        namespace=named,
        client=client,
        operations=tuple(operations),
        newest=newest,
        texts=texts,
    )
    return Call(operation="memory.changes", body=arguments.to_body(), read=_changes, timeout_s=timeout_s)


def undo(seq: int, *, key: str | None = None, timeout_s: float | None = None) -> Call[Undone]:
    """Make one change as if it had not been; that is a change again, and can be undone.

    seq: the number of the change, as `history` and the acknowledgements of writes have it.

    Returns an `Undone`.

    Raises NotFoundError, UndoConflictError if the memory was changed since or another one has its content now,
    ArgumentInvalidError if there is nothing to undo, and QuotaExceededError.
    """
    body = requests.Undo(seq=seq).to_body()
    return Call(operation="memory.undo", body=body, read=_undone, key=key, timeout_s=timeout_s)


def purge(
    id: str | None = None,  # noqa: A002 - the name of the memory's field
    *,
    before: Time | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Purged]:
    """Remove for good one deleted memory, or those that were deleted before a time, a bounded number at once.

    Their texts go from the change log too, whose entries stay, and from every file of the database and its indexes.
    Backups and exports keep what they hold. There is no undo.

    id: of one deleted memory: its id, its content hash or an alias. Either this or `before`.
    before: all that were deleted before this `Time`.
    namespace: the namespace that they are in.

    Returns a `Purged`: how many are gone, how many remain for the next call, and which copies may still hold them.

    Raises NotFoundError, and ArgumentInvalidError if the memory is not deleted.
    """
    arguments = requests.Purge(id=id, before=cast("datetime | None", before), namespace=namespace)
    return Call(operation="memory.purge", body=arguments.to_body(), read=_purged, key=key, timeout_s=timeout_s)


def _history(message: Message) -> History:
    return History.from_body(message.body)


def _changes(message: Message) -> Changes:
    return Changes.from_body(message.body)


def _undone(message: Message) -> Undone:
    return Undone(**orjson.loads(message.body))


def _purged(message: Message) -> Purged:
    fields = orjson.loads(message.body)
    return Purged(**{**fields, "copies": tuple(fields.get("copies", ()))})
