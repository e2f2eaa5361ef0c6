from __future__ import annotations

from typing import Any

from workers.storage.connection import Query
from workers.storage.postgres.known import Known

MEMORY: dict[str, Any] = {
    "id": "x",
    "namespace": "n",
    "content_hash": "h",
    "content": "text",
    "thread": None,
    "run": None,
    "at": 5.0,
}
SAME = Query("writer", "same_content"), {"content_hash": "h", "namespace": "n"}
MEMORIES, CURRENT = Query("vectors", "memories"), Query("vectors", "current")


def test_a_memory_that_was_inserted_is_known() -> None:
    known = Known()
    known.put(MEMORIES, {}, [(3,)])
    known.begin()
    known.changed(Query("writer", "insert_memory"), MEMORY, 9)
    assert known.get(*SAME) == [(9, "x")]
    assert known.get(Query("namespaces", "is_there"), {"namespace": "n"}) == [(True,)]
    assert known.get(MEMORIES, {}) == [(4,)]
    assert known.fresh == [(9, "h", "text")]
    known.changed(Query("writer", "insert_change"), {"row": 9, "before": None, "client": "ann"}, 1)
    assert known.get(Query("threads", "run"), {"row": 9, "client": "ann", "namespace": "n"}) == [(9, 5.0)]


def test_a_vector_that_was_inserted_counts() -> None:
    known = Known()
    known.put(CURRENT, {}, [(1, "m", 2, 3, 4)])
    for window in (0, 1):
        known.changed(Query("vectors", "insert"), {"memory": 9, "model": 1, "window": window}, 1)
    assert known.get(CURRENT, {}) == [(1, "m", 2, 4, 6)]
    assert known.get(Query("vectors", "has"), {"memory": 9, "model": 1}) == [(True,)]


def test_any_other_change_lets_all_be_asked_anew() -> None:
    known = Known()
    known.begin()
    known.changed(Query("writer", "insert_memory"), MEMORY, 9)
    known.changed(Query("writer", "delete_memory"), {"row": 9}, 0)
    assert known.get(*SAME) is None
    assert known.fresh is None


def test_what_was_looked_for_is_known_be_it_there_or_not() -> None:
    known = Known()
    known.looked(
        ["k", "other"], [("n", "h"), ("n", "i")], [("n", "h", 9, "x", None, None), ("k", None, None, None, b"f", b"a")]
    )
    assert known.get(*SAME) == [(9, "x")]
    assert known.get(SAME[0], {"namespace": "n", "content_hash": "i"}) == []
    assert known.get(Query("writer", "answered"), {"key": "k"}) == [(b"f", b"a")]
    assert known.get(Query("writer", "answered"), {"key": "other"}) == []
    assert known.get(Query("writer", "answered"), {"key": "third"}) is None


def test_runs_are_asked_for_once() -> None:
    known = Known()
    stored = [(9, "ann", "n"), (9, "bob", "n"), (8, "bob", "m")]
    assert known.unknown_runs(stored) == stored
    known.runs(stored, [(9, "ann", 4, 5.0), (8, "bob", 8, 6.0)])
    assert known.unknown_runs([*stored, (7, "ann", "n")]) == [(7, "ann", "n")]
    runs = [known.get(Query("threads", "run"), {"namespace": n, "client": c, "row": row}) for row, c, n in stored]
    assert runs == [[(4, 5.0)], [], [(8, 6.0)]]


def test_words_that_are_written_change_nothing_that_is_known() -> None:
    known = Known()
    known.put(MEMORIES, {}, [(3,)])
    for name in ("add", "add_texts"):
        known.changed(Query("postings", name), {}, 0)
    assert known.get(MEMORIES, {}) == [(3,)]


def test_other_queries_are_always_asked() -> None:
    known = Known()
    known.put(Query("rows", "find"), {"id": "x"}, [(1,)])
    assert known.get(Query("rows", "find"), {"id": "x"}) is None
