"""Facts: what a writer tells of the database after each commit."""

from __future__ import annotations

from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import audits, vectors
from workers.storage.writing.model_switch import ModelSwitch

_SQL = queries.load("writer")


def counted(connection: Connection, model_switch: ModelSwitch) -> dict[str, object]:
    """Return what `Writer.facts` does, but for what only an engine knows of its files."""
    memories, model = vectors.memories(connection), vectors.current(connection)
    return {
        "seq": connection.value(_SQL["seq"]),
        "memories": memories,
        "pending": memories - (model.memories if model else 0),
        "model": model.name if model else None,
        "dimensions": model.dimensions if model else None,
        "vectors": model.vectors if model else 0,
        "unaudited": audits.count(connection),
        "source": vectors.source(connection, model) if model else "",
        "unneeded": len(vectors.others(connection)),
        "switch": model_switch.look(connection),
    }
