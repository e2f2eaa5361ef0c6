"""A database of theirs: its memories, links and vectors, whatever release wrote it, read from a copy.

What a release did not have yet is taken as it would have been by default. Of the tables only `memories` is needed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType

from memmux.errors import AdoptionFailedError, DatabaseForeignError
from memmux.mms import texts
from memmux.mms.to_memory import Edge, StoredMemory
from memmux.mms.vectors import Vectors

NEEDED = {"content_hash", "content"}
_APPLICATION_ID = 0x6D6D7578  # of memmux's own databases
_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "hash": "content_hash",
        "content": "content",
        "tags": "tags",
        "type": "memory_type",
        "metadata": "metadata",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "created_at_iso": "created_at_iso",
        "updated_at_iso": "updated_at_iso",
        "deleted_at": "deleted_at",
        "store": "store",
        "parent_id": "parent_id",
        "version": "version",
        "confidence": "confidence",
        "last_accessed": "last_accessed",
        "superseded_by": "superseded_by",
    }
)
_EDGE_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "source": "source_hash",
        "target": "target_hash",
        "similarity": "similarity",
        "types": "connection_types",
        "metadata": "metadata",
        "created_at": "created_at",
        "relation": "relationship_type",
    }
)


class Database:
    """One database of theirs; `there` has the hashes of its memories."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._columns = _columns(connection, "memories")
        if int(connection.execute("PRAGMA application_id").fetchone()[0]) == _APPLICATION_ID:
            raise DatabaseForeignError(
                f"{name} is a database of memmux; use it with MEMMUX_DATABASE, or import an export of it. "
                "It was not changed"
            )
        if not self._columns >= NEEDED:
            raise DatabaseForeignError(
                f"{name} is no database of mcp-memory-service: it has no table `memories` with content and "
                "content_hash. It was not changed"
            )
        self._vectors = Vectors(connection)
        self._places = self._vectors.places()
        self.there: Mapping[str, object] = {
            texts.text_of(name) or "": None for (name,) in connection.execute("SELECT content_hash FROM memories")
        }

    @property
    def total(self) -> int:
        """How many memories there are, the deleted ones too."""
        count: int = self._connection.execute("SELECT count(*) FROM memories").fetchone()[0]
        return count

    def memories(self) -> Iterator[StoredMemory]:
        """Yield the memories in the order of their storing."""
        edges = self._edges()
        columns = ", ".join(name if name in self._columns else "NULL" for name in _COLUMNS.values())
        query = f"SELECT _rowid_, {columns} FROM memories ORDER BY _rowid_"  # noqa: S608  # names of our own
        for row, *values in self._connection.execute(query):
            fields = dict(zip(_COLUMNS, values, strict=True))
            vector, oddity = self._vector(row, deleted=fields["deleted_at"] is not None)
            own = edges.get(texts.text_of(fields["hash"]) or "", ())
            yield StoredMemory(**fields, vector=vector, vector_oddity=oddity, edges=own)

    def lost_edges(self) -> list[Edge]:
        """Return the links that start at no memory of the file: entities, or memories that are gone."""
        return [edge for source, edges in self._edges().items() if source not in self.there for edge in edges]

    def close(self) -> None:
        """Let go of what is open."""
        self._vectors.close()

    def _vector(self, row: int, *, deleted: bool) -> tuple[bytes | None, str | None]:
        place = self._places.get(row)
        if place is None or deleted:
            return None, None
        data = self._vectors.at(place)
        return data, "vector_invalid" if data is None else None

    def _edges(self) -> dict[str, list[Edge]]:
        """Return the links by the hashes of the memories where they start; there are far fewer than memories."""
        known = _columns(self._connection, "memory_graph")
        if not {"source_hash", "target_hash"} <= known:
            return {}
        columns = ", ".join(name if name in known else "NULL" for name in _EDGE_COLUMNS.values())
        found: dict[str, list[Edge]] = {}
        for values in self._connection.execute(f"SELECT {columns} FROM memory_graph"):  # noqa: S608  # the same
            edge = Edge(**dict(zip(_EDGE_COLUMNS, values, strict=True)))
            found.setdefault(texts.text_of(edge.source) or "", []).append(edge)
        return found


@contextmanager
def opened(copy: Path, name: str) -> Iterator[Database]:
    """Open a private copy of a database of theirs; name: what the original is called in an error.

    Raises DatabaseForeignError, and AdoptionFailedError for one that can't be read.
    """
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.text_factory = texts.decode
            connection.execute("PRAGMA trusted_schema = 0")
            with closing(Database(connection, name)) as database:
                yield database
    except sqlite3.Error as error:
        raise AdoptionFailedError(
            f"{name} is damaged, or was altered: {error}; get it again, or mend it, for example with "
            "`sqlite3 FILE .recover`. It was not changed"
        ) from error


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns; none for a view of that name, which may be endless."""
    found = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = ?", (table,)).fetchall()
    if not any(kind == "table" and not (sql or "").upper().startswith("CREATE VIRTUAL") for kind, sql in found):
        return set()
    return {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
