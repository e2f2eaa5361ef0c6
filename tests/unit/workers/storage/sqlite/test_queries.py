from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.workers.desk import Desk
from workers.storage.sqlite import engine, queries


@pytest.mark.parametrize(
    "file", ["audits", "filters", "graph", "links", "rows", "search", "vec0", "vectors", "words", "writer"]
)
def test_every_file_of_queries_is_read_whole(file: str) -> None:
    found = queries.load(file)
    text = (queries.FOLDER / f"{file}.sql").read_text(encoding="utf-8")
    assert text.count("-- name: ") == len(found)
    assert all(found.values())


def test_queries_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        queries.load("rows")["find"] = "SELECT 1"  # type: ignore[index]  # that it fails is the test


@pytest.mark.parametrize("file", ["search", "threads"])
def test_to_catch_up_a_reader_looks_at_what_came_since_alone(tmp_path: Path, file: str) -> None:
    desk = Desk(tmp_path / "memories.db")
    for number in range(20):
        desk.store(f"memory {number}")
    with closing(desk), closing(engine.open_reader(desk.settings.database)) as raw:
        (*_, plan), *_ = engine.fetch(raw, f"EXPLAIN QUERY PLAN {queries.load(file)['changed']}", {"seq": 18})
        assert plan.startswith("SEARCH changes USING INTEGER PRIMARY KEY (rowid>?)")
        assert engine.fetch(raw, queries.load(file)["changed"], {"seq": 18}) == [(19,), (20,)]
