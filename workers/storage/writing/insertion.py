"""Insertion: a memory that is loaded becomes a row of its own; and what became of any that was to be loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memmux.wire.requests import DEFAULT_NAMESPACE
from workers.runtime.jobs import Job
from workers.storage.records import links
from workers.storage.records.embeddings import Embedded
from workers.storage.records.filters import metadata_text
from workers.storage.writing.dump_lines import Line
from workers.storage.writing.memory_table import MemoryTable


@dataclass(frozen=True, slots=True)
class Done:
    """The result for a line.

    status: created, skipped, updated, merged, conflict, duplicate or broken. message: of those that are not as they
    were given, why. row: of a memory that is new, or got the vectors of the line; 0 otherwise. unverified: whether
    those are still to be compared with the model's.
    """

    status: str
    message: str = ""
    row: int = 0
    unverified: bool = False


CREATED, SKIPPED, UPDATED, MERGED = "created", "skipped", "updated", "merged"
CONFLICT, DUPLICATE, BROKEN = "conflict", "duplicate", "broken"


def insert(memory_table: MemoryTable, job: Job, line: Line, texts: Sequence[Embedded]) -> int:
    """Insert a memory of which neither id, nor live content, nor alias is there; return its row.

    Raises QuotaExceededError.
    """
    memory = line.memory
    if not line.state.deleted:
        memory_table.make_room(job, memory.namespace)
    row = memory_table.insert(
        "load_memory",
        job.client,
        id=memory.id,
        namespace=memory.namespace,
        type=memory.type,
        supersedes=memory.supersedes,
        superseded_by=memory.superseded_by,
        content_hash=memory.content_hash,
        metadata=metadata_text(memory.metadata),
        content=memory.content,
        thread=memory.thread,
        place=memory.place,
        **line.times,
    )
    memory_table.tag(row, memory.tags)
    if memory.aliases:
        links.add_aliases(memory_table.connection, row, memory.aliases)
    if line.origin:
        links.put_origin(memory_table.connection, row, line.origin)
    if line.links:
        links.add_links(memory_table.connection, row, line.links)
    for text in texts:
        memory_table.vectors.add(row, memory.namespace, text)
    memory_table.log(job, memory_table.at(), row, memory.id, before=None)
    return row


def elsewhere(memory_id: str, namespace: str) -> str:
    """Return how a message names a memory."""
    return repr(memory_id) + ("" if namespace == DEFAULT_NAMESPACE else f" in namespace {namespace!r}")
