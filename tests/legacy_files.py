"""Databases of mcp-memory-service: those that its releases wrote, and some of the same shape that a test makes."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from array import array
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("data") / "legacy"
RELEASES = ("5.2.0", "8.24.0", "10.59.0", "12.4.0")
MEMORIES = {"5.2.0": 3, "8.24.0": 3, "10.59.0": 4, "12.4.0": 207}
TRAINS = "7a53bcaae08e96ca77722d2baacc59537bd375d035a6caafed1a3747a8cab634"
"""A hash of 5.2.0 and 8.24.0, which mixed the metadata in."""
BAKER = "197438d5aa95b2c5a45836e0068d0f2400b435546d532d43d0cd6a9afa2fa775"
"""Another one."""
SLOTS = 4  # vectors in one chunk
TIMES = ("created_at REAL", "updated_at REAL", "created_at_iso TEXT", "updated_at_iso TEXT")
FIRST = ("content TEXT NOT NULL", "tags TEXT", "memory_type TEXT", "metadata TEXT", *TIMES)
DELETED = "deleted_at REAL DEFAULT NULL"
VERSIONS = (
    "parent_id TEXT",
    "version INTEGER DEFAULT 1",
    "confidence REAL DEFAULT 1.0",
    "last_accessed INTEGER",
    "superseded_by TEXT",
)
STORE = "store TEXT DEFAULT 'default'"
ERAS: Mapping[str, Sequence[str]] = {
    "5.2 - 8.6": FIRST,
    "8.7 - 8.63": FIRST,
    "8.64 - 9.1": (*FIRST, DELETED),
    "9.2 - 10.7": (*FIRST, DELETED),
    "10.8 - 10.29": (*FIRST, DELETED),
    "10.30 - 10.74": (*FIRST, DELETED, *VERSIONS),
    "11.x": (*FIRST, DELETED, STORE, *VERSIONS),
    "12.x": (*FIRST, DELETED, STORE, *VERSIONS, "embedding_pending INTEGER NOT NULL DEFAULT 0"),
}
"""The columns of each release after the id and the hash."""
WITH_GRAPH = ("9.2 - 10.7", "10.8 - 10.29", "10.30 - 10.74", "11.x", "12.x")
GRAPH = """
CREATE TABLE memory_graph (
    source_hash TEXT NOT NULL, target_hash TEXT NOT NULL, similarity REAL NOT NULL, connection_types TEXT NOT NULL,
    metadata TEXT, created_at REAL NOT NULL, relationship_type TEXT DEFAULT 'related',
    PRIMARY KEY (source_hash, target_hash)
)
"""
VECTORS = """
CREATE TABLE memory_embeddings (content_embedding FLOAT[{dimensions}]);
CREATE TABLE "memory_embeddings_rowids" (
    rowid INTEGER PRIMARY KEY AUTOINCREMENT, id, chunk_id INTEGER, chunk_offset INTEGER
);
CREATE TABLE "memory_embeddings_vector_chunks00" (rowid PRIMARY KEY, vectors BLOB NOT NULL);
"""


def unpacked(release: str, folder: Path) -> Path:
    """Put the database that a release wrote into a folder."""
    path = folder / f"mms_{release}.db"
    path.write_bytes(gzip.decompress((DATA / f"mms_{release}.db.gz").read_bytes()))
    return path


def expected() -> dict[str, Any]:
    """What release 12.4.0 answers on its database."""
    found: dict[str, Any] = json.loads((DATA / "mms_12.4.0_expected.json").read_text())
    return found


def theirs(content: str) -> str:
    """The hash by which theirs knows a content."""
    return hashlib.sha256(content.strip().lower().encode()).hexdigest()


def made(path: Path, era: str = "12.x", *, dimensions: int = 384) -> Path:
    """Make an empty database as the releases of an era do, with plain tables where theirs has sqlite-vec's."""
    with closing(sqlite3.connect(path)) as connection:
        columns = ", ".join(("id INTEGER PRIMARY KEY AUTOINCREMENT", "content_hash TEXT UNIQUE NOT NULL", *ERAS[era]))
        connection.execute(f"CREATE TABLE memories ({columns})")
        connection.executescript(VECTORS.format(dimensions=dimensions))
        if era in WITH_GRAPH:
            connection.execute(GRAPH)
        connection.commit()
    return path


def add(
    connection: sqlite3.Connection, content: object, vector: Sequence[float] | None = None, **fields: object
) -> int:
    """Add a memory; return its row. fields: columns."""
    values = {
        "content_hash": theirs(content)
        if isinstance(content, str)
        else hashlib.sha256(repr(content).encode()).hexdigest(),
        "content": content,
        "tags": "untagged",
        "metadata": "{}",
        "created_at": 1_700_000_000.5,
        "updated_at": 1_700_000_001.25,
        **fields,
    }
    marks = ", ".join("?" for _ in values)
    cursor = connection.execute(
        f"INSERT INTO memories ({', '.join(values)}) VALUES ({marks})",  # noqa: S608  # names of the test
        tuple(values.values()),
    )
    row = cursor.lastrowid
    assert row is not None
    if vector is not None:
        _put(connection, row, array("f", vector).tobytes())
    return row


def link(connection: sqlite3.Connection, source: str, target: str, **fields: object) -> None:
    """Add a link between two hashes."""
    values = {"similarity": 0.5, "connection_types": '["semantic"]', "metadata": "{}", "created_at": 1.5, **fields}
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    connection.execute(
        f"INSERT INTO memory_graph (source_hash, target_hash, {names}) VALUES (?, ?, {marks})",  # noqa: S608  # the same
        (source, target, *values.values()),
    )


def _put(connection: sqlite3.Connection, row: int, data: bytes) -> None:
    """Put a vector into the next slot, as sqlite-vec lays them out."""
    (count,) = connection.execute("SELECT count(*) FROM memory_embeddings_rowids").fetchone()
    chunk, offset = count // SLOTS + 1, count % SLOTS
    if not offset:
        values = (chunk, bytes(SLOTS * len(data)))
        connection.execute("INSERT INTO memory_embeddings_vector_chunks00 (rowid, vectors) VALUES (?, ?)", values)
    place = connection.execute(
        "SELECT _rowid_ FROM memory_embeddings_vector_chunks00 WHERE rowid = ?", (chunk,)
    ).fetchone()
    with connection.blobopen("memory_embeddings_vector_chunks00", "vectors", place[0]) as blob:
        blob.seek(offset * len(data))
        blob.write(data[: (len(blob) - offset * len(data))])
    connection.execute(
        "INSERT INTO memory_embeddings_rowids (rowid, chunk_id, chunk_offset) VALUES (?, ?, ?)", (row, chunk, offset)
    )


def unit(seed: int, dimensions: int = 384) -> list[float]:
    """A vector of length 1, another one for each seed."""
    floats = [0.0] * dimensions
    floats[seed % dimensions] = 1.0
    return floats
