"""Undo: brings a memory to the state that it had before a change, which is a change like any other."""

from __future__ import annotations

from memmux.errors import ArgumentInvalidError, NotFoundError, UndoConflictError
from memmux.models import Memory
from memmux.requests import Undo
from workers.jobs import Job
from workers.storage import engine, queries
from workers.storage.filters import metadata_text
from workers.storage.ledger import Ledger, State

_SQL = queries.load("writer")
_UPKEEP = ("vectors.backfill", "admin.rebuild")  # changes of what is made from memories, not of them


def undo(ledger: Ledger, job: Job, asked: Undo) -> dict[str, object]:
    """Undo the change `asked.seq` if its memory was not changed since; return what the memory is now.

    The log keeps how a memory was before each change, and nothing of one that was new: then it is deleted. So an undo
    is undone in the same way. Raises NotFoundError, UndoConflictError and ArgumentInvalidError.
    """
    row, memory_id, target = _target(ledger, asked.seq)
    now, at = ledger.state(row), ledger.at()
    if target is None or target.deleted:
        if now.deleted:
            raise ArgumentInvalidError(f"the memory {memory_id!r} is deleted already; there is nothing to undo")
        ledger.execute("delete_memory", row=row, at=at)
        ledger.vectors.remove(row)
    else:
        _bring_back(ledger, row, now, target.memory, at)
    seq = ledger.log(job, at, row, memory_id, now.to_log())
    found = ledger.state(row)
    return {
        "id": memory_id,
        "content_hash": found.memory.content_hash,
        "seq": seq,
        "undone": asked.seq,
        "deleted": found.deleted,
        "indexed": ledger.indexed(row),
    }


def _target(ledger: Ledger, seq: int) -> tuple[int, str, State | None]:
    """Return row and id of the memory that the change is of, and how it was before; None if it was not there."""
    found = engine.fetch(ledger.connection, _SQL["change"], {"seq": seq})
    if not found:
        raise NotFoundError(f"there is no change {seq}; `memmux history ID` lists those of a memory")
    ((row, memory_id, operation, before),) = found
    if operation in _UPKEEP:
        raise ArgumentInvalidError(f"change {seq} made or dropped vectors of {memory_id!r}; there is nothing to undo")
    if not engine.value(ledger.connection, _SQL["kept"], {"row": row}):
        raise NotFoundError(f"the memory {memory_id!r} was purged since change {seq}; nothing of it can be undone")
    later = engine.value(ledger.connection, _SQL["changed_since"], {"row": row, "seq": seq})
    if later is not None:
        raise UndoConflictError(
            f"the memory {memory_id!r} was changed again since change {seq}, last by change {later}; undo that first"
        )
    return row, memory_id, None if before is None else State.from_log(before)


def _bring_back(ledger: Ledger, row: int, now: State, target: Memory, at: float) -> None:
    """Make the memory `row` a live one with the fields of `target`; vectors of another content go."""
    same = ledger.same(target.namespace, target.content_hash)
    if same is not None and same[0] != row:
        raise ArgumentInvalidError(
            f"the memory {same[1]!r} has this content already; delete that one first, or leave this as it is"
        )
    changed = _described(now.memory) != _described(target)
    ledger.execute(
        "bring_back",
        row=row,
        type=target.type,
        metadata=metadata_text(target.metadata),
        content=target.content,
        content_hash=target.content_hash,
        at=at if changed else target.updated_at.timestamp(),
    )
    if now.memory.tags != target.tags:
        ledger.execute("delete_memory_tags", row=row)
        ledger.tag(row, target.tags)
    if now.memory.content != target.content:
        ledger.vectors.remove(row)


def _described(memory: Memory) -> tuple[object, ...]:
    return memory.content, memory.type, memory.tags, memory.metadata
