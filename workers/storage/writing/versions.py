"""Versions: a memory that takes another's place; the former stays as it was, and searches leave it out."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from memmux.errors import ArgumentInvalidError
from memmux.wire.ids import uuid7
from memmux.wire.requests import Update
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.records import rows
from workers.storage.records.embeddings import Embedded
from workers.storage.records.filters import metadata_text
from workers.storage.records.state import State, digest
from workers.storage.records.threads import moved
from workers.storage.writing.memory_table import MemoryTable

_SQL = queries.load("writer")


def renew(memory_table: MemoryTable, job: Job, row: int, then: Update, texts: Sequence[Embedded]) -> dict[str, object]:
    """Store a new version of the memory `row`, with what `then` says over what it has; return its acknowledgement.

    then: with a content, and all metadata that the new one shall have. Raises ArgumentInvalidError if a live memory has
    the content already, or `row` has a newer version already, and QuotaExceededError.
    """
    (before,) = rows.memories(memory_table.connection, [row])
    if before.superseded_by is not None:
        raise ArgumentInvalidError(
            f"the memory {before.id!r} was superseded by {before.superseded_by!r} already; update that one"
        )
    content, metadata = then.content or "", then.metadata or {}
    found = digest(content)
    if same := memory_table.same(before.namespace, found):
        raise ArgumentInvalidError(
            f"the memory {same[1]!r} has this content already; a new version has another, or delete that one first"
        )
    memory_table.make_room(job, before.namespace)
    memory_id, at = uuid7(), memory_table.at()
    memory_table.execute("supersede", row=row, superseded_by=memory_id)
    memory_table.log(job, at, row, before.id, orjson.dumps(before))
    thread, place = moved((before.thread, before.place), before.metadata, metadata)
    newer = memory_table.connection.insert(
        _SQL["insert_memory"],
        {
            "id": memory_id,
            "namespace": before.namespace,
            "type": then.type or before.type,
            "at": at,
            "supersedes": before.id,
            "content_hash": found,
            "metadata": metadata_text(metadata),
            "content": content,
            "thread": thread,
            "place": place,
            "run": memory_table.connection.value(_SQL["run"], {"row": row}),
        },
    )
    memory_table.tag(newer, before.tags if then.tags is None else then.tags)
    for text in texts:
        memory_table.vectors.add(newer, before.namespace, text)
    seq = memory_table.log(job, at, newer, memory_id, before=None)
    return {"id": memory_id, "content_hash": found, "seq": seq, "indexed": memory_table.indexed(newer)}


def follow(memory_table: MemoryTable, job: Job, newer: State, undone: int, at: float) -> None:
    """Let the former version of a memory that was deleted, or brought back, be current, or be so no longer.

    undone: the change whose undoing did that; it counts only if its request changed the former version, too.
    at: the time of that undoing: both are one change to `memmux undo --last`.
    """
    former = newer.memory.supersedes
    row = former and memory_table.connection.value(_SQL["by_id"], {"id": former})
    if not row or not memory_table.connection.value(_SQL["changed_with"], {"row": row, "seq": undone}):
        return
    before = memory_table.state(row)
    known, wanted = (newer.memory.id, None) if newer.deleted else (None, newer.memory.id)
    if before.memory.superseded_by != known:
        return
    memory_table.execute("supersede", row=row, superseded_by=wanted)
    memory_table.log(job, at, row, before.memory.id, before.to_log())
