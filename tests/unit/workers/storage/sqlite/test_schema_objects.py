"""The objects of the schema: what somebody else has put into a database is found before anything of it runs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from memmux.config.settings import Settings
from memmux.errors import AdoptionFailedError, DatabaseAlteredError, DatabaseForeignError
from memmux.mms.database import opened
from tests.unit.workers.desk import Desk
from workers.storage.sqlite import engine, schema_objects
from workers.storage.sqlite.backups import backup
from workers.storage.sqlite.backups.folder import BackupFolder
from workers.storage.sqlite.checking import check
from workers.storage.sqlite.schema_objects import Differences
from workers.storage.sqlite.writer import SqliteWriter
from workers.tasks import restore

SILENT = (
    "CREATE TRIGGER {name} AFTER INSERT ON memories BEGIN UPDATE memories SET content = 'x' WHERE row = new.row; END"
)
ENDLESS = """
DROP VIEW live;
CREATE VIEW live AS
WITH RECURSIVE n (row, content) AS (SELECT 1, 'x' UNION ALL SELECT row + 1, content FROM n) SELECT * FROM n
"""
FOREIGN = [
    ("trigger silent", SILENT.format(name="silent")),
    ("trigger vec_1_silent", SILENT.format(name="vec_1_silent")),
    ("trigger texts_deleted", SILENT.format(name="texts_deleted")),
    ("trigger vec_9", SILENT.format(name="vec_9")),
    ("view all_of_it", "CREATE VIEW all_of_it AS SELECT * FROM memories"),
    ("view vec_2", "CREATE VIEW vec_2 AS SELECT * FROM memories"),
    ("index one_each", "CREATE UNIQUE INDEX one_each ON memories (namespace)"),
    ("table holds", "CREATE TABLE holds (memory INTEGER REFERENCES memories (row) ON DELETE RESTRICT)"),
    ("table words", "CREATE VIRTUAL TABLE words USING fts5 (content)"),
    ("view live", ENDLESS),
]
HARMLESS = """
CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);
CREATE INDEX by_seq ON _litestream_seq (seq);
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=tmp_path / "data" / "memories.db", state_dir=tmp_path / "state")


@pytest.fixture
def database(settings: Settings) -> Path:
    desk = Desk(settings.database)
    desk.store("1", [1.0, 0.0])
    desk.close()
    return settings.database


def _run(database: Path, script: str) -> None:
    with closing(engine.connect(database)) as connection:
        engine.load_vectors(connection)
        connection.execute(script)


def _compared(database: Path) -> Differences:
    with closing(engine.open_reader(database)) as reader:
        return schema_objects.compare(reader)


def test_a_database_of_ours_differs_in_nothing(database: Path) -> None:
    assert _compared(database) == Differences()


@pytest.mark.parametrize(("name", "script"), FOREIGN, ids=[name for name, _ in FOREIGN])
def test_what_others_have_put_there_is_found_and_the_database_is_not_opened(
    database: Path, name: str, script: str
) -> None:
    _run(database, script)
    differences = _compared(database)
    assert name in differences.foreign + differences.changed
    with pytest.raises(DatabaseAlteredError, match=name.split()[1]):
        SqliteWriter(database)
    for deep in (False, True):
        assert {finding.code for finding in check.check(database, deep=deep)} <= {"schema_foreign", "schema_wrong"}
        assert any(name in finding.what for finding in check.check(database, deep=deep))


@pytest.mark.parametrize(("name", "script"), FOREIGN, ids=[name for name, _ in FOREIGN])
def test_a_backup_with_anything_of_others_is_not_restored_nor_made(
    settings: Settings, database: Path, tmp_path: Path, name: str, script: str
) -> None:
    brought = tmp_path / "brought.db"
    brought.write_bytes(database.read_bytes())
    _run(brought, script)
    with pytest.raises(DatabaseAlteredError, match=name.split()[1]):
        restore.run(settings, [str(brought)])
    assert _compared(database) == Differences()
    with pytest.raises(DatabaseAlteredError):
        backup.save(brought, BackupFolder.of(settings))
    assert not list(BackupFolder.of(settings).folder.iterdir())


@pytest.mark.parametrize("version", [-1, 0, 1])
def test_a_version_that_was_changed_is_said_and_nothing_of_ours_is_to_be_dropped(database: Path, version: int) -> None:
    _run(database, f"PRAGMA user_version = {version}")
    with pytest.raises(DatabaseAlteredError, match="user_version") as refused:
        SqliteWriter(database)
    assert "DROP" not in str(refused.value)
    (finding,) = check.check(database, deep=True)
    assert (finding.code, "user_version" in finding.what) == ("schema_wrong", True)


def test_what_an_error_says_to_do_mends_it(database: Path) -> None:
    _run(database, SILENT.format(name="silent"))
    with pytest.raises(DatabaseAlteredError) as refused:
        SqliteWriter(database)
    _, _, remedy = str(refused.value).partition("DROP ")
    _run(database, f"DROP {remedy.partition(';')[0]}")
    SqliteWriter(database).close()


def test_tables_of_another_program_are_none_of_ours(settings: Settings, database: Path) -> None:
    _run(database, HARMLESS)
    assert _compared(database) == Differences()
    SqliteWriter(database).close()
    assert check.check(database, deep=True) == []
    backup.save(database, BackupFolder.of(settings))


def test_a_view_in_the_place_of_their_memories_is_not_read(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.db"
    with closing(engine.connect(theirs)) as connection:
        connection.execute(
            "CREATE VIEW memories AS WITH RECURSIVE n (content, content_hash) AS "
            "(SELECT 'x', 'y' UNION ALL SELECT * FROM n) SELECT * FROM n"
        )
    with pytest.raises((DatabaseForeignError, AdoptionFailedError)), opened(theirs, "theirs.db"):
        pass
