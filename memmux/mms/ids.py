"""Names: what a memory of theirs is called here, the same each time it is read."""

from __future__ import annotations

import hashlib
import uuid

SOURCE = "mcp-memory-service"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/doobidoo/mcp-memory-service")
MODEL = "all-MiniLM-L6-v2"  # what its vectors are made by, or claim to be
DIMENSIONS = 384  # of that model
DEFAULT_STORE = "default"

_HOUSE = "sentence-transformers/"


def memory_id(content_hash: str) -> str:
    """Return the id here of the memory with that hash there; so a file that is read twice gives nothing twice."""
    return str(uuid.uuid5(NAMESPACE, content_hash))


def model(name: str) -> str | None:
    """Return MODEL if a setting names it, None if it names another."""
    return MODEL if name.removeprefix(_HOUSE) == MODEL else None


def computed_hash(content: str) -> str:
    """Return the hash by which theirs knows a content."""
    return hashlib.sha256(content.strip().lower().encode("utf-8", "replace")).hexdigest()
