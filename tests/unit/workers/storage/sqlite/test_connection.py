from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.unit.workers.desk import Desk
from workers.storage.connection import Query
from workers.storage.sqlite.connection import SqliteConnection, text

STORAGE = Path(__file__).parents[5] / "workers" / "storage"
_LOADED = re.compile(r'^(_[A-Z]+) = (?:named_)?queries\.load\("(\w+)"\)', re.MULTILINE)


def _asked() -> set[Query]:
    """The queries that what is neutral asks for by literal names."""
    found: set[Query] = set()
    for folder in ("records", "reading", "writing"):
        for path in (STORAGE / folder).glob("*.py"):
            code = path.read_text(encoding="utf-8")
            for name, file in _LOADED.findall(code):
                found |= {Query(file, query) for query in re.findall(rf'{name}\["(\w+)"\]', code)}
                if name == "_SQL":
                    found |= {Query(file, query) for query in re.findall(r'\.(?:execute|insert)\(\s*"(\w+)"', code)}
    return found


def test_sqlite_has_every_query_that_is_asked_for_by_its_name() -> None:
    assert len(asked := _asked()) > 100
    assert not [query for query in asked if not _is_there(query)]


def _is_there(query: Query) -> bool:
    try:
        return bool(text(query))
    except KeyError:
        return False


def test_conditions_are_put_into_a_query() -> None:
    assert text(Query("search", "count", ("live", "current"))) == (
        "SELECT count(*) FROM memories AS m"
        " WHERE m.deleted_at IS NULL AND m.namespace = :namespace AND m.superseded_by IS NULL"
    )


def test_a_list_is_one_value(desk: Desk) -> None:
    for content in ("one", "two", "three"):
        desk.store(content)
    connection = desk.questions._connection
    query = Query("search", "contents")
    assert sorted(connection.fetch(query, {"rows": [1, 3, 7]})) == [(1, "one"), (3, "three")]
    assert list(connection.each(query, {"rows": (2,)})) == [(2, "two")]
    assert connection.fetch(query, {"rows": []}) == []


def test_what_has_no_value_in_sqlite_is_refused() -> None:
    with closing(apsw.Connection(":memory:")) as raw, pytest.raises(TypeError, match="set"):
        SqliteConnection(raw).raw.execute("SELECT ?", ({1},))


def test_a_new_row_has_its_number_and_changed_rows_are_counted(desk: Desk) -> None:
    desk.store("one", tags=["a", "b"])
    connection = desk.engine._connection
    line = {"at": 1.0, "operation": "x", "memory": "m", "row": 1, "client": "c", "request": "r", "before": None}
    seq = connection.value(Query("writer", "seq"))
    assert connection.insert(Query("writer", "insert_change"), line) == seq + 1
    assert connection.execute(Query("writer", "delete_memory_tags"), {"row": 1}) == 2
    assert connection.execute(Query("writer", "delete_memory_tags"), {"row": 1}) == 0
    assert connection.value(Query("rows", "find"), {"id": "nobody", "namespace": "default"}) is None
