"""The check finds what is broken, and the repair heals what can be made from the rows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import orjson
import pytest

from memmux.errors import DatabaseCorruptError, DatabaseForeignError, MemmuxError, SchemaWrongError
from tests.unit.workers.desk import Desk, embedding, job
from workers.runtime.jobs import Answer
from workers.storage.records.invariants import REPAIR, Finding
from workers.storage.sqlite import engine
from workers.storage.sqlite.checking.check import RESTORE, check


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with memories of every kind, which tests copy."""
    desk = Desk(tmp_path_factory.mktemp("whole") / "memories.db")
    for number in range(20):
        content = f"memory number {number} is about ferries, harbours and the weather at sea"
        frames = embedding(content, (0.6, 0.8), (0, 1)) if number % 2 else embedding(content, (1, 0))
        namespace = "other" if number % 5 == 0 else "default"
        body = {"content": content, "tags": [f"Tag {number % 3}", "Straße"], "namespace": namespace}
        desk.ask("memory.store", body, *frames)
    desk.ask("memory.store", {"content": "still without a vector"})
    for content in ("a memory to delete", "a memory to change"):
        desk.ask("memory.store", {"content": content}, *embedding(content, (1, 0)))
    desk.ask("memory.delete", {"id": identity(desk, "a memory to delete")})
    rewritten = "a memory that was changed"
    body = {"id": identity(desk, "a memory to change"), "content": rewritten}
    desk.ask("memory.rewrite", body, *embedding(rewritten, (0, 1)))
    desk.close()
    return desk.settings.database


@pytest.fixture
def desk(whole: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk with a copy of it; unlike the shared desk it may be broken at the end."""
    desk = Desk(Path(shutil.copy(whole, tmp_path)))
    yield desk
    desk.reader.close()
    desk.engine._raw.close()


def identity(desk: Desk, content: str) -> str:
    return str(desk.sql("SELECT id FROM memories WHERE content = ?", content)[0][0])


def found(desk: Desk, *, deep: bool = False) -> list[Finding]:
    return check(desk.settings.database, deep=deep)


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


def rebuild(desk: Desk) -> Answer | MemmuxError:
    ((_, outcome),) = desk.write(job("admin.rebuild", {}))
    return outcome


@pytest.mark.parametrize("deep", [False, True])
def test_nothing_is_wrong_with_a_database_that_nobody_broke(desk: Desk, *, deep: bool) -> None:
    assert found(desk, deep=deep) == []


def test_an_empty_database_is_whole(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db")
    assert found(desk, deep=True) == []
    desk.close()


HEALED = [
    ("counter_wrong", "UPDATE meta SET value = value + 1 WHERE key = 'memories'"),
    ("counter_wrong", "UPDATE models SET vectors = 1"),
    ("counter_wrong", "UPDATE models SET memories = memories - 1"),
    ("counter_wrong", "DELETE FROM meta WHERE key = 'model'"),
    ("fulltext_stale", "INSERT INTO texts (texts) VALUES ('delete-all')"),
    ("fulltext_stale", "INSERT INTO texts (rowid, content) VALUES (999, 'a memory that is not there')"),
    ("fulltext_stale", "DELETE FROM texts WHERE rowid = 4"),
    ("fulltext_stale", "DELETE FROM texts WHERE rowid = 3; INSERT INTO texts (rowid, content) VALUES (3, 'ferri')"),
    ("fulltext_stale", "UPDATE meta SET value = 'words 0' WHERE key = 'words'"),
    ("fulltext_stale", "DELETE FROM meta WHERE key = 'words'"),
    ("vec0_stale", "DELETE FROM vec_1 WHERE rowid = 4"),
    ("vec0_stale", "INSERT INTO vec_1 (rowid, embedding, namespace) VALUES (999, '[1, 0]', 'default')"),
    ("vec0_stale", "UPDATE vec_1 SET embedding = '[-1, 0]' WHERE rowid = 4"),
    ("vec0_stale", "UPDATE vec_1 SET namespace = 'elsewhere' WHERE rowid = 4"),
    ("vec0_stale", "DROP TABLE vec_1"),
    ("vec0_stale", "CREATE VIRTUAL TABLE vec_7 USING vec0 (embedding FLOAT [2], namespace TEXT)"),
    ("vectors_wrong", "UPDATE vectors SET embedding = x'0000803f' WHERE id = 4"),
    ("vectors_wrong", "UPDATE vectors SET embedding = x'0000004000000000' WHERE id = 4"),
    ("vectors_wrong", "UPDATE vectors SET embedding = x'0000c07f00000000' WHERE id = 4"),
    ("vectors_wrong", 'UPDATE vectors SET "end" = "end" - 1 WHERE id = 1'),
    ("vectors_wrong", "UPDATE vectors SET start = 1 WHERE id = 1"),
    ("vectors_wrong", "DELETE FROM vectors WHERE window = 0 AND memory = 2"),
    ("vectors_wrong", "UPDATE memories SET deleted_at = 1 WHERE row = 2"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; UPDATE vectors SET memory = 999 WHERE id = 1"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; UPDATE vectors SET model = 9 WHERE id = 1"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; DELETE FROM tags WHERE id = 1"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; INSERT INTO aliases VALUES ('default', 'x', 999)"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; INSERT INTO origins VALUES (999, '{}')"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; INSERT INTO links VALUES (999, 'x', 'r', NULL, '[]', '{}', 1)"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; INSERT INTO uses VALUES (999, 1, 1)"),
    ("orphan_rows", "PRAGMA foreign_keys = 0; INSERT INTO audits VALUES (1, 9, 1, 2)"),
    ("tags_wrong", "UPDATE tags SET name = 'Tag 0' WHERE name = 'tag 0'"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "damage"), HEALED)
def test_what_is_broken_is_found_and_a_rebuild_heals_it(desk: Desk, code: str, damage: str) -> None:
    desk.sql(damage)
    findings = found(desk)
    assert code in codes(findings)
    assert all(REPAIR in finding.remedy for finding in findings)
    assert isinstance(rebuild(desk), Answer)
    assert found(desk, deep=True) == []
    desk.check()


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("changes_missing", "DELETE FROM changes WHERE seq = 5"),
        ("changes_missing", "DELETE FROM changes WHERE row = 1"),
        ("schema_wrong", "DROP TRIGGER texts_forgotten"),
        ("schema_wrong", "DROP INDEX memories_by_hash"),
        ("content_changed", "UPDATE memories SET content = 'something else' WHERE row = 3"),
    ],
)
def test_what_the_rows_can_not_give_back_is_for_a_backup(desk: Desk, code: str, damage: str) -> None:
    desk.sql(damage)
    findings = found(desk, deep=True)
    assert {finding.remedy for finding in findings if finding.code == code} == {RESTORE}


def test_an_index_that_lacks_a_row_is_found_by_a_deep_check_and_healed(desk: Desk) -> None:
    database = desk.settings.database
    desk.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(engine.connect(database)) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.pragma("writable_schema", 1)
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'namespace, created_at', 'namespace, row')")
    with closing(engine.connect(database)) as connection:
        engine.load_vectors(connection)
        connection.execute("UPDATE memories SET created_at = created_at + 1 WHERE row = 4")
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.pragma("writable_schema", 1)
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'namespace, row)', 'namespace, created_at)')")
    findings = found(desk, deep=True)
    assert codes(findings) == {"index_damaged"}
    assert "memories_by_time" in findings[0].what
    assert isinstance(rebuild(desk), Answer)
    assert found(desk, deep=True) == []


def test_rows_that_a_unique_index_can_not_hold_are_for_a_backup_and_a_repair_ends_no_writer(desk: Desk) -> None:
    database = desk.settings.database
    desk.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    as_it_was, otherwise = "CREATE UNIQUE INDEX memories_by_hash", "CREATE INDEX memories_by_hash"
    rename = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?)"
    with closing(engine.connect(database)) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.pragma("writable_schema", 1)
        connection.execute(rename, (as_it_was, otherwise))
    with closing(engine.connect(database)) as connection:
        engine.load_vectors(connection)
        connection.execute(
            "UPDATE memories SET content_hash = (SELECT content_hash FROM memories WHERE row = 3) WHERE row = 4"
        )
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.pragma("writable_schema", 1)
        connection.execute(rename, (otherwise, as_it_was))
    findings = found(desk, deep=True)
    assert {(finding.code, finding.remedy) for finding in findings} == {("index_damaged", RESTORE)}
    assert "memories_by_hash" in findings[0].what
    assert isinstance(rebuild(desk), SchemaWrongError)
    assert desk.store("the writer goes on")["status"] == "created"


def test_memories_that_lost_their_vectors_wait_for_new_ones_and_readers_know(desk: Desk) -> None:
    desk.questions.idle()
    desk.sql("UPDATE vectors SET start = 1 WHERE memory = 1")
    outcome = rebuild(desk)
    assert isinstance(outcome, Answer)
    assert outcome.frames[0] == b'{"texts":22,"vectors":30,"dropped":1}'
    assert desk.engine.facts()["pending"] == 2
    memory = identity(desk, "memory number 0 is about ferries, harbours and the weather at sea")
    assert desk.sql("SELECT operation, memory FROM changes ORDER BY seq DESC LIMIT 1") == [("admin.rebuild", memory)]
    assert verified(desk)["drifted"] == 0


def verified(desk: Desk) -> dict[str, int]:
    ((_, outcome),) = desk.reader.handle([job("admin.verify", {})], lambda: None)
    assert isinstance(outcome, Answer)
    fields: dict[str, int] = orjson.loads(outcome.frames[0])
    return fields


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM vectors WHERE id = 4",
        "UPDATE vectors SET embedding = x'000080bf00000000' WHERE id = 4",
        "UPDATE memories SET namespace = 'elsewhere' WHERE row = 2",
    ],
)
def test_a_reader_whose_memory_drifted_from_the_rows_is_found(desk: Desk, damage: str) -> None:
    assert verified(desk) == {"pid": os.getpid(), "seq": 25, "vectors": 31, "drifted": 0}
    desk.sql(damage)  # behind the change log's back
    assert verified(desk)["drifted"] == 1


def page_of(database: Path, table: str) -> int:
    """The page at which a table begins."""
    with closing(engine.open_reader(database)) as connection:
        page: int = engine.value(connection, "SELECT rootpage FROM sqlite_schema WHERE name = :name", {"name": table})
        assert connection.pragma("page_size") == 4096
    return page


def overwrite(database: Path, page: int) -> None:
    with database.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def test_a_damaged_page_is_found_and_its_table_named(desk: Desk) -> None:
    desk.writer.close()
    database = desk.settings.database
    overwrite(database, page_of(database, "memories"))
    findings = check(database, deep=False)
    assert codes(findings) == {"database_corrupt"}
    assert findings[0].remedy == RESTORE
    assert "memories" in findings[0].what


@pytest.mark.parametrize("pages", [1, 3, 100])
def test_a_file_that_was_cut_off_is_found(desk: Desk, pages: int) -> None:
    desk.writer.close()
    database = desk.settings.database
    with database.open("r+b") as file:
        file.truncate(database.stat().st_size - pages * 4096 if pages < 100 else 4096)
    (finding,) = check(database, deep=False)
    assert finding.code == "database_corrupt"
    assert "cut off" in finding.what
    assert finding.remedy == RESTORE


def test_a_damaged_first_page_is_found(desk: Desk) -> None:
    desk.writer.close()
    database = desk.settings.database
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 3996)
    assert codes(check(database, deep=False)) == {"database_corrupt"}


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear all")
    with pytest.raises(DatabaseForeignError):
        check(path, deep=False)


def test_a_writer_that_meets_damage_writes_no_more_and_says_so(desk: Desk) -> None:
    desk.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    overwrite(desk.settings.database, page_of(desk.settings.database, "memory_tags"))
    desk.engine._raw.release_memory()
    before = desk.engine.seq
    met, after = (
        desk.write(job("memory.store", {"content": f"with {len(tags)} tags", "tags": tags}))[0][1]
        for tags in (["a"], [])
    )
    assert isinstance(met, DatabaseCorruptError)
    assert isinstance(after, DatabaseCorruptError)  # though nothing of it is on the damaged page
    assert desk.sql("SELECT max(seq) FROM changes") == [(before,)]
