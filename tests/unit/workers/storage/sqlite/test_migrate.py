from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memmux.config import database_header
from memmux.errors import (
    BackupFailedError,
    DatabaseForeignError,
    DatabaseNewerError,
    StorageError,
    StoragePermissionError,
)
from tests.unit.workers.desk import Desk
from workers.storage.sqlite import engine, migrate, schema

OLD = schema.migrations()
NEWEST = max(OLD)
NEW = {**OLD, NEWEST + 1: "CREATE TABLE later (x);"}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "memories.db"
    migrate.prepare(path)
    return path


def version(database: Path) -> int:
    with closing(engine.open_reader(database)) as connection:
        return int(connection.pragma("user_version"))


def test_migrations_are_numbered_without_a_gap() -> None:
    assert sorted(OLD) == list(range(1, NEWEST + 1))


def test_a_new_database_is_ours_private_and_newest(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "memories.db"
    migrate.prepare(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert version(path) == NEWEST
    database_header.refuse_foreign(path)


def test_the_files_beside_a_database_are_private_too(database: Path) -> None:
    writer = engine.open_writer(database)
    writer.execute("INSERT INTO meta VALUES ('x', 1)")
    assert {path.stat().st_mode & 0o777 for path in database.parent.iterdir()} == {0o600}
    writer.close()


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    path.touch()
    migrate.prepare(path)
    assert version(path) == NEWEST


@pytest.mark.parametrize("content", [b"x", b"not a database at all" * 100, b"SQLite format 3\x00", b"\x00" * 4096])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    with pytest.raises(DatabaseForeignError, match=r"letter\.txt"):
        migrate.prepare(path)
    assert path.read_bytes() == content
    assert [found.name for found in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_another_programs_database_is_refused_untouched(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute(f"PRAGMA journal_mode={mode}")
        theirs.execute("CREATE TABLE notes (x)")
        theirs.commit()
        # Their program still runs, so that in WAL mode what it wrote is not in the file yet.
        before = {found.name: found.read_bytes() for found in tmp_path.iterdir() if found.suffix != ".db-shm"}
        with pytest.raises(DatabaseForeignError):
            migrate.prepare(path)
        assert {found.name: found.read_bytes() for found in tmp_path.iterdir() if found.suffix != ".db-shm"} == before


def test_a_newer_database_is_refused_untouched(database: Path) -> None:
    with closing(engine.connect(database)) as connection:
        connection.pragma("user_version", NEWEST + 1)
    before = database.read_bytes()
    with pytest.raises(DatabaseNewerError, match=str(NEWEST + 1)):
        migrate.prepare(database)
    assert database.read_bytes() == before


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoragePermissionError):
        migrate.prepare(tmp_path)


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoragePermissionError, match="can't be"):
        migrate.prepare(tmp_path / "file" / "memories.db")


def test_preparing_a_current_database_changes_nothing(database: Path) -> None:
    before = database.read_bytes()
    migrate.prepare(database)
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == [database.name]


def test_an_older_database_is_saved_before_it_is_migrated(database: Path) -> None:
    with closing(engine.open_writer(database)) as writer:
        writer.execute("INSERT INTO meta VALUES ('kept', 1)")
    migrate.prepare(database, NEW)
    assert version(database) == NEWEST + 1
    (saved,) = database.with_name(f"{database.name}.backups").iterdir()
    assert version(saved) == NEWEST
    assert saved.stat().st_mode & 0o777 == 0o600
    with closing(engine.open_reader(saved)) as reader:
        assert reader.execute("SELECT value FROM meta WHERE key = 'kept'").get == 1
    assert not list(database.parent.glob("*.partial*"))


def test_a_database_of_the_first_version_goes_on_with_all_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    migrate.prepare(path, {1: OLD[1]})
    with closing(engine.open_writer(path)) as writer:
        writer.execute(
            "INSERT INTO memories (id, namespace, created_at, updated_at, content_hash, content)"
            " VALUES ('i', 'default', 1.5, 2.5, 'h', ?)",
            ("long " * 4000,),
        )
        writer.execute(
            "INSERT INTO changes (at, operation, memory, row, client, request)"
            " VALUES (1, 'memory.store', 'i', 1, '', '')"
        )
    desk = Desk(path)
    memory = desk.ask("memory.get", {"id": "i"})
    assert (memory["superseded_by"], memory["aliases"]) == (None, [])
    newer = desk.ask("memory.rewrite", {"id": "i", "content": "newer", "versioned": True})
    assert desk.ask("memory.get", {"id": "i"})["superseded_by"] == newer["id"]
    assert desk.contents("long", mode="keyword") == []
    desk.check()
    desk.close()


def test_a_backup_that_fails_stops_the_migration(database: Path) -> None:
    database.with_name(f"{database.name}.backups").touch()
    with pytest.raises(BackupFailedError):
        migrate.prepare(database, NEW)
    assert version(database) == NEWEST


def test_a_migration_that_fails_half_way_changes_nothing(database: Path) -> None:
    broken = {**OLD, NEWEST + 1: "CREATE TABLE later (x); SELECT nonsense;"}
    with pytest.raises(StorageError, match="left as it was"):
        migrate.prepare(database, broken)
    assert version(database) == NEWEST
    with closing(engine.open_reader(database)) as reader:
        assert reader.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").get == 0


def test_a_first_migration_cut_short_by_a_crash_is_begun_again(tmp_path: Path) -> None:
    source, copy = tmp_path / "source.db", tmp_path / "crashed" / "memories.db"
    copy.parent.mkdir()
    with closing(engine.connect(source)) as connection:
        engine.load_vectors(connection)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"{OLD[1]}; CREATE TABLE unfinished (x)")
        connection.pragma("user_version", 1)
        connection.pragma("application_id", database_header.APPLICATION_ID)
        connection.cache_flush()
        shutil.copy(f"{source}-journal", f"{copy}-journal")
        connection.execute("COMMIT")
        # All pages are in the file, but the journal, which goes last, still says that they do not count.
        shutil.copy(source, copy)
    database_header.refuse_foreign(copy)
    migrate.prepare(copy)
    assert version(copy) == NEWEST
    with closing(engine.open_writer(copy)) as writer:
        assert writer.pragma("integrity_check") == "ok"
        with pytest.raises(apsw.SQLError, match="no such table"):
            writer.execute("SELECT * FROM unfinished")
