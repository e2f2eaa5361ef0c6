from __future__ import annotations

from workers.storage.postgres import numbers, queries
from workers.storage.postgres.numbers import Numbers


def test_numbers_follow_each_other_and_go_back_to_the_savepoint() -> None:
    found = Numbers()
    found.begin([7, 3, 0, 1])
    assert found.take("changes") == 8
    found.keep()
    assert [found.take("changes"), found.take("memories")] == [9, 4]
    found.restore()
    assert found.newest == {"changes": 8, "memories": 3, "vectors": 0, "models": 1}
    assert found.take("changes") == 9


def test_what_numbers_its_rows_is_known_by_its_statement() -> None:
    assert numbers.table(queries.load("writer")["insert_memory"]) == "memories"
    assert numbers.table(queries.load("writer")["load_memory"]) == "memories"
    assert numbers.table(queries.load("writer")["insert_change"]) == "changes"
    assert numbers.table(queries.load("vectors")["insert"]) == "vectors"
    assert numbers.table(queries.load("vectors")["register"]) == "models"
    assert numbers.table(queries.load("writer")["insert_tag"]) == ""
