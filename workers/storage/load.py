"""Load: puts memories back as `dump` gave them: with their ids, times, deletions and vectors.

Each stands for itself: one that can't be taken is reported, and the others are. A memory that is there already as it
is given is skipped, so that a load may be done again.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from memmux import limits
from memmux.checks import check_range
from memmux.errors import ArgumentInvalidError, ProtocolError, RequestError, UnknownFieldError
from memmux.models import Memory
from memmux.requests import Store
from memmux.times import from_epoch
from workers.jobs import Job
from workers.storage import dump, engine, queries
from workers.storage.embeddings import Embedded, embedded
from workers.storage.filters import metadata_text
from workers.storage.ledger import Ledger, digest
from workers.storage.tags import spellings

OPERATION = "memory.load"
_SQL = queries.load("writer")
_STORED = ("content", "tags", "type", "metadata", "namespace")
_TIMES = ("created_at", "updated_at", "deleted_at")


def load(ledger: Ledger, job: Job) -> dict[str, object]:
    """Load the memories in the body; return how many were created and skipped, and what became of the others.

    problems: for each of the others its place, counted from 0, its id, status and message. conflict: its id is there
    with another state, which stays. duplicate: a live memory of another id has its content. broken: it is no memory.
    """
    counts = {"created": 0, "skipped": 0}
    problems: list[dict[str, object]] = []
    for place, fields in enumerate(_memories(job.frames[0])):
        ledger.connection.execute("SAVEPOINT line")
        try:
            status, message = _load_one(ledger, job, fields)
        except RequestError as error:
            ledger.connection.execute("ROLLBACK TO line")
            status, message = "broken", error.message
        ledger.connection.execute("RELEASE line")
        if status in counts:
            counts[status] += 1
        else:
            memory_id = fields.get("id") if isinstance(fields, dict) else None
            problems.append({"place": place, "id": memory_id, "status": status, "message": message})
    return {**counts, "problems": problems, "seq": engine.value(ledger.connection, _SQL["seq"])}


def _memories(body: bytes) -> list[Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("memories"), list):
        raise ArgumentInvalidError("a load is a JSON object with a list of memories")
    for name in fields.keys() - {"memories"}:
        raise UnknownFieldError(f"there is no field {name!r} here; there is memories")
    memories: list[Any] = fields["memories"]
    check_range("the number of memories", len(memories), 1, limits.DUMP_MEMORIES)
    return memories


def _load_one(ledger: Ledger, job: Job, fields: Any) -> tuple[str, str]:
    memory, times, texts = _checked(fields)
    known = engine.value(ledger.connection, _SQL["by_id"], {"id": memory.id})
    if known is not None:
        if dump.dumped(ledger.connection, known) == _dumped(memory, times):
            return "skipped", ""
        return "conflict", f"the memory {memory.id!r} is there with another state, which was left as it is"
    if times["deleted_at"] is None and (same := ledger.same(memory.namespace, memory.content_hash)):
        return "duplicate", f"the memory {same[1]!r} has the content of {memory.id!r} already"
    ledger.execute(
        "load_memory",
        id=memory.id,
        namespace=memory.namespace,
        type=memory.type,
        supersedes=memory.supersedes,
        content_hash=memory.content_hash,
        metadata=metadata_text(memory.metadata),
        content=memory.content,
        **times,
    )
    row = ledger.connection.last_insert_rowid()
    ledger.tag(row, memory.tags)
    for text in texts:
        ledger.vectors.add(row, memory.namespace, text)
    ledger.log(job, ledger.at(), row, memory.id, before=None)
    return "created", ""


def _checked(fields: Any) -> tuple[Memory, dict[str, float | None], list[Embedded]]:
    """Return the memory that the fields describe, its times, and its vectors; raise a RequestError if it is none."""
    if not isinstance(fields, dict):
        raise ArgumentInvalidError("the memory is not a JSON object")
    for name in fields.keys() - {"id", *_STORED, *_TIMES, "supersedes", "content_hash", "vectors"}:
        raise UnknownFieldError(f"a memory has no field {name!r}")
    store = Store.from_json({name: fields[name] for name in _STORED if name in fields})
    names = {"id": fields.get("id"), "supersedes": fields.get("supersedes")}
    if names["id"] is None or not all(value is None or _is_name(value) for value in names.values()):
        raise ArgumentInvalidError(f"id and supersedes are texts of 1 to {limits.TYPE_CHARACTERS} characters")
    content_hash = digest(store.content)
    if fields.get("content_hash", content_hash) != content_hash:
        raise ArgumentInvalidError("the content is not the one that the content hash was made from")
    times = {name: _time(name, fields.get(name)) for name in _TIMES}
    created_at, updated_at = times["created_at"], times["updated_at"]
    if created_at is None or updated_at is None:
        raise ArgumentInvalidError("a memory has created_at and updated_at")
    memory = Memory(
        id=fields["id"],
        content=store.content,
        content_hash=content_hash,
        namespace=store.namespace,
        type=store.type,
        tags=store.tags,
        metadata=store.metadata,
        created_at=from_epoch(created_at),
        updated_at=from_epoch(updated_at),
        supersedes=fields.get("supersedes"),
    )
    texts = _vectors(fields.get("vectors", ()))
    if texts and times["deleted_at"] is not None:
        raise ArgumentInvalidError("a deleted memory has no vectors")
    return memory, times, texts


def _dumped(memory: Memory, times: Mapping[str, float | None]) -> dict[str, object]:
    """Return the memory as a dump has it."""
    kept = list(spellings(memory.tags).values())
    return {
        "id": memory.id,
        "namespace": memory.namespace,
        "type": memory.type,
        "tags": kept,
        "metadata": memory.metadata,
        **times,
        "supersedes": memory.supersedes,
        "content_hash": memory.content_hash,
        "content": memory.content,
    }


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= limits.TYPE_CHARACTERS


def _time(name: str, value: object) -> float | None:
    if value is None:
        return None
    wrong = ArgumentInvalidError(f"{name} is not a time in seconds since 1970")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong
    try:
        from_epoch(value)  # one that can't be read back would be in the way of every list
    except (ValueError, OverflowError, OSError):
        raise wrong from None
    return float(value)


def _vectors(given: object) -> list[Embedded]:
    """Return the vectors of one memory, of each model once."""
    if not isinstance(given, list | tuple):
        raise ArgumentInvalidError("the vectors of a memory are a list")
    found = [_embedded(one) for one in given]
    if len({text.model for text in found}) != len(found):
        raise ArgumentInvalidError("a memory has the vectors of a model once")
    return found


def _embedded(given: Any) -> Embedded:
    described: Mapping[str, Any] = given if isinstance(given, dict) else {}
    try:
        data = binascii.a2b_base64(described["data"], strict_mode=True)
        frame = {"model": described["model"], "dimensions": described["dimensions"], "windows": [described["windows"]]}
    except (KeyError, ValueError, TypeError):
        raise ArgumentInvalidError("vectors have a model, dimensions, windows, and data in base64") from None
    try:
        (text,) = embedded((orjson.dumps(frame), data), 1)  # by the checks of a request's own frames
    except ProtocolError as error:
        raise ArgumentInvalidError(error.message) from None
    return text
