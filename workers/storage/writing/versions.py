"""Versions: a memory that takes another's place; the former stays as it was, and searches leave it out."""

from __future__ import annotations

import orjson

from memmux.errors import ArgumentInvalidError
from memmux.wire.answers import Memory
from memmux.wire.ids import uuid7
from memmux.wire.requests import Update
from workers.runtime.jobs import Job
from workers.storage.db import engine, queries, rows
from workers.storage.db.embeddings import Embedded
from workers.storage.db.filters import metadata_text
from workers.storage.db.state import State, digest
from workers.storage.writing.memory_table import Ledger

_SQL = queries.load("writer")


def renew(ledger: Ledger, job: Job, row: int, then: Update, text: Embedded | None) -> dict[str, object]:
    """Store a new version of the memory `row`, with what `then` says over what it has; return its acknowledgement.

    then: with a content, and all metadata that the new one shall have. Raises ArgumentInvalidError if a live memory has
    the content already, or `row` has a newer version already, and QuotaExceededError.
    """
    (before,) = rows.memories(ledger.connection, [row])
    if before.superseded_by is not None:
        raise ArgumentInvalidError(
            f"the memory {before.id!r} was superseded by {before.superseded_by!r} already; update that one"
        )
    content, metadata = then.content or "", then.metadata or {}
    found = digest(content)
    if same := ledger.same(before.namespace, found):
        raise ArgumentInvalidError(
            f"the memory {same[1]!r} has this content already; a new version has another, or delete that one first"
        )
    ledger.make_room(job, before.namespace)
    memory_id, at = uuid7(), ledger.at()
    ledger.execute("supersede", row=row, superseded_by=memory_id)
    ledger.log(job, at, row, before.id, orjson.dumps(before))
    ledger.execute(
        "insert_memory",
        id=memory_id,
        namespace=before.namespace,
        type=then.type or before.type,
        at=at,
        supersedes=before.id,
        content_hash=found,
        metadata=metadata_text(metadata),
        content=content,
    )
    newer = ledger.connection.last_insert_rowid()
    ledger.tag(newer, before.tags if then.tags is None else then.tags)
    if text is not None:
        ledger.vectors.add(newer, before.namespace, text)
    seq = ledger.log(job, at, newer, memory_id, before=None)
    return {"id": memory_id, "content_hash": found, "seq": seq, "indexed": text is not None}


def make_current(ledger: Ledger, job: Job, row: int, before: Memory) -> int:
    """Let the memory `row` be superseded by none, and return the seq of that."""
    ledger.execute("supersede", row=row, superseded_by=None)
    return ledger.log(job, ledger.at(), row, before.id, orjson.dumps(before))


def follow(ledger: Ledger, job: Job, newer: State, undone: int) -> None:
    """Let the former version of a memory that was deleted, or brought back, be current, or be so no longer.

    undone: the change whose undoing did that; it counts only if its request changed the former version, too.
    """
    former = newer.memory.supersedes
    row = former and engine.value(ledger.connection, _SQL["by_id"], {"id": former})
    if not row or not engine.value(ledger.connection, _SQL["changed_with"], {"row": row, "seq": undone}):
        return
    before = ledger.state(row)
    known, wanted = (newer.memory.id, None) if newer.deleted else (None, newer.memory.id)
    if before.memory.superseded_by != known:
        return
    ledger.execute("supersede", row=row, superseded_by=wanted)
    ledger.log(job, ledger.at(), row, before.memory.id, before.to_log())
