"""Identifiers: time-ordered UUIDs (version 7 of RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import re
import time
import uuid

BEGINNING_LEAST = 8  # characters by which an id may be named
_BEGINNING = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,27}")
_TOO_SHORT = re.compile(r"[0-9a-f]{1,7}")


def is_uuid(value: object) -> bool:
    """Return whether `value` is a UUID of any version in its canonical text form: lower case, with hyphens."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def is_beginning(text: str) -> bool:
    """Return whether `text` may stand for an id that begins so: at least eight of its characters, in any case."""
    return _BEGINNING.fullmatch(text.lower()) is not None


def is_too_short(text: str) -> bool:
    """Return whether `text` may be meant for the beginning of an id, of which it has too few characters."""
    return _TOO_SHORT.fullmatch(text.lower()) is not None


def uuid7() -> str:
    """Return a new UUID version 7 in its canonical text form; later ones sort after earlier milliseconds."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # the RFC's variant
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
