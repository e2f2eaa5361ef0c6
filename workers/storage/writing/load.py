"""Load: puts memories back as `dump` gave them: with their ids, times, deletions, links and vectors.

Each stands for itself: one that can't be taken is reported, and the others are. A memory that is there already as it
is given is skipped, so that a load may be done again. What comes from a former home is adopted: see `adoption`.
"""

from __future__ import annotations

from memmux.errors import RequestError
from memmux.wire.requests import Load
from workers.runtime.jobs import Job
from workers.storage import queries
from workers.storage.records import audits, dump, links, vectors
from workers.storage.writing import dump_lines, insertion, merge
from workers.storage.writing.dump_lines import Line
from workers.storage.writing.insertion import CONFLICT, CREATED, DUPLICATE, MERGED, SKIPPED, UPDATED, Done
from workers.storage.writing.memory_table import MemoryTable

OPERATION = "memory.load"
_SQL = queries.load("writer")
_COUNTED = (CREATED, SKIPPED, UPDATED, MERGED)
_FINE = (CREATED, SKIPPED, UPDATED)


def load(memory_table: MemoryTable, job: Job, asked: Load) -> dict[str, object]:
    """Load memories; return how many were created, skipped, updated and merged, and what became of the others.

    first_seq: of the changes, which follow each other up to seq; it is not there if nothing was changed.

    problems: for each of the others, and of the merged ones, its place, counted from 0, its id, status and message.
    conflict: its id is there with another state, which stays. duplicate: a live memory of another id has its content.
    broken: it is no memory.
    """
    counts = dict.fromkeys(_COUNTED, 0)
    problems: list[dict[str, object]] = []
    before = memory_table.connection.value(_SQL["seq"])
    used: list[tuple[int, Line]] = []
    rows: dict[int, bool] = {}  # of memories that are new, or have new vectors: whether these are unverified
    for place, fields in enumerate(asked.memories):
        # What is wrong with a line is found before any of it is written, so there is nothing to undo, and no savepoint,
        # at which the full-text index would write out what it has so far.
        try:
            memory_table.refuse(fields)
            line = dump_lines.read(fields, adopt=asked.adopt)
            if asked.adopt:
                done = merge.adopt(memory_table, job, line, newest=asked.newest, since=before)
            else:
                done = _load_one(memory_table, job, line)
            if line.uses is not None and done.status in _COUNTED:
                used.append((done.row, line))
        except RequestError as error:
            done = Done(insertion.BROKEN, error.message)
        if done.row:
            rows[done.row] = done.unverified
        if done.status in counts:
            counts[done.status] += 1
        if done.status not in _FINE:
            memory_id = fields.get("id") if isinstance(fields, dict) else None
            problems.append({"place": place, "id": memory_id, "status": done.status, "message": done.message})
    for row, line in used:  # at last, as they concern no other line: rows go to a server many at a time
        _put_uses(memory_table, row, line)
    audits.begin(memory_table.connection, rows)
    seq = memory_table.connection.value(_SQL["seq"])
    return {**counts, "problems": problems, "seq": seq, **({"first_seq": before + 1} if seq > before else {})}


def _put_uses(memory_table: MemoryTable, row: int, line: Line) -> None:
    """Keep how often the memory of a line was of use; row: 0 if it is not known, as of one that is another's alias."""
    connection, memory = memory_table.connection, line.memory
    kept = row or connection.value(_SQL["by_id"], {"id": memory.id})
    kept = kept or links.named(connection, memory.namespace, [memory.id])
    if kept and line.uses is not None:
        links.put_uses(connection, kept, *line.uses)


def _load_one(memory_table: MemoryTable, job: Job, line: Line) -> Done:
    memory = line.memory
    known = memory_table.connection.value(_SQL["by_id"], {"id": memory.id})
    if known is not None:
        if dump.dumped(memory_table.connection, known) == line.dumped():
            return Done(SKIPPED)
        return Done(CONFLICT, f"the memory {memory.id!r} is there with another state, which was left as it is")
    if not line.state.deleted and (same := memory_table.same(memory.namespace, memory.content_hash)):
        return Done(DUPLICATE, f"the memory {same[1]!r} has the content of {memory.id!r} already")
    if memory.aliases and links.named(memory_table.connection, memory.namespace, memory.aliases):
        return Done(CONFLICT, f"another memory goes by an alias of {memory.id!r} already")
    for text in line.texts:
        if (known_model := vectors.model(memory_table.connection, text.model)) is not None:
            known_model.check(text.dimensions)
    insertion.insert(memory_table, job, line, line.texts)
    return Done(CREATED)
