"""History: the change log of one memory, told in words; what a change did is seen from the state before the next."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from memmux.errors import MessageTooLargeError, NotFoundError
from memmux.wire import answers
from memmux.wire.answers import Change, Notice
from memmux.wire.requests import Changes, Filter, History
from memmux.wire.times import from_epoch
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import rows
from workers.storage.records.filters import Deleted, condition
from workers.storage.records.state import State

_SQL = queries.load("history")
PURGE = "memory.purge"
UNDO = "memory.undo"
REWRITE = "memory.rewrite"
_VIEWS = {
    "vectors.backfill": "got vectors",
    "vectors.audit": "lost vectors that were brought along",
    "admin.rebuild": "lost wrong vectors",
}
_DID = {
    "memory.store": "stored",
    "memory.store_batch": "stored",
    "memory.store_similar": "stored",
    "memory.load": "loaded",
    "memory.update": "changed",
    REWRITE: "changed",
    "memory.delete": "deleted",
    "memory.forget": "deleted",
    UNDO: "undid a change",
    PURGE: "purged",
}
BEGINNING_CHARACTERS = 240  # of a memory's text, where a change is told with it
_FIELDS = ("content", "tags", "type", "metadata", "aliases", "thread", "place")


def history(connection: Connection, asked: History) -> Sequence[Change]:
    """Return the changes of one memory, newest first, also of one that is deleted or purged.

    Raises NotFoundError and MessageTooLargeError.
    """
    row = rows.past(connection, asked.id, rows.single(asked.namespace))
    if row is None:
        raise NotFoundError(
            f"there never was a memory {asked.id!r} in namespace {asked.namespace!r}; {rows.finding(asked.id)}"
        )
    deleted = connection.value(_SQL["deleted"], {"row": row})
    after = None if deleted is None else State(rows.memories(connection, [row])[0], bool(deleted))
    found: list[Change] = []
    size = 0
    for seq, memory_id, at, operation, client, request, text in connection.each(
        _SQL["changes"], {"row": row, "limit": asked.limit}
    ):
        size += len(text or "")
        if size > rows.ANSWER_BYTES:
            raise MessageTooLargeError("the history has more bytes than a message; ask for fewer changes at once")
        before = None if text is None or operation == PURGE else State.from_log(text)
        did = _VIEWS.get(operation) or _did(operation, before, after)
        found.append(
            Change(
                seq=seq,
                id=memory_id,
                at=from_epoch(at),
                operation=operation,
                client=client,
                request=request,
                did=did,
                before=None if before is None else before.memory,
            )
        )
        if operation not in _VIEWS:
            after = before
    return found


def changes(connection: Connection, asked: Changes, seq: int) -> answers.Changes:
    """Return what happened after a change, oldest first, up to the newest, `seq`; what only a view saw is left out.

    A memory that was purged is not there any more, and neither is what happened to it.
    """
    if asked.after is None or asked.after >= seq:
        return answers.Changes(changes=(), next=seq)
    where = condition(Filter(tags=asked.tags, namespace=asked.namespace), deleted=Deleted.TOO)
    values = {
        **where.values,
        "after": asked.after,
        "limit": asked.limit,
        "views": tuple(_VIEWS),
        "client": asked.client,
        "operations": asked.operations,
        "texts": asked.texts,
        "characters": BEGINNING_CHARACTERS,
    }
    query = _SQL["newest_changes" if asked.newest else "oldest_changes"].among(where.names)
    found = [
        Notice(
            seq=number,
            id=memory_id,
            namespace=namespace,
            at=from_epoch(at),
            operation=operation,
            client=client,
            deleted=bool(deleted),
            tags=tuple(orjson.loads(tags)),
            text=text,
            short=rows.short(connection, memory_id, namespace) if asked.texts else None,
        )
        for number, memory_id, namespace, at, operation, client, deleted, tags, text in connection.fetch(query, values)
    ]
    more = len(found) == asked.limit and not asked.newest
    return answers.Changes(changes=tuple(found[::-1] if asked.newest else found), next=found[-1].seq if more else seq)


def _did(operation: str, before: State | None, after: State | None) -> str:
    """Return what a change did, as far as the states around it are known."""
    if before is None and after is not None and operation == REWRITE:
        return "stored as a newer version"
    if before is None or after is None:
        return _DID.get(operation, operation)
    undone = "undid a change: " if operation == UNDO else ""
    if before.deleted != after.deleted:
        return undone + ("deleted" if after.deleted else "brought back")
    if before.memory.superseded_by != after.memory.superseded_by:
        return undone + ("superseded by a newer version" if after.memory.superseded_by else "made current again")
    names = [name for name in _FIELDS if getattr(before.memory, name) != getattr(after.memory, name)]
    return undone + (f"changed {', '.join(names)}" if names else "changed nothing")
