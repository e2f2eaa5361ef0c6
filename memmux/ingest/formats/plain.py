"""Plain text, and programs: all of it, as it is."""

from __future__ import annotations

from memmux.ingest.formats.base import Document, one
from memmux.ingest.formats.encoding import decode


def read(data: bytes, extension: str) -> Document:
    """Return the text; raise ArgumentInvalidError if it is none."""
    del extension  # it says nothing
    return one(decode(data))
