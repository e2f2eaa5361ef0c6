"""sqlite-vec among the peers: a vec0 table in a file that each client process reads by itself, without any server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import sqlite_vec

from bench.harness import report
from bench.harness.material import Material
from bench.peers.interface import NEAREST, Address, Answered, Ask, Served, Vector
from workers.storage.sqlite import engine

NAME = "sqlite-vec"
PACKAGES = ("sqlite_vec",)
BREADTH = ""
BREADTHS: tuple[int, ...] = ()

_TABLES = """
CREATE TABLE memories (id INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE vectors USING vec0(embedding float[{dimensions}] distance_metric=cosine);
"""
_NEAREST = f"""
WITH nearest AS (SELECT rowid, distance FROM vectors WHERE embedding MATCH ? AND k = {NEAREST})
SELECT id, content FROM nearest JOIN memories ON id = nearest.rowid ORDER BY distance
"""  # noqa: S608  # a number of ours


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Served]:
    """Fill a database; there is nothing that serves it."""
    report.progress(f"{NAME}: storing {len(material)}")
    database = folder / "peer.db"
    with closing(engine.connect(database)) as connection:
        engine.load_vectors(connection)
        connection.pragma("journal_mode", "wal")
        connection.execute(_TABLES.format(dimensions=material.vectors.shape[1]))
        texts = ((place, material.content(place)) for place in range(len(material)))
        vectors = ((place, vector.tobytes()) for place, vector in enumerate(material.vectors.astype("<f4")))
        with connection:
            connection.executemany("INSERT INTO memories (id, content) VALUES (?, ?)", texts)
            connection.executemany("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", vectors)
    yield Served(address=(str(database),), version=f"{sqlite_vec.__version__}, SQLite {apsw.sqlite_lib_version()}")


@contextmanager
def connect(address: Address) -> Iterator[Ask]:
    """Give a function that asks the database in this file, which is opened as memmux's own readers open theirs."""
    (database,) = address
    with closing(engine.open_reader(Path(database))) as connection:

        def ask(query: Vector) -> Answered:
            found: list[tuple[Any, ...]] = connection.execute(_NEAREST, (query.tobytes(),)).fetchall()
            return [(place, content) for place, content in found]

        yield ask
