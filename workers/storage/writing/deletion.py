"""Deletion: memories are forgotten, softly and by a filter, and purged, for good.

Each has its line in the change log. What is purged goes with its texts in the log, whose lines stay, with its words in
full text and its vectors, and all of it is overwritten in the file. Copies keep what they hold, and are named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError, NotFoundError
from memmux.wire.requests import Forget, Purge
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import rows
from workers.storage.records.filters import condition, metadata_text
from workers.storage.writing.memory_table import MemoryTable

_SEARCH = queries.load("search")
_SQL = queries.load("writer")
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PIECE = 100  # memories whose state is read at once
MOST = 1_000  # memories of one purge, so that other writes do not wait long
EXPIRED = 200  # memories of one turn of upkeep
_ANSWERS = 1_000  # that are looked through at once
_SET_BACK_S = 24 * 3600.0  # by which a clock may have been set back between a change and its answer
UPKEEP = "upkeep"  # the client in the log when nobody asked
OPERATION = "memory.purge"


def forget(memory_table: MemoryTable, job: Job, asked: Forget) -> dict[str, object]:
    """Delete the memories, softly, or only say which they are; return their ids, in the order of their storing.

    Their changes follow each other in the log; the first and the last are named, too.
    Raises LimitOutOfRangeError if they are more than a transaction may delete.
    """
    where = condition(asked.filter, ids=asked.ids)
    meant = orjson.loads(memory_table.connection.value(_SEARCH["rows"].among(where.names), where.values))
    if len(meant) > limits.FORGOTTEN:
        raise LimitOutOfRangeError(
            f"{len(meant)} memories are meant, at most {limits.FORGOTTEN} are deleted at once; give a time as well"
        )
    ids: list[str] = []
    seqs: list[int] = []
    at = memory_table.at()
    meant.sort()
    for first in range(0, len(meant), _PIECE):
        piece = meant[first : first + _PIECE]
        for row, memory in zip(piece, rows.memories(memory_table.connection, piece), strict=True):
            ids.append(memory.id)
            if not asked.dry_run:
                memory_table.execute("delete_memory", row=row, at=at)
                memory_table.vectors.remove(row)
                seqs.append(memory_table.log(job, at, row, memory.id, orjson.dumps(memory)))
    done = {"first_seq": seqs[0], "last_seq": seqs[-1]} if seqs else {}
    return {"ids": ids, "count": len(ids), "dry_run": asked.dry_run, **done}


Holding = Callable[[int, float], Sequence[str]]
"""Returns the copies of the database that may hold memories since a change: its seq, and its time."""
Forgetting = Callable[[], None]
"""Removes, of words and statistics, what the engine keeps of memories that are gone, inside their transaction."""


def purge(memory_table: MemoryTable, holding: Holding, forget: Forgetting, job: Job, asked: Purge) -> dict[str, object]:
    """Purge the deleted memories that are asked for, MOST at once; return how many, and how many remain.

    Raises NotFoundError, and ArgumentInvalidError for a memory that is not deleted.
    """
    if asked.before is None:
        found, remaining = _named(memory_table, asked), 0
    else:
        meant = {"before": asked.before.timestamp(), "namespace": asked.namespace}
        count = memory_table.connection.value(_SQL["count_deleted_before"], meant)
        found = [row for (row,) in memory_table.connection.fetch(_SQL["deleted_before"], {**meant, "limit": MOST})]
        remaining = count - len(found)
    copies: Sequence[str] = ()
    if found:
        ((seq, at),) = memory_table.connection.fetch(_SQL["first_of"], {"rows": found})
        copies = holding(seq or 0, at or 0.0)
        scrub_answers(memory_table, found)
        remove(memory_table, found, job.client, job.id)
        forget_traces(memory_table, forget)
    newest = memory_table.connection.value(_SQL["seq"])
    return {"purged": len(found), "remaining": remaining, "seq": newest, "copies": copies}


def expired(connection: Connection, before: float) -> list[int]:
    """Return the rows of memories that were deleted before that time, EXPIRED at most."""
    values = {"before": before, "limit": EXPIRED}
    return [row for (row,) in connection.fetch(_SQL["expired"], values)]


def is_due(connection: Connection, before: float) -> bool:
    """Return whether memories were deleted before that time, or traces of purged ones are left."""
    return bool(expired(connection, before) or connection.value(_SQL["has_traces"]))


def purge_expired(memory_table: MemoryTable, forget: Forgetting, before: float) -> int:
    """Purge memories that were deleted before that time, EXPIRED at once; return how many.

    Their traces are removed with the last ones; until then the database says that there are some, whatever comes
    between: a stop, or that those that were to follow are deleted no more.
    """
    found = expired(memory_table.connection, before)
    if found:
        scrub_answers(memory_table, found)
        remove(memory_table, found, UPKEEP, "")
    if len(found) < EXPIRED:  # those are the last ones for now
        forget_traces(memory_table, forget)
    else:
        memory_table.execute("note_traces")
    return len(found)


def remove(memory_table: MemoryTable, gone: Sequence[int], client: str, request: str) -> None:
    """Remove deleted memories and what the log keeps of them, and log that."""
    for row in gone:
        memory_table.vectors.remove(row)
    connection, rows = memory_table.connection, {"rows": gone}
    connection.execute(_SQL["purge_before"], rows)
    line = {"at": memory_table.at(), "operation": OPERATION, "client": client, "request": request}
    for row, memory_id, namespace in connection.fetch(_SQL["names_of"], rows):
        before = metadata_text({"namespace": namespace})
        connection.insert(_SQL["insert_change"], {**line, "memory": memory_id, "row": row, "before": before})
    connection.execute(_SQL["purge"], rows)


def scrub_answers(memory_table: MemoryTable, gone: Sequence[int]) -> None:
    """Take other names and hashes of memories that are purged out of the answers that are kept for repeated requests.

    The answers stay, so that a request that comes again is not done again. None is named by an answer from after its
    last change.
    """
    connection, rows = memory_table.connection, {"rows": gone}
    ids = {name for _, name, _ in connection.fetch(_SQL["names_of"], rows)}
    last = connection.value(_SQL["last_of"], rows)
    until = math.inf if last is None else last + _SET_BACK_S
    at, key = -math.inf, ""
    while piece := connection.fetch(_SQL["kept_answers"], {"until": until, "at": at, "key": key, "limit": _ANSWERS}):
        for at, key, answer in piece:  # noqa: B007 - the next piece begins after the last
            if ids.intersection(name.decode() for name in _UUID.findall(answer)):
                scrubbed = orjson.dumps(_without_names(orjson.loads(answer), ids))
                connection.execute(_SQL["scrub_answer"], {"key": key, "answer": scrubbed})


def _without_names(value: Any, ids: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_without_names(one, ids) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _without_names(one, ids) for name, one in value.items()}
    if kept.get("id") in ids:
        kept.pop("aliases", None)
        if "content_hash" in kept:
            kept["content_hash"] = ""
    return kept


def forget_traces(memory_table: MemoryTable, forget: Forgetting) -> None:
    """Remove what is left of purged memories beside their rows: names of tags, and what the engine keeps."""
    memory_table.execute("purge_all_tags")
    forget()
    memory_table.execute("drop_traces")


def _named(memory_table: MemoryTable, asked: Purge) -> list[int]:
    """Return the row of the deleted memory with the id, or the rows of those with the content hash or alias."""
    connection = memory_table.connection
    for name in rows.spellings(asked.id or ""):
        values = {"id": name, "namespace": asked.namespace}
        by_id = connection.fetch(_SQL["deleted_by_id"], values)
        if any(not deleted for _, deleted in by_id):
            break
        if found := [row for row, *_ in by_id or connection.fetch(_SQL["deleted_by_hash"], values)]:
            return found
    if rows.is_there(connection, asked.id or "", asked.namespace):
        raise ArgumentInvalidError(f"the memory {asked.id!r} is not deleted; delete it first, then purge it")
    raise NotFoundError(
        f"there is no deleted memory {asked.id!r} in namespace {asked.namespace!r}; {rows.finding(asked.id or '')}"
    )
