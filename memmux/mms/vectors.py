"""Vectors of theirs, read from the plain tables in which sqlite-vec keeps them, so that no extension is needed."""

from __future__ import annotations

import math
import re
import sqlite3
import sys
from array import array
from collections.abc import Mapping
from types import MappingProxyType

FLOAT_BYTES = 4
_TABLE = "memory_embeddings"
_CHUNKS = f"{_TABLE}_vector_chunks00"
_ROWIDS = f"{_TABLE}_rowids"
_DECLARED = re.compile(r"FLOAT\s*\[\s*(\d+)\s*\]", re.IGNORECASE)


class Vectors:
    """The vectors in a copy of a database of theirs.

    dimensions: of each; 0 if there are none.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._blobs: dict[int, sqlite3.Blob] = {}
        self._chunks: Mapping[object, int] = MappingProxyType({})
        found = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (_TABLE,)).fetchone()
        declared = _DECLARED.search(found[0] or "") if found else None
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self.dimensions = int(declared[1]) if declared and {_CHUNKS, _ROWIDS} <= names else 0
        if self.dimensions:
            # The column `rowid` of that table is not its rowid, by which a blob is opened.
            rows = connection.execute(f"SELECT rowid, _rowid_ FROM {_CHUNKS}")  # noqa: S608  # a name of our own
            self._chunks = dict(rows)

    def places(self) -> dict[int, tuple[object, object]]:
        """Return where the vector of each memory is, by the memory's row: a chunk, and the place in it."""
        if not self.dimensions:
            return {}
        query = f"SELECT rowid, chunk_id, chunk_offset FROM {_ROWIDS}"  # noqa: S608  # a name of our own
        return {row: (chunk, offset) for row, chunk, offset in self._connection.execute(query)}

    def at(self, place: tuple[object, object]) -> bytes | None:
        """Return the vector at a place; None if there is nothing."""
        chunk, offset = place
        rowid = self._chunks.get(chunk)
        size = self.dimensions * FLOAT_BYTES
        if rowid is None or not isinstance(offset, int) or offset < 0:
            return None
        blob = self._blobs.get(rowid)
        if blob is None:
            blob = self._connection.blobopen(_CHUNKS, "vectors", rowid, readonly=True)
            self._blobs[rowid] = blob
        if (offset + 1) * size > len(blob):
            return None
        blob.seek(offset * size)
        return blob.read(size)

    def close(self) -> None:
        """Let go of the chunks."""
        for blob in self._blobs.values():
            blob.close()
        self._blobs.clear()


def is_direction(data: bytes) -> bool:
    """Return whether a vector, as little-endian float32, is finite and not zero."""
    floats = array("f", data)
    if sys.byteorder == "big":
        floats.byteswap()
    return any(floats) and all(map(math.isfinite, floats))
