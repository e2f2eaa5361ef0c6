"""Rows: memories as they are kept, read into the dataclass that answers are made of."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress

import apsw
import orjson

from memmux import limits
from memmux.errors import MessageTooLargeError, NotFoundError
from memmux.wire.answers import Memory
from memmux.wire.times import from_epoch
from workers.storage.db import engine, queries

_SQL = queries.load("rows")
_HEX = re.compile(r"[0-9A-Fa-f-]+")
Named = str | tuple[str, ...] | None
"""One namespace, several, or all of them."""

ANSWER_BYTES = limits.MESSAGE_BYTES - limits.HEADER_BYTES


def memories(connection: apsw.Connection, rows: Sequence[int]) -> list[Memory]:
    """Return the memories of `rows`, in that order; raise MessageTooLargeError if no message could hold them."""
    wanted = orjson.dumps(rows).decode()
    tags: dict[int, list[str]] = {row: [] for row in rows}
    for row, spelling in connection.execute(_SQL["tags"], {"rows": wanted}):
        tags[row].append(spelling)
    found: dict[int, Memory] = {}
    size = 0
    for row, *fields, aliases, thread, place, content_hash, metadata, content in connection.execute(
        _SQL["memories"], {"rows": wanted}
    ):
        id_, namespace, type_, created, updated, supersedes, superseded_by = fields
        size += len(content) + len(metadata)
        if size > ANSWER_BYTES:
            raise too_large()
        found[row] = Memory(
            id=id_,
            content=content,
            content_hash=content_hash,
            namespace=namespace,
            type=type_,
            tags=tuple(tags[row]),
            metadata=orjson.loads(metadata),
            created_at=from_epoch(created),
            updated_at=from_epoch(updated),
            supersedes=supersedes,
            superseded_by=superseded_by,
            aliases=tuple(orjson.loads(aliases)),
            thread=thread,
            place=place,
        )
    return [found[row] for row in rows]


def find(connection: apsw.Connection, memory_id: str, namespace: Named) -> int:
    """Return the row of the live memory with this id, content hash or alias; raise NotFoundError if there is none."""
    row = there(connection, memory_id, single(namespace))
    if row is None:
        raise NotFoundError(
            f"there is no memory {memory_id!r} in namespace {namespace!r}; search or list to find its id"
        )
    return row


def there(connection: apsw.Connection, memory_id: str, namespace: str) -> int | None:
    """Return the row of the live memory with this id, content hash or alias; None if there is none."""
    return _found(connection, memory_id, namespace)


def is_there(connection: apsw.Connection, memory_id: str, namespace: str) -> bool:
    """Return whether there is a live memory with this id, content hash or alias."""
    return there(connection, memory_id, namespace) is not None


def past(connection: apsw.Connection, memory_id: str, namespace: str) -> int | None:
    """Return the row of a memory, live, deleted or purged, by its id, content hash or alias; None if there is none."""
    return _found(connection, memory_id, namespace, "find_past")


def was_there(connection: apsw.Connection, memory_id: str, namespace: str) -> bool:
    """Return whether there is, or was, a memory with this id, content hash or alias."""
    return past(connection, memory_id, namespace) is not None


def single(namespace: Named) -> str:
    """Return the only namespace that is meant, where the request was placed before."""
    assert isinstance(namespace, str), "Namespaces.place() comes first"
    return namespace


def spellings(memory_id: str) -> Iterator[str]:
    """Yield the ways in which a memory's name may be spelled: as given, and as UUIDs and digests are kept.

    Aliases are kept as they were given, which for a digest may be in upper case.
    """
    found = [memory_id]
    with suppress(ValueError):
        found.append(str(uuid.UUID(memory_id)))
    if _HEX.fullmatch(memory_id):
        found += [memory_id.lower(), memory_id.upper()]
    yield from dict.fromkeys(found)


def _found(connection: apsw.Connection, memory_id: str, namespace: str, query: str = "find") -> int | None:
    for name in spellings(memory_id):
        row: int | None = engine.value(connection, _SQL[query], {"id": name, "namespace": namespace})
        if row is not None:
            return row
    return None


def too_large() -> MessageTooLargeError:
    """Return the error of an answer that no message could hold."""
    return MessageTooLargeError(f"the answer has more than {ANSWER_BYTES} bytes; ask for fewer memories at once")
