"""Evidence from a database of ours, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import apsw
import orjson
import pytest

from bench.faults.evidence import gather
from memmux.wire.embeddings import Embedding
from memmux.wire.requests import BODIES, Get, Store
from workers.runtime.jobs import Job
from workers.storage.sqlite import engine, fulltext
from workers.storage.sqlite.writer import SqliteWriter

INFINITY = float("inf")


def _job(number: int, operation: str, *frames: bytes) -> Job:
    assert operation in BODIES
    name = f"r{number}"
    return Job(name, operation, frames, f"k{number}", "test", INFINITY, 1, ())


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """One deleted memory, and one that is live and has a vector."""
    path = tmp_path / "memories.db"
    writer = SqliteWriter(path)
    frames = Embedding.of_vector("model", [1.0, 0.0, 0.0, 0.0], 5).frames()
    outcomes = writer.apply(
        [
            _job(1, "memory.store", Store(content="going").to_body()),
            _job(2, "memory.store", Store(content="stays", metadata={"a": 1}).to_body(), *frames),
        ],
        lambda: None,
    )
    first = orjson.loads(outcomes[0][1].frames[0])["id"]  # type: ignore[union-attr]  # it is an answer
    writer.apply([_job(3, "memory.delete", Get(id=first).to_body())], lambda: None)
    writer.close()
    return path


def test_everything_that_was_written_is_found(database: Path) -> None:
    evidence = gather(database)
    assert evidence.broken == ()
    assert sorted((row.content, row.deleted) for row in evidence.rows.values()) == [("going", True), ("stays", False)]
    assert [(change.seq, change.operation, change.request) for change in evidence.changes] == [
        (1, "memory.store", "r1"),
        (2, "memory.store", "r2"),
        (3, "memory.delete", "r3"),
    ]
    assert evidence.keys == {"k1", "k2", "k3"}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("UPDATE meta SET value = 7 WHERE key = 'memories'", "counter_wrong"),
        ("DELETE FROM texts WHERE rowid = 2", "fulltext_stale"),
        ("DELETE FROM vec_1", "vec0_stale"),
        ("DELETE FROM changes WHERE row = 1", "changes_missing"),
        ("UPDATE memories SET content = 'moved' WHERE row = 2", "content_changed"),
    ],
)
def test_database_that_does_not_fit_together_is_broken(database: Path, sql: str, code: str) -> None:
    connection = apsw.Connection(str(database))
    engine.load_vectors(connection)
    fulltext.teach(connection)
    connection.execute(sql)
    connection.close()
    assert any(broken.startswith(code) for broken in gather(database).broken)
