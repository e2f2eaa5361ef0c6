from __future__ import annotations

from workers.storage.connection import Query
from workers.storage.postgres import queries
from workers.storage.postgres.buffer import _KINDS, Buffer

CHANGE, TAG = Query("writer", "insert_change"), Query("writer", "insert_tag")


def names(buffer: Buffer, *, marked: bool = False) -> list[list[object]]:
    """Take what waits, and return the names of tags and the numbers of changes."""
    return [columns.get("name") or columns["seq"] for _, columns in buffer.taken(marked=marked)]


def filled() -> Buffer:
    buffer = Buffer()
    for query, values in ((CHANGE, {"seq": 1}), (TAG, {"name": "a"})):
        buffer.add(query, values)
    buffer.mark()
    buffer.add(CHANGE, {"seq": 2})
    return buffer


def test_rows_are_sent_in_the_order_of_their_tables() -> None:
    assert names(filled()) == [["a"], [1, 2]]


def test_what_came_since_the_mark_can_be_sent_later_or_dropped() -> None:
    buffer = filled()
    assert names(buffer, marked=True) == [["a"], [1]]
    assert buffer.is_beyond
    assert names(buffer) == [[2]]
    assert not buffer.is_beyond
    buffer = filled()
    buffer.forget()
    assert names(buffer) == [["a"], [1]]


def test_a_statement_concerns_what_waits_by_its_tables_and_their_triggers() -> None:
    buffer = Buffer()
    buffer.add(Query("writer", "insert_memory"), {})
    assert buffer.concerns("SELECT row FROM memories WHERE id = %(id)s")
    assert buffer.concerns("SELECT value FROM meta")
    assert not buffer.concerns("SELECT 1 FROM idempotency WHERE memories_by = 1")


def test_rows_together_are_asked_for_what_one_row_is() -> None:
    for query in _KINDS:
        one, many = (
            queries.ASKED.findall(sql) for sql in (queries.text(query), queries.text(Query("together", query.name)))
        )
        assert set(many) - {"seq"} == set(one), query
