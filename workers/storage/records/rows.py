"""Rows: memories as they are kept, read into the dataclass that answers are made of."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError, MessageTooLargeError, NotFoundError
from memmux.wire.answers import Deletion, Memory
from memmux.wire.ids import BEGINNING_LEAST, is_beginning, is_too_short
from memmux.wire.times import from_epoch
from workers.storage import queries
from workers.storage.connection import Connection

_SQL = queries.load("rows")
_HEX = re.compile(r"[0-9A-Fa-f-]+")
_NAMED = 5  # memories that an error names
_PURGE = "memory.purge"
_VERSION_AT = 14  # where a UUID says its version
_HASH = 64  # characters of a content hash
_LENGTHS = (8, 13, 18, 23, 28)  # of beginnings of UUIDs, each to a hyphen
Named = str | tuple[str, ...] | None
"""One namespace, several, or all of them."""

ANSWER_BYTES = limits.MESSAGE_BYTES - limits.HEADER_BYTES


def memories(connection: Connection, rows: Sequence[int]) -> list[Memory]:
    """Return the memories of `rows`, in that order; raise MessageTooLargeError if no message could hold them."""
    wanted = {"rows": rows}
    found: dict[int, Memory] = {}
    size = 0
    for row, *fields, aliases, tags, thread, place, content_hash, metadata, content in connection.each(
        _SQL["memories"], wanted
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
            tags=tuple(orjson.loads(tags)),
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


class GoneError(NotFoundError):
    """The memory was there, and is deleted or purged."""


def find(connection: Connection, memory_id: str, namespace: Named) -> int:
    """Return the row of the live memory with this id, content hash, alias, or beginning of an id.

    Raises NotFoundError, which of one that was there says when it went and what brings it back, and
    ArgumentInvalidError for the beginning of several ids.
    """
    place = single(namespace)
    row = there(connection, memory_id, place)
    if row is None:
        row = _begun(connection, memory_id, place, "begun")
    if row is None:
        refuse_gone(connection, memory_id, place)
        raise NotFoundError(f"there is no memory {memory_id!r} in namespace {place!r}; {finding(memory_id)}")
    return row


def finding(memory_id: str) -> str:
    """Return how a memory is found that is not there by this name."""
    if is_too_short(memory_id):
        return f"give at least {BEGINNING_LEAST} characters of an id; search or list shows them"
    return "search or list to find its id"


def refuse_gone(connection: Connection, memory_id: str, namespace: str) -> None:
    """Raise GoneError if there was a memory of this name, which is deleted or purged."""
    row = past(connection, memory_id, namespace)
    if row is None:
        return
    found = connection.fetch(_SQL["newest_change"], {"row": row})
    if not found:
        raise GoneError(f"the memory {memory_id!r} is deleted, and was before it came here; store it anew")
    ((seq, full_id, at, operation, client, undoable),) = found
    did = "purged" if operation == _PURGE else "deleted"
    if undoable:
        back = f"`memmux undo {seq}` brings it back"
    elif operation == _PURGE:
        back = "only a backup of before may hold it"
    else:
        back = "no undo brings it back; store it anew"
    raise GoneError(f"the memory {full_id!r} was {did} {from_epoch(at):%Y-%m-%d %H:%M} UTC by {client!r}; {back}")


def deletions(connection: Connection, rows: Sequence[int]) -> list[Deletion]:
    """Return what deleted each of some memories, in that order; a seq of 0 if no undo brings it back."""
    found: list[Deletion] = []
    for row in rows:
        changes = connection.fetch(_SQL["newest_change"], {"row": row})
        if changes:
            ((seq, _, at, _, client, undoable),) = changes
        else:  # it was deleted before it came here
            seq, at, client, undoable = 0, connection.value(_SQL["deleted_at"], {"row": row}), "", 0
        found.append(Deletion(seq=seq if undoable else 0, at=from_epoch(at), client=client))
    return found


def there(connection: Connection, memory_id: str, namespace: str) -> int | None:
    """Return the row of the live memory with this id, content hash or alias; None if there is none."""
    return _found(connection, memory_id, namespace)


def is_there(connection: Connection, memory_id: str, namespace: str) -> bool:
    """Return whether there is a live memory with this id, content hash, alias, or beginning of an id."""
    return (there(connection, memory_id, namespace) or _begun(connection, memory_id, namespace, "begun")) is not None


def past(connection: Connection, memory_id: str, namespace: str) -> int | None:
    """Return the row of a memory, live, deleted or purged, by its id, its beginning, content hash or alias, or None.

    Raises ArgumentInvalidError for the beginning of several ids.
    """
    row = _found(connection, memory_id, namespace, "find_past")
    return _begun(connection, memory_id, namespace, "begun_past") if row is None else row


def homes(connection: Connection, memory_id: str, among: Sequence[str]) -> set[str]:
    """Return those of some namespaces that have a live memory with this id, content hash, alias, or beginning of an id.

    Raises ArgumentInvalidError where one of them has several ids that begin so.
    """
    names = list(spellings(memory_id))
    found = _homes(connection, "homes", ids=names, hashes=_hashes(names), namespaces=among)
    return (found | _begun_homes(connection, memory_id, "begun", among, found)).intersection(among)


def past_homes(connection: Connection, memory_id: str, among: Sequence[str] | None) -> set[str]:
    """Return the namespaces, of some or of all, of a memory with this name, be it live by its id or alias, or gone.

    Deleted memories are gone through for a content hash alone. Raises ArgumentInvalidError as `homes` does.
    """
    names = list(spellings(memory_id))
    found = _homes(connection, "past_homes", ids=names)
    if hashes := _hashes(names):
        found |= _homes(connection, "homes_of_deleted", hashes=hashes)
    found |= _begun_homes(connection, memory_id, "begun_past", among, found)
    return found if among is None else found.intersection(among)


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


def _found(connection: Connection, memory_id: str, namespace: str, query: str = "find") -> int | None:
    for name in spellings(memory_id):
        row: int | None = connection.value(_SQL[query], {"id": name, "namespace": namespace})
        if row is not None:
            return row
    return None


def _homes(connection: Connection, query: str, **values: object) -> set[str]:
    return {name for (name,) in connection.fetch(_SQL[query], values)}


def _begun_homes(
    connection: Connection, beginning: str, query: str, among: Sequence[str] | None, found: Collection[str]
) -> set[str]:
    """Return the namespaces that have a memory whose id begins so.

    among: those that may not have several. found: those of which the memory is known by its whole name.
    """
    if not is_beginning(beginning):
        return set()
    counted = dict(connection.fetch(_SQL[f"homes_of_{query}"], {"id": beginning.lower()}))
    for name, memories in counted.items():
        if memories > 1 and name not in found and (among is None or name in among):
            _begun(connection, beginning, name, query)
    return set(counted)


def _hashes(names: Iterable[str]) -> list[str]:
    return [name for name in names if len(name) == _HASH]


def _begun(connection: Connection, beginning: str, namespace: str, query: str) -> int | None:
    """Return the row of the only memory whose id begins so; None if there is none, or it is too short."""
    if not is_beginning(beginning):
        return None
    values: dict[str, str | int] = {"id": beginning.lower(), "namespace": namespace, "limit": _NAMED + 1}
    found = connection.fetch(_SQL[query], values)
    if len(found) > 1:
        ids = ", ".join(memory_id for _, memory_id in found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
        raise ArgumentInvalidError(f"the ids of several memories begin with {beginning!r}: {ids}; give more of one")
    return found[0][0] if found else None


def short(connection: Connection, memory_id: str, namespace: str) -> str:
    """Return a beginning of a memory's id that begins no other id, and is to begin none that is made later.

    The first 13 characters of a UUID of version 7 are its millisecond; it is not cut within them.
    """
    for length in _LENGTHS[memory_id[_VERSION_AT:].startswith("7") :]:
        beginning = memory_id[:length]
        values: dict[str, str | int] = {"id": beginning, "namespace": namespace, "limit": 2}
        if is_beginning(beginning) and len(connection.fetch(_SQL["begun_past"], values)) == 1:
            return beginning
    return memory_id


def shorts(connection: Connection, found: Iterable[Memory]) -> dict[str, str]:
    """Return the shortest beginnings that name some memories, by their ids."""
    return {memory.id: short(connection, memory.id, memory.namespace) for memory in found}


def too_large() -> MessageTooLargeError:
    """Return the error of an answer that no message could hold."""
    return MessageTooLargeError(f"the answer has more than {ANSWER_BYTES} bytes; ask for fewer memories at once")
