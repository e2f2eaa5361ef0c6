from __future__ import annotations

from workers.storage.connection import Query
from workers.storage.postgres import arrays, queries
from workers.storage.postgres.buffer import _KINDS, _WHOLE, Buffer

CHANGE, TAG, MEMORY = (Query("writer", f"insert_{name}") for name in ("change", "tag", "memory"))
POSTINGS = Query("postings", "add")


def row(query: Query, **given: object) -> dict[str, object]:
    """Return a row with what is given, and nothing else."""
    return dict.fromkeys(queries.ASKED.findall(queries.text(Query("together", query.name)))) | given


def taken(buffer: Buffer, *, marked: bool = False) -> list[list[object]]:
    """Take what waits, and return the names of tags and the numbers of others, by statements that can be one."""
    return [
        [columns["name" if "tags" in sql else "number"] for sql, columns in statements]
        for statements in buffer.taken(marked=marked)
    ]


def filled() -> Buffer:
    buffer = Buffer()
    for query, values in ((CHANGE, {"number": 1}), (TAG, {"name": "a"}), (MEMORY, {"number": 8})):
        buffer.add(query, row(query, **values))
    buffer.mark()
    buffer.add(CHANGE, row(CHANGE, number=2))
    return buffer


def test_all_rows_can_be_sent_as_one_statement_but_for_tags_which_come_before() -> None:
    assert taken(filled()) == [[arrays.texts(["a"])], [arrays.longs([8]), arrays.longs([1, 2])]]


def test_what_came_since_the_mark_can_be_sent_later_or_dropped() -> None:
    buffer = filled()
    assert taken(buffer, marked=True) == [[arrays.texts(["a"])], [arrays.longs([8]), arrays.longs([1])]]
    assert buffer.is_beyond
    assert taken(buffer) == [[arrays.longs([2])]]
    assert not buffer.is_beyond
    buffer = filled()
    buffer.forget()
    assert taken(buffer) == [[arrays.texts(["a"])], [arrays.longs([8]), arrays.longs([1])]]


def test_of_rows_that_come_many_at_once_no_more_wait() -> None:
    buffer = filled()
    assert not buffer.is_full(CHANGE)
    assert not buffer.is_full(POSTINGS)
    buffer.add(POSTINGS, {"rows": "many"})
    assert buffer.is_full(POSTINGS)
    *_, last = buffer.taken()
    assert last[-1] == (queries.text(POSTINGS), {"rows": "many"})
    assert not buffer.is_full(POSTINGS)


def test_a_statement_concerns_what_waits_by_its_tables_and_their_triggers() -> None:
    buffer = Buffer()
    buffer.add(Query("writer", "insert_memory"), {})
    assert buffer.concerns("SELECT row FROM memories WHERE id = %(id)s")
    assert buffer.concerns("SELECT value FROM meta")
    assert not buffer.concerns("SELECT 1 FROM idempotency WHERE memories_by = 1")


def test_rows_together_are_asked_for_what_one_row_is() -> None:
    for query in set(_KINDS) - set(_WHOLE):
        one, many = (
            queries.ASKED.findall(sql) for sql in (queries.text(query), queries.text(Query("together", query.name)))
        )
        assert set(many) - {"seq"} == set(one), query
