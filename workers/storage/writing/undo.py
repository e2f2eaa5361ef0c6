"""Undo: brings a memory to the state that it had before a change, which is a change like any other."""

from __future__ import annotations

from dataclasses import replace

from memmux.errors import ArgumentInvalidError, NotFoundError, UndoConflictError
from memmux.wire.answers import Memory
from memmux.wire.requests import Undo
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.records.state import State
from workers.storage.writing import versions
from workers.storage.writing.memory_table import MemoryTable

_SQL = queries.load("writer")
_UPKEEP = ("vectors.backfill", "vectors.audit", "admin.rebuild")  # changes of what is made from memories, not of them


def undo(memory_table: MemoryTable, job: Job, asked: Undo) -> dict[str, object]:
    """Undo the change `asked.seq` if its memory is as it left it; return what the memory is now.

    The log keeps how a memory was before each change, and nothing of one that was new: then it is deleted. So an undo
    is undone in the same way. Where a version goes, the former one is current again. Raises NotFoundError,
    UndoConflictError, ArgumentInvalidError and QuotaExceededError.
    """
    row, memory_id, target = _target(memory_table, asked)
    origin, links = (None, None) if target is None else (target.origin, target.links)
    now, at = memory_table.state(row, origin=origin is not None, links=links is not None), memory_table.at()
    if now.deleted and (target is None or target.deleted):
        raise ArgumentInvalidError(f"the memory {memory_id!r} is deleted already; there is nothing to undo")
    if target is None:
        memory_table.execute("delete_memory", row=row, at=at)
        memory_table.vectors.remove(row)
    else:
        if now.deleted:
            memory_table.make_room(job, now.memory.namespace)
        _bring_back(memory_table, row, now, target, at)
    seq = memory_table.log(job, at, row, memory_id, now.to_log())
    found = memory_table.state(row)
    if found.deleted != now.deleted:
        versions.follow(memory_table, job, found, asked.seq, at)
    return {
        "id": memory_id,
        "content_hash": found.memory.content_hash,
        "seq": seq,
        "undone": asked.seq,
        "deleted": found.deleted,
        "indexed": memory_table.indexed(row),
    }


def _target(memory_table: MemoryTable, asked: Undo) -> tuple[int, str, State | None]:
    """Return row and id of the memory that the change is of, and how it was before; None if it was not there."""
    seq = asked.seq
    found = memory_table.connection.fetch(_SQL["change"], {"seq": seq})
    if not found or not _known(memory_table, found[0][0], asked):
        raise NotFoundError(f"there is no change {seq}; `memmux history ID` lists those of a memory")
    ((row, memory_id, operation, before),) = found
    if operation in _UPKEEP:
        raise ArgumentInvalidError(f"change {seq} made or dropped vectors of {memory_id!r}; there is nothing to undo")
    if not memory_table.connection.value(_SQL["kept"], {"row": row}):
        raise NotFoundError(f"the memory {memory_id!r} was purged since change {seq}; nothing of it can be undone")
    target = None if before is None else State.from_log(before)
    later = memory_table.connection.value(_SQL["changed_since"], {"row": row, "seq": seq})
    if later is None:
        return row, memory_id, target
    then, now = _left(memory_table, row, seq), memory_table.state(row, origin=True, links=True)
    if then is not None and _equal(then, now):
        return row, memory_id, target  # all later changes were undone
    if then is None or not _equal(_without_gone_version(memory_table, then), now):
        raise UndoConflictError(
            f"the memory {memory_id!r} was changed again since change {seq}, last by change {later}; undo that first"
        )
    if target is not None and _equal(target, now):
        raise ArgumentInvalidError(
            f"the memory {memory_id!r} is as it was before change {seq} already; there is nothing to undo"
        )
    return row, memory_id, target


def _left(memory_table: MemoryTable, row: int, seq: int) -> State | None:
    """Return how the change `seq` left the memory `row`, with origin and links if they were changed since."""
    left = memory_table.connection.value(_SQL["state_after"], {"row": row, "seq": seq})
    linked = memory_table.connection.value(_SQL["links_after"], {"row": row, "seq": seq})
    if left is None or linked is None:
        return None if left is None else State.from_log(left)
    known = State.from_log(linked)
    return replace(State.from_log(left), origin=known.origin, links=known.links)


def _equal(one: State, other: State) -> bool:
    return (
        one.deleted == other.deleted
        and _compared(one.memory) == _compared(other.memory)
        and (None in (one.origin, other.origin) or one.origin == other.origin)
        and (None in (one.links, other.links) or one.links == other.links)
    )


def _compared(memory: Memory) -> tuple[object, ...]:
    """Return all that undoing one change after the other brings back; it is another time all the same."""
    return (*_described(memory), memory.aliases, memory.supersedes, memory.superseded_by)


def _without_gone_version(memory_table: MemoryTable, former: State) -> State:
    """Return the state that `versions.follow` gives a former version once the store of its newer one was undone.

    It is another one only where the newer version is deleted or purged.
    """
    newer = former.memory.superseded_by
    row = newer and memory_table.connection.value(_SQL["by_id"], {"id": newer})
    if newer is None or (row and not memory_table.state(row).deleted):
        return former
    return replace(former, memory=replace(former.memory, superseded_by=None))


def _known(memory_table: MemoryTable, row: int, asked: Undo) -> bool:
    """Return whether the memory `row` is in one of the namespaces that are asked for; a purged one is in none."""
    if asked.namespaces is None:
        return True
    return memory_table.connection.value(_SQL["namespace"], {"row": row}) in asked.namespaces


def _bring_back(memory_table: MemoryTable, row: int, now: State, target: State, at: float) -> None:
    """Make the memory `row` what `target` is; what is live has a content that no other has."""
    memory = target.memory
    same = None if target.deleted else memory_table.same(memory.namespace, memory.content_hash)
    if same is not None and same[0] != row:
        raise UndoConflictError(
            f"the memory {same[1]!r} has this content already; delete that one first, or leave this as it is"
        )
    kept = memory_table.times(row)
    created = now.memory.created_at == memory.created_at  # what is kept may be more exact than what the log says
    changed = _described(now.memory) != _described(memory)
    times = {
        "created_at": kept["created_at"] if created else memory.created_at.timestamp(),
        "updated_at": at if changed else memory.updated_at.timestamp(),
        "deleted_at": at if target.deleted else None,
    }
    memory_table.put(row, now, target, times)


def _described(memory: Memory) -> tuple[object, ...]:
    return memory.content, memory.type, memory.tags, memory.metadata, memory.thread, memory.place
