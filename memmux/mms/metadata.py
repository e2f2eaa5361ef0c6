"""Metadata: theirs is what Python's json module reads; ours is JSON, finite and of a bounded size."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import orjson

from memmux import limits
from memmux.errors import MetadataInvalidError
from memmux.mms import texts
from memmux.wire.checks import check_metadata

_INTEGER_BITS = 63


@dataclass(frozen=True, slots=True)
class Read:
    """A metadata column as read; oddity: its kind, if it is not what was written."""

    value: dict[str, Any]
    oddity: str | None = None
    left_out: list[str] = field(default_factory=list)  # keys for which there was no room


def read(stored: object) -> Read:
    """Return the metadata in a column of theirs, or in an export."""
    if isinstance(stored, dict):
        value: Any = stored
    else:
        text = texts.text_of(stored)
        if text is None or not text.strip():
            return Read({})
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return Read({}, "metadata_broken")
    if value is None:
        return Read({})
    if not isinstance(value, dict):
        return Read({}, "metadata_broken")
    try:
        check_metadata(value)
    except MetadataInvalidError:
        return _made_valid(value)
    return Read(value)


def _made_valid(value: dict[str, Any]) -> Read:
    """Return what can be kept of metadata that is no JSON, or too much of it."""
    try:
        cleaned = _cleaned(value)
        assert isinstance(cleaned, dict)
        size = len(orjson.dumps(cleaned))
    except (RecursionError, orjson.JSONEncodeError):
        return Read({}, "metadata_broken")
    if size <= limits.METADATA_BYTES:
        return Read(cleaned, "metadata_changed")
    sizes = {key: len(orjson.dumps({key: part})) for key, part in cleaned.items()}
    kept: set[str] = set()
    room = limits.METADATA_BYTES
    for key in sorted(sizes, key=lambda key: (sizes[key], key)):
        if sizes[key] > room:
            break
        kept.add(key)
        room -= sizes[key]
    left_out = [key for key in cleaned if key not in kept]
    return Read({key: part for key, part in cleaned.items() if key in kept}, "metadata_too_large", left_out)


def _cleaned(value: Any, room: int = limits.DEPTH) -> Any:
    """Return what can be kept of a value; room: levels that it may have."""
    if room == 0 and isinstance(value, dict | list):
        raise RecursionError
    if isinstance(value, str):
        return texts.valid(value)[0]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        return str(value)
    if isinstance(value, dict):
        return {texts.valid(key)[0]: _cleaned(part, room - 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_cleaned(part, room - 1) for part in value]
    return value
