"""The segment builder: makes the index of many vectors anew from the rows, and ends.

Run as `python -P -m workers segment FLAGS…`, politely and one at a time, by the write worker. It only reads the
database. The exit code is 0 when every namespace with many vectors has a segment that is new enough.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.files import durable, private
from memmux.files.lock import FileLock
from memmux.logs import log
from workers.index import inverted_file
from workers.index import segment as segments
from workers.index.centre import Centre
from workers.index.segment import Manifest
from workers.runtime.child import die_with_parent
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.records import vectors
from workers.storage.records.vectors import Model
from workers.storage.sqlite import connection as sqlite

STALE = 0.1  # of a namespace's vectors may have changed before its segment is made anew
NICENESS = 15
_SQL = queries.load("search")

Reading = Callable[[], AbstractContextManager[Connection]]
"""Opens the database for reading, all as of one moment."""


def main(settings: Settings) -> int:
    """Make the segments that are missing or stale; return the exit code."""
    logger = log.get()
    die_with_parent()
    os.nice(NICENESS)
    try:
        made = make(settings.database, settings.index_from, _reading(settings))
    except (MemmuxError, OSError) as error:
        logger.error("segment_failed", error=str(error))
        return 1
    except Exception:
        logger.exception("segment_failed")
        return 1
    logger.info("segments_made", vectors=made)
    return 0


def make(database: Path, least: int, reading: Reading | None = None) -> list[int]:
    """Make the segments that are missing or stale, of namespaces with so many vectors; return how many are in each.

    reading: opens the database where it is not the file of that name.
    """
    reading = partial(sqlite.reading, database) if reading is None else reading
    with _alone(database):
        for path in segments.folder(database).glob(f"*{durable.PARTIAL}"):  # of a build that was killed
            shutil.rmtree(path, ignore_errors=True)
        _remove_foreign(database, reading)
        made = [_build(database, manifest, reading) for manifest in _due(database, least, reading)]
        _remove_superseded(database)
    return made


def _reading(settings: Settings) -> Reading | None:
    if settings.server is None:
        return None
    from workers.storage.postgres import reader  # only where the driver is there

    return partial(reader.reading, settings.read_server or settings.server)


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    folder = segments.folder(database)
    private.make_folder(folder)
    with FileLock(folder / "lock") as lock:
        lock.wait()
        yield


def _due(database: Path, least: int, reading: Reading) -> list[Manifest]:
    """Return what is to be made: for each namespace with so many vectors, unless its segment is new enough."""
    with reading() as connection:
        if (model := vectors.current(connection)) is None:
            return []
        newest = {manifest.namespace: manifest for _, manifest in segments.kept(database) if manifest.model == model.id}
        counted = connection.fetch(_SQL["vectors_by_namespace"], {"model": model.id})
        return [
            _wanted(model, namespace)
            for namespace, count in counted
            if count >= least and not _is_new_enough(connection, newest.get(namespace), count)
        ]


def _wanted(model: Model, namespace: str) -> Manifest:
    return Manifest(
        version=segments.VERSION,
        model=model.id,
        dimensions=model.dimensions,
        namespace=namespace,
        seq=0,
        change="",
        vectors=0,
        breadth=0,
    )


def _is_new_enough(connection: Connection, manifest: Manifest | None, count: int) -> bool:
    if manifest is None or _change(connection, manifest.seq) != manifest.change:
        return False
    values = {"seq": manifest.seq, "namespace": manifest.namespace}
    changed: int = connection.value(_SQL["changed_of_namespace"], values)
    return changed <= STALE * count


def _change(connection: Connection, seq: int) -> str | None:
    change: str | None = connection.value(_SQL["change"], {"seq": seq})
    return change


def _build(database: Path, wanted: Manifest, reading: Reading) -> int:
    """Make one segment; return how many vectors are in it."""
    began = time.monotonic()
    building = segments.folder(database) / f"building{durable.PARTIAL}"
    private.make_folder(building, sync=False)
    manifest = _copy(wanted, building, reading)
    copied = time.monotonic()
    lines = np.load(building / segments.VECTORS, mmap_mode="r")
    inverted_file.build(lines, building / segments.LISTS)
    breadth = inverted_file.sufficient(building / segments.LISTS, lines, segments.CANDIDATES)
    manifest = replace(manifest, breadth=breadth)
    if _was_purged_since(manifest, building, reading):
        shutil.rmtree(building)
        return 0
    segments.publish(database, building, manifest)
    log.get().info(
        "segment_made",
        namespace=manifest.namespace,
        vectors=manifest.vectors,
        breadth=manifest.breadth,
        copy_s=round(copied - began, 1),
        lists_s=round(time.monotonic() - copied, 1),
    )
    return manifest.vectors


def _was_purged_since(manifest: Manifest, folder: Path, reading: Reading) -> bool:
    """Return whether a memory whose vectors were copied was purged meanwhile; then they are not to be kept."""
    with reading() as connection:
        rows = connection.fetch(_SQL["purges_since"], {"seq": manifest.seq})
    return segments.holds(folder, [row for (row,) in rows])


def _copy(wanted: Manifest, folder: Path, reading: Reading) -> Manifest:
    """Copy the vectors, as of one moment, into two files; return what they are."""
    asked = {"model": wanted.model, "namespace": wanted.namespace}
    with reading() as connection:
        seq: int = connection.value(_SQL["seq"])
        counted = dict(connection.fetch(_SQL["vectors_by_namespace"], {"model": wanted.model}))
        count = counted.get(wanted.namespace, 0)
        rows = np.empty(count, np.int64)
        lines = open_memmap(folder / segments.VECTORS, "w+", np.float32, (count, wanted.dimensions))
        for place, (row, embedding) in enumerate(connection.each(_SQL["vectors_of_namespace"], asked)):
            rows[place] = row
            lines[place] = np.frombuffer(embedding, "<f4")
        change = _change(connection, seq) or ""
    lines.flush()
    np.save(folder / segments.ROWS, rows)
    np.save(folder / segments.SUM, Centre.of(lines).total)
    return replace(wanted, seq=seq, change=change, vectors=count)


def _remove_foreign(database: Path, reading: Reading) -> None:
    """Remove the segments whose model is gone, and those of another history, however new: nobody can use them."""
    with reading() as connection:
        model = vectors.current(connection)
        for path, manifest in list(segments.kept(database)):
            ours = model is not None and manifest.model == model.id
            if not ours or _change(connection, manifest.seq) != manifest.change:
                segments.remove(path)


def _remove_superseded(database: Path) -> None:
    """Remove every segment of which there is a newer one; who has one open goes on with it."""
    newest = {(manifest.model, manifest.namespace): path for path, manifest in segments.kept(database)}
    for path, _ in list(segments.kept(database)):
        if path not in newest.values():
            segments.remove(path)
