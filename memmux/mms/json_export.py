"""Their JSON export: one object that describes itself, with a list of memories."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from memmux.errors import ArgumentInvalidError
from memmux.mms import times
from memmux.mms.ids import SOURCE, computed_hash
from memmux.mms.to_memory import Edge, StoredMemory

_HEAD = "export_metadata"


class Export:
    """An export of theirs; `there` has the hashes of its memories."""

    def __init__(self, memories: Sequence[Any]) -> None:
        self._memories = [memory if isinstance(memory, dict) else {} for memory in memories]
        self.there: Mapping[str, object] = {_hash(memory): None for memory in self._memories}

    @property
    def total(self) -> int:
        """How many memories there are."""
        return len(self._memories)

    def memories(self) -> Iterator[StoredMemory]:
        """Yield the memories in their order."""
        for fields in self._memories:
            vector, oddity = _vector(fields.get("embedding"))
            yield StoredMemory(
                hash=_hash(fields),
                content=fields.get("content"),
                tags=fields.get("tags"),
                type=fields.get("memory_type"),
                metadata=fields.get("metadata"),
                created_at=_time(fields.get("created_at")),
                updated_at=_time(fields.get("updated_at")),
                created_at_iso=fields.get("created_at_iso"),
                updated_at_iso=fields.get("updated_at_iso"),
                deleted_at=fields.get("deleted_at"),
                store=fields.get("store"),
                parent_id=fields.get("parent_id"),
                version=fields.get("version"),
                confidence=fields.get("confidence"),
                last_accessed=fields.get("last_accessed"),
                superseded_by=fields.get("superseded_by"),
                vector=vector,
                vector_oddity=oddity,
            )

    def lost_edges(self) -> list[Edge]:
        """Return the links that start at no memory of the file: an export has no links."""
        return []


def parsed(data: bytes) -> Export | None:
    """Return the export in a file; None if it is none. Raises ArgumentInvalidError for one without memories."""
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            whole = json.loads(data)  # which also takes NaN, as it writes it
        except (ValueError, RecursionError):
            return None
    if not isinstance(whole, dict) or _HEAD not in whole:
        return None
    memories = whole.get("memories")
    if not isinstance(memories, list):
        raise ArgumentInvalidError(f"the export of {SOURCE} has no list of memories; export it again")
    return Export(memories)


def _time(given: object) -> object:
    """Return a time as a number, where an export has it in words; what is no time, as it is."""
    read = times.read(None, given if isinstance(given, str) else None).at
    return given if read is None else read


def _hash(fields: Mapping[str, Any]) -> str:
    return str(fields.get("content_hash") or computed_hash(str(fields.get("content") or "")))


def _vector(given: object) -> tuple[bytes | None, str | None]:
    if given is None:
        return None, None
    try:
        floats = array("f", cast("list[float]", given if isinstance(given, list) else [None]))
    except (TypeError, OverflowError):
        return None, "vector_invalid"
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes(), None
