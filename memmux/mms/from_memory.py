"""From memories: a memory as a dump has it, as the row of their table; the reverse of `to_memory`.

What their release once stored, and memmux has no field for, comes back from the memory's origin, as long as what memmux
made of it is still what the memory has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memmux import limits
from memmux.mms import metadata, texts, times
from memmux.mms.ids import SOURCE, computed_hash

Line = Mapping[str, Any]
_SEMICOLON = ";"  # for a comma in a tag, by which theirs divides tags
_PLAIN = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of their table `memories`, but for what has to do with other rows."""

    hash: str
    content: str
    tags: str
    type: str | None
    metadata: str
    created_at: float
    updated_at: float
    created_at_iso: str
    updated_at_iso: str
    deleted_at: float | None
    store: str
    confidence: _PLAIN
    last_accessed: _PLAIN | None


def row(line: Line) -> tuple[Row, bool]:
    """Return the row of a memory, and whether each of its tags is as it was: a comma in one is not."""
    origin = origin_of(line)
    tags, tags_whole = _tags(line, origin)
    created_at, updated_at = line["created_at"], line["updated_at"]
    found = Row(
        hash=_hash(line["content"], origin),
        content=line["content"],
        tags=tags,
        type=_uncut(origin.get("type"), line["type"], limits.TYPE_CHARACTERS),
        metadata=_metadata(line, origin),
        created_at=created_at,
        updated_at=updated_at,
        created_at_iso=origin.get("created_at_iso") or times.iso(created_at),
        updated_at_iso=times.iso(updated_at),
        deleted_at=line["deleted_at"],
        store=_uncut(origin.get("store"), line["namespace"], limits.NAMESPACE_CHARACTERS) or line["namespace"],
        confidence=_plain(origin.get("confidence"), 1.0),
        last_accessed=origin.get("last_accessed") if isinstance(origin.get("last_accessed"), _PLAIN) else None,
    )
    return found, tags_whole


def origin_of(line: Line) -> Line:
    """Return what the memory's former home knew, if that was this one; empty otherwise."""
    origin: Line = line.get("origin") or {}
    return origin if origin.get("source") == SOURCE else {}


def _hash(content: str, origin: Line) -> str:
    """Return the hash that was stored, if the content is still the one that came with it."""
    computed, stored = computed_hash(content), origin.get("hash")
    return str(stored) if stored and origin.get("computed_hash", stored) == computed else computed


def _plain(value: object, default: float) -> _PLAIN:
    return value if isinstance(value, _PLAIN) else default


def _uncut(stored: object, now: str | None, most: int) -> str | None:
    """Return what was stored, if what there is now was cut from it, or is nothing, as that was."""
    if not isinstance(stored, str):
        return now
    was = texts.cut(stored, most)[0] if stored.strip() else None
    return stored if was == now else now


def _tags(line: Line, origin: Line) -> tuple[str, bool]:
    """Return the tags joined as theirs, and whether none of them changed by that."""
    now = line["tags"]
    stored = origin.get("tags")
    if isinstance(stored, str) and texts.tags(stored).names == now:
        return stored, True
    if not now:
        return texts.UNTAGGED, True
    return ",".join(tag.replace(",", _SEMICOLON) for tag in now), not any("," in tag for tag in now)


def _metadata(line: Line, origin: Line) -> str:
    now: Line = line["metadata"]
    stored = origin.get("metadata")
    if isinstance(stored, str) and metadata.read(stored).value == now:
        return stored
    return json.dumps(now, ensure_ascii=False)
