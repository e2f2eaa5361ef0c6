"""The change log: look into it, undo from it, and remove for good."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import orjson

from memmux.client.calls import Call
from memmux.client.methods.arguments import Time
from memmux.wire import requests
from memmux.wire.answers import History, Purged, Undone
from memmux.wire.protocol import Message
from memmux.wire.requests import DEFAULT_NAMESPACE


def history(
    id: str,  # noqa: A002 - the name of the memory's field
    *,
    limit: int = 100,
    namespace: str = DEFAULT_NAMESPACE,
    timeout_s: float | None = None,
) -> Call[History]:
    """Return what happened to one memory, newest first, by its id, its content hash or an alias; also of a deleted one.

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
    before: Time | None = None,
    namespace: str = DEFAULT_NAMESPACE,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Call[Purged]:
    """Remove for good one deleted memory, or those that were deleted before a time, a bounded number at once.

    Their texts go from the change log too, whose entries stay. Raises NotFoundError.
    """
    arguments = requests.Purge(id=id, before=cast("datetime | None", before), namespace=namespace)
    return Call(operation="memory.purge", body=arguments.to_body(), read=_purged, key=key, timeout_s=timeout_s)


def _history(message: Message) -> History:
    return History.from_body(message.body)


def _undone(message: Message) -> Undone:
    return Undone(**orjson.loads(message.body))


def _purged(message: Message) -> Purged:
    return Purged(**orjson.loads(message.body))
