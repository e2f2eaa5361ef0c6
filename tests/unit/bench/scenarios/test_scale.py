"""What is on disk."""

from __future__ import annotations

from pathlib import Path

from bench.scenarios.scale import bytes_on_disk


def test_database_log_and_index_are_counted_and_nothing_else(tmp_path: Path) -> None:
    database = tmp_path / "memories.db"
    database.write_bytes(bytes(100))
    assert bytes_on_disk(database) == 100
    (tmp_path / "memories.db-wal").write_bytes(bytes(10))
    (tmp_path / "memories.db.lock").write_bytes(bytes(1000))
    inner = tmp_path / "memories.db.index" / "part"
    inner.mkdir(parents=True)
    (inner / "0").write_bytes(bytes(3))
    (inner.parent / "1").write_bytes(bytes(4))
    assert bytes_on_disk(database) == 117
