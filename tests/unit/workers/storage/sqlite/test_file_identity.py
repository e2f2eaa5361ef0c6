"""A database that is exchanged under its users: no log is ever applied to a file that it does not belong to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import orjson
import pytest

from memmux.errors import DatabaseReplacedError
from memmux.files import durable
from tests.unit.workers.desk import Desk
from workers.storage.sqlite import engine, file_identity
from workers.storage.sqlite.reader import SqliteReader
from workers.storage.sqlite.writer import SqliteWriter


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "memories.db"


@pytest.fixture
def old(database: Path) -> Iterator[Desk]:
    """Serves a database whose only memory is in the log."""
    desk = Desk(database)
    desk.store("from the old database")
    yield desk
    desk.close()


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another whole database, with a memory of its own."""
    path = tmp_path / "other.db"
    desk = Desk(path)
    desk.store("from the new database")
    desk.close()
    return path


def _contents(database: Path) -> list[str]:
    with closing(engine.open_reader(database)) as connection:
        assert connection.pragma("integrity_check") == "ok"
        return [content for (content,) in connection.execute("SELECT content FROM memories ORDER BY row")]


def _next_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, whoever opens a database works for another router."""
    monkeypatch.setattr(os, "getppid", lambda: 1)


def _aside(database: Path) -> list[Path]:
    return list(database.parent.glob("*.orphaned-*"))


def test_write_to_an_exchanged_database_fails_and_reaches_neither_file(old: Desk, other: Path, database: Path) -> None:
    before = other.read_bytes()
    other.replace(database)
    with pytest.raises(DatabaseReplacedError, match="send the request again"):
        old.store("too late")
    with pytest.raises(DatabaseReplacedError):
        old.search("anything", mode="exact")
    assert database.read_bytes() == before


def test_write_during_which_the_database_goes_is_not_acknowledged(old: Desk, database: Path) -> None:
    old.engine._raw.set_commit_hook(lambda: bool(database.unlink(missing_ok=True)))
    with pytest.raises(DatabaseReplacedError):
        old.store("lost with its file")
    old.engine._raw.set_commit_hook(None)


def test_idle_workers_notice_that_the_database_is_gone(old: Desk, database: Path) -> None:
    database.unlink()
    with pytest.raises(DatabaseReplacedError):
        old.writer.idle()
    with pytest.raises(DatabaseReplacedError):
        old.reader.idle()


def test_writer_that_leaves_takes_its_log_out_of_the_new_databases_way(
    other: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Desk(database)
    old.store("from the old database")
    kept = database.with_name("moved.db")
    database.rename(kept)
    other.replace(database)
    old.close()
    assert not database.with_name("memories.db-wal").exists()
    assert _contents(kept) == ["from the old database"]  # all of it is in the file that was moved away
    _next_cluster(monkeypatch)
    SqliteWriter(database).close()
    assert _contents(database) == ["from the new database"]


def test_log_of_a_killed_writer_is_not_applied_to_the_new_database(
    old: Desk, other: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.replace(database)  # while `old`, as a killed one would, leaves everything as it is
    _next_cluster(monkeypatch)
    with closing(SqliteWriter(database)) as writer:
        assert writer.facts()["memories"] == 1
        assert [path.stat().st_size > 0 for path in _aside(database)] == [True]
    assert _contents(database) == ["from the new database"]
    assert old.sql("SELECT content FROM memories") == [("from the old database",)]


def test_log_of_a_deleted_database_is_kept_aside(old: Desk, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database.unlink()
    _next_cluster(monkeypatch)
    with closing(SqliteWriter(database)) as writer:
        assert writer.facts()["memories"] == 0
    assert len(_aside(database)) == 1
    assert old.sql("SELECT count(*) FROM memories") == [(1,)]


@pytest.mark.usefixtures("old")
def test_later_workers_of_the_same_cluster_refuse_the_new_database(other: Path, database: Path) -> None:
    other.replace(database)
    with pytest.raises(DatabaseReplacedError):
        SqliteReader(database)
    with pytest.raises(DatabaseReplacedError):
        SqliteWriter(database)


def _noted_by(database: Path, /, router: str | int, **more: object) -> None:
    """Have the note be one of this router."""
    note = database.with_name("memories.db.lineage")
    note.write_bytes(orjson.dumps({**orjson.loads(note.read_bytes()), "router": router, **more}))


@pytest.mark.parametrize("run", [" 12 another-start-of-the-system", ""], ids=["another run", "of an earlier version"])
@pytest.mark.skipif(sys.platform != "linux", reason="another system tells runs by their pid alone")
def test_a_router_that_has_the_pid_of_the_one_before_is_another_one(old: Desk, database: Path, run: str) -> None:
    """As in a container, where a volume was copied, or a device got another number, after the cluster was killed."""
    old.engine._hold.close()  # as the end of its process does
    _noted_by(database, f"{os.getppid()}{run}" if run else os.getppid(), database=[0, 0], log=[0, 0])
    with closing(SqliteReader(database)) as reader:  # also where the writer could not begin
        assert reader.still is False
    with closing(SqliteWriter(database)) as writer:
        assert writer.facts()["memories"] == 1
    assert _aside(database) == []


def test_a_reader_refuses_a_database_with_the_log_of_another_whoever_noted_it(
    old: Desk, other: Path, database: Path
) -> None:
    """As where the writer could not take that log out of the way."""
    other.replace(database)
    _noted_by(database, "1 of an earlier cluster")
    with pytest.raises(DatabaseReplacedError):
        SqliteReader(database)
    assert old.engine.facts()["memories"] == 1


def test_log_that_was_moved_together_with_its_database_is_used(
    old: Desk, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy" / "memories.db"
    copy.parent.mkdir()
    for suffix in ("", "-wal", ".lineage"):
        found = database.with_name(f"memories.db{suffix}")
        copy.with_name(f"memories.db{suffix}").write_bytes(found.read_bytes())
    _next_cluster(monkeypatch)
    with closing(SqliteWriter(copy)) as writer:
        assert writer.facts()["memories"] == 1
    assert _aside(copy) == []
    assert old.engine.facts()["memories"] == 1


def test_killed_writer_of_the_same_database_has_a_successor(old: Desk, database: Path) -> None:
    old.engine._hold.close()  # as the end of its process does
    with closing(SqliteWriter(database)) as successor:
        assert successor.facts()["memories"] == 1
    assert old.sql("SELECT count(*) FROM memories") == [(1,)]


def test_nothing_is_left_beside_a_database_that_was_closed(database: Path) -> None:
    SqliteWriter(database).close()
    assert [path.name for path in database.parent.iterdir()] == ["memories.db"]


def test_stale_log_would_have_been_applied(old: Desk, other: Path, database: Path) -> None:
    """What all this is for: SQLite itself takes the old log for the new file's."""
    other.replace(database)
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        found = [content for (content,) in connection.execute("SELECT content FROM memories")]
    assert found == ["from the old database"]
    assert old.engine.facts()["memories"] == 1


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_note_is_private_and_on_the_disk(database: Path, monkeypatch: pytest.MonkeyPatch, umask: int) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(durable, "flush", lambda path: flushed.append(path.name))
    before = os.umask(umask)
    try:
        with closing(SqliteWriter(database)):
            note = database.with_name("memories.db.lineage")
            assert note.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    partial, folder = flushed[-2:]
    assert (partial.startswith(note.name), folder) == (True, database.parent.name)


@pytest.mark.parametrize(("mode", "believed"), [(0o600, True), (0o620, False), (0o602, False)])
def test_a_note_that_others_may_have_written_does_not_set_a_log_aside(
    old: Desk, database: Path, monkeypatch: pytest.MonkeyPatch, mode: int, believed: bool
) -> None:
    note = database.with_name("memories.db.lineage")
    fields = orjson.loads(note.read_bytes())
    note.write_bytes(orjson.dumps({**fields, "database": [0, 0]}))
    note.chmod(mode)
    _next_cluster(monkeypatch)
    file_identity.begin(database)
    assert len(_aside(database)) == believed
    assert old.sql("SELECT count(*) FROM memories") == [(1,)]


def test_a_note_that_makes_no_sense_is_no_note(database: Path) -> None:
    for text in ("", "[]", "{}", '{"database": 1, "log": 2, "router": "x"}'):
        database.with_name("memories.db.lineage").write_text(text)
        file_identity.refuse_exchanged(database)
        SqliteWriter(database).close()
