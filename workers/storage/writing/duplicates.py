"""Duplicates: a memory that is stored again takes up what is new: tags, metadata that it lacks, a type, names."""

from __future__ import annotations

from dataclasses import replace

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError, TagInvalidError
from memmux.wire.answers import Memory
from memmux.wire.checks import check_metadata
from memmux.wire.requests import Store
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.records.filters import spellings
from workers.storage.records.state import State
from workers.storage.records.threads import placed
from workers.storage.writing.memory_table import MemoryTable

_SQL = queries.load("writer")
_FIELDS = ("tags", "metadata", "type", "aliases", "thread")


def take_up(memory_table: MemoryTable, job: Job, row: int, asked: Store) -> tuple[int, list[str], Memory]:
    """Let the memory `row`, which has the content of `asked`, have what it lacks, and count again if superseded.

    Nothing that it has is changed or removed. Return the seq of its last change, the names of the fields that got more,
    and the memory as it is now. The names that are asked for are free. Raises TagInvalidError, MetadataInvalidError and
    ArgumentInvalidError if it would have more than a memory may.
    """
    now = memory_table.state(row)
    then = _together(now.memory, asked) if asked.merge else now.memory
    merged = [name for name in _FIELDS if getattr(then, name) != getattr(now.memory, name)]
    if now.memory.superseded_by is None and not merged:
        return memory_table.connection.value(_SQL["last_change"], {"row": row}), merged, now.memory
    at = memory_table.at()
    times = memory_table.times(row)
    times["updated_at"] = at if merged else times["updated_at"]
    # It is said again, so it holds again.
    memory_table.put(row, now, State(replace(then, superseded_by=None), deleted=False), times)
    return memory_table.log(job, at, row, now.memory.id, orjson.dumps(now.memory)), merged, then


def _together(memory: Memory, asked: Store) -> Memory:
    tags = tuple(spellings((*memory.tags, *asked.tags)).values())
    if len(tags) > limits.TAGS:
        raise TagInvalidError(
            f"the memory {memory.id!r} has this content already, and with these tags it would have {len(tags)}; the "
            f"most is {limits.TAGS}: leave some out, or update it"
        )
    metadata = {**asked.metadata, **memory.metadata}
    check_metadata(metadata)
    names = {*memory.aliases, *asked.aliases, *((asked.id,) if asked.id else ())} - {memory.id}
    if len(names) > max(limits.ALIASES, len(memory.aliases)):  # it may have more of memories that became one with it
        raise ArgumentInvalidError(
            f"the memory {memory.id!r} has this content already, and with these names {len(names)} aliases; the most "
            f"is {limits.ALIASES}: leave id and aliases out"
        )
    aliases = tuple(sorted(names))
    thread, place = memory.thread, memory.place
    if thread is None:
        thread, place = placed(asked.thread, asked.place if place is None else place, metadata)
    return replace(
        memory,
        tags=tags,
        metadata=metadata if metadata != memory.metadata else memory.metadata,
        type=memory.type or asked.type,
        aliases=aliases if set(aliases) != set(memory.aliases) else memory.aliases,
        thread=thread,
        place=place,
    )
