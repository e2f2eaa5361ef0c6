from __future__ import annotations

import pytest

from workers.storage.sqlite import queries


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
