from __future__ import annotations

from workers.storage import queries
from workers.storage.connection import Query


def test_a_query_is_known_by_its_file_and_name_and_conditions() -> None:
    found = queries.load("search")
    assert found["count"] == Query("search", "count")
    assert found["count"] is found["count"]
    assert found["count"].among(("live", "type")) == Query("search", "count", ("live", "type"))
    assert found["count"].where == ()
