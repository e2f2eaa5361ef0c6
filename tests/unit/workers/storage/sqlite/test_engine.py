from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from memmux.errors import (
    DatabaseCorruptError,
    DatabaseForeignError,
    DeadlineExceededError,
    EngineUnsafeError,
    SchemaWrongError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    StoragePermissionError,
)
from workers.storage.sqlite import engine, migrate


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2"])
def test_an_engine_with_the_wal_reset_bug_is_refused(version: str) -> None:
    with pytest.raises(EngineUnsafeError, match=version):
        engine.refuse_unsafe(version)


def test_this_engine_is_safe() -> None:
    engine.refuse_unsafe()
    engine.refuse_unsafe("3.51.3")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (apsw.BusyError, StorageBusyError),
        (apsw.LockedError, StorageBusyError),
        (apsw.FullError, StorageFullError),
        (apsw.ReadOnlyError, StoragePermissionError),
        (apsw.CantOpenError, StoragePermissionError),
        (apsw.PermissionsError, StoragePermissionError),
        (apsw.NotADBError, DatabaseForeignError),
        (apsw.CorruptError, DatabaseCorruptError),
        (apsw.IOError, StorageError),
        (apsw.InterruptError, DeadlineExceededError),
        (apsw.ConstraintError, SchemaWrongError),
    ],
)
def test_each_error_of_the_engine_has_one_meaning(theirs: type[apsw.Error], ours: type[Exception]) -> None:
    with pytest.raises(ours) as caught, engine.errors():
        raise theirs("why")
    assert type(caught.value) is ours
    assert isinstance(caught.value.__cause__, theirs)


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    with pytest.raises(apsw.SQLError), engine.errors():
        raise apsw.SQLError("near 'SELCT'")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "odd ?name#with%20signs.db"
    migrate.prepare(path)
    return path


def test_a_reader_cannot_write(database: Path) -> None:
    writer, reader = engine.open_writer(database), engine.open_reader(database)
    with pytest.raises(StoragePermissionError), engine.errors():
        reader.execute("DELETE FROM memories")
    reader.pragma("query_only", 0)  # even without the second lock
    with pytest.raises(StoragePermissionError), engine.errors():
        reader.execute("DELETE FROM memories")
    reader.close()
    writer.close()


def test_the_writer_waits_for_the_disk_and_has_a_write_ahead_log(database: Path) -> None:
    writer = engine.open_writer(database)
    assert writer.pragma("journal_mode") == "wal"
    assert writer.pragma("synchronous") == 2  # FULL
    assert writer.pragma("foreign_keys") == 1
    writer.close()


def test_no_extension_can_be_loaded_later(database: Path) -> None:
    writer = engine.open_writer(database)
    with pytest.raises(apsw.SQLError, match="not authorized"):
        writer.execute("SELECT load_extension('anything')")
    writer.close()


def test_a_database_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoragePermissionError, match="write permission"):
        engine.open_reader(tmp_path / "nothing.db")


def test_another_programs_write_lock_is_named(database: Path) -> None:
    writer, other = engine.open_writer(database), engine.connect(database)
    writer.set_busy_timeout(0)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageBusyError), engine.errors():
        writer.execute("BEGIN IMMEDIATE")
    other.close()
    writer.close()
