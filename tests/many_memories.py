"""A database with very many short memories, written as rows: to have a cluster store them takes most of a minute."""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from memmux.wire.ids import uuid7
from workers.storage.sqlite import bulk, engine

_BEGAN: Final = 1_780_000_000.0  # when the first one was stored
_TAGS: Final = 9
_TAG: Final = "INSERT INTO tags (id, name) VALUES (?, ?)"
_MEMORY: Final = """
    INSERT INTO memories (row, id, namespace, created_at, updated_at, content_hash, content)
    VALUES (?, ?, 'default', ?, ?, ?, ?)
"""
_TAGGED: Final = "INSERT INTO memory_tags (memory, tag, position, spelling) VALUES (?, ?, 0, ?)"
_CHANGE: Final = """
    INSERT INTO changes (at, operation, memory, row, client, request)
    VALUES (?, 'memory.store', ?, ?, 'many', '')
"""


def make(database: Path, count: int) -> None:
    """Make a database of `Memory 0 of many` and so on, each a second after the one before and with one of some tags."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with (
        bulk.filling(database, lambda: None),
        closing(engine.connect(database)) as connection,
        connection,
    ):
        connection.executemany(_TAG, ((tag + 1, f"t{tag}") for tag in range(_TAGS)))
        for row in range(1, count + 1):
            number, memory_id, content = row - 1, uuid7(), f"Memory {row - 1} of many"
            at, tag, digest = _BEGAN + number, number % _TAGS, sha256(content.encode()).hexdigest()
            connection.execute(_MEMORY, (row, memory_id, at, at, digest, content))
            connection.execute(_TAGGED, (row, tag + 1, f"t{tag}"))
            connection.execute(_CHANGE, (at, memory_id, row))
