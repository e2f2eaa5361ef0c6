"""Segments: those that hold what is gone are removed, for no purge to leave a vector behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from memmux.errors import of_system
from memmux.logs import log
from workers.index import segment as segments
from workers.storage import queries
from workers.storage.connection import Connection

_SQL = queries.load("search")


def forget(connection: Connection, database: Path) -> Iterator[Path]:
    """Remove the segments with vectors of what was purged since, or of a model that is gone; yield where each was.

    Those that have one open go on with it. Raises StorageError, and what the connection raises.
    """
    try:
        found = list(segments.kept(database))
    except OSError as error:
        raise of_system(error, f"{segments.folder(database)} can't be read") from None
    for path, manifest in found:
        gone = not connection.value(_SQL["has_model"], {"model": manifest.model})
        rows = connection.fetch(_SQL["purges_since"], {"seq": manifest.seq})
        if (gone or segments.holds(path, [row for (row,) in rows])) and segments.remove(path):
            log.get().info("segment_forgotten", namespace=manifest.namespace, vectors=manifest.vectors)
            yield path
