from __future__ import annotations

from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH, MAX_CACHED_STATEMENT_PARAMS

from workers.storage.connection import Query
from workers.storage.postgres import numbers, queries
from workers.storage.postgres.buffer import _KINDS, _WHOLE
from workers.storage.postgres.merged import merged


def test_one_statement_stays_as_it_is() -> None:
    assert merged([("DELETE FROM a WHERE x = %(x)s", {"x": 1})]) == ("DELETE FROM a WHERE x = %(x)s", {"x": 1})


def test_several_are_one_with_the_values_of_each() -> None:
    sql, values = merged([("UPDATE a SET x = %(x)s, y = %(y)s\n-- the first", {"x": 1, "y": 2}), ("b %(x)s", {"x": 3})])
    assert sql == "WITH part_0 AS (\nUPDATE a SET x = %(x_0)s, y = %(y_0)s\n-- the first\n)\nb %(x_1)s"
    assert values == {"x_0": 1, "y_0": 2, "x_1": 3}


def test_what_a_group_of_stores_changes_is_read_once_by_the_driver() -> None:
    rows = [query for query in _KINDS if query.name != "insert_tag"]
    texts = [queries.text(query if query in _WHOLE else Query("together", query.name)) for query in rows]
    sql, _ = merged([(text, {}) for text in (*texts, numbers.WRITE)])
    assert len(sql) <= MAX_CACHED_STATEMENT_LENGTH
    assert len(set(queries.ASKED.findall(sql))) <= MAX_CACHED_STATEMENT_PARAMS
