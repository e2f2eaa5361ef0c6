"""A file with several names: one writer at a time, whatever the name, and no log of another name is left out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memmux.errors import DatabaseElsewhereError
from tests.bounds import BOUND_S
from tests.unit.workers.desk import Desk
from workers.storage.sqlite import engine, file_names
from workers.storage.sqlite.writer import SqliteWriter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="flock and SQLite's locks are one and the same there")

# A writer that commits a memory, says so, and is killed before it can leave anything.
WRITER = """
import sys
from pathlib import Path
from tests.unit.workers.desk import Desk

desk = Desk(Path(sys.argv[1]))
desk.store("in the log")
if "emptied" in sys.argv:
    desk.engine._upkeep.finish()
print("stored", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders; the database will be in the first, and have its second name in the other one."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    return tmp_path / "one", tmp_path / "other"


@pytest.fixture
def database(folders: tuple[Path, Path]) -> Path:
    path = folders[0] / "memories.db"
    Desk(path).close()
    return path


@pytest.fixture
def link(folders: tuple[Path, Path], database: Path) -> Path:
    path = folders[1] / "linked.db"
    os.link(database, path)
    return path


@pytest.fixture
def state(request: pytest.FixtureRequest) -> str:
    """The state of the log of the other process; "emptied" is one that holds nothing."""
    return str(getattr(request, "param", "in use"))


@pytest.fixture
def writing(database: Path, state: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that writes to the database, with a memory in its log."""
    command = [sys.executable, "-c", WRITER, str(database), state]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.readline() != b"stored\n":
            assert process.poll() is None
        yield process
        process.kill()
        process.wait(BOUND_S)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(BOUND_S)


def _contents(database: Path) -> list[str]:
    with closing(engine.open_reader(database)) as connection:
        assert connection.pragma("integrity_check") == "ok"
        return [content for (content,) in connection.execute("SELECT content FROM memories ORDER BY row")]


@pytest.mark.slow
@pytest.mark.parametrize("state", ["in use", "emptied"], indirect=True)
@pytest.mark.usefixtures("state", "writing")
def test_a_second_name_of_a_file_that_is_written_is_refused(link: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while nothing is in its log, so that only the lock tells that somebody writes it."""
    monkeypatch.setattr(file_names, "_PATIENCE_S", 0.0)
    with pytest.raises(DatabaseElsewhereError, match="is served under another name"):
        SqliteWriter(link)
    assert not list(link.parent.glob("linked.db-*"))


@pytest.mark.slow
@pytest.mark.usefixtures("writing")
def test_who_is_refused_lets_go_of_nothing_of_the_other(
    link: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of the file is not the process's: that another process opens and closes the file changes nothing."""
    monkeypatch.setattr(file_names, "_PATIENCE_S", 0.0)
    for _ in range(2):
        with pytest.raises(DatabaseElsewhereError):
            SqliteWriter(link)
    connection = engine.connect(database)
    with closing(connection), pytest.raises(apsw.BusyError):
        connection.pragma("journal_mode", "delete")  # needs all for itself


@pytest.mark.slow
def test_a_log_that_was_left_under_another_name_is_not_left_out(
    link: Path, database: Path, writing: subprocess.Popen[bytes]
) -> None:
    _kill(writing)
    assert database.with_name("memories.db-wal").stat().st_size
    with pytest.raises(DatabaseElsewhereError, match=r"memories\.db-wal"):
        SqliteWriter(link)
    with closing(SqliteWriter(database)) as writer:
        assert writer.facts()["memories"] == 1
    with closing(SqliteWriter(link)) as writer:
        assert writer.facts()["memories"] == 1
    assert _contents(database) == _contents(link) == ["in the log"]


@pytest.mark.slow
def test_a_folder_that_can_not_be_seen_may_hold_the_log(
    link: Path, database: Path, writing: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """As in a container, where the file alone is mounted."""
    _kill(writing)
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    with pytest.raises(DatabaseElsewhereError):
        SqliteWriter(link)
    with closing(SqliteWriter(tmp_path / "elsewhere" / database.name)) as writer:  # the folder has another name
        assert writer.facts()["memories"] == 1


@pytest.mark.slow
def test_a_file_whose_folder_is_gone_for_good_is_served_as_a_copy(
    link: Path, database: Path, writing: subprocess.Popen[bytes]
) -> None:
    _kill(writing)
    shutil.rmtree(database.parent)
    with pytest.raises(DatabaseElsewhereError, match=r"gone for good, copy the file .* in the log is lost"):
        SqliteWriter(link)
    copy = link.with_name("copy.db")
    shutil.copyfile(link, copy)
    with closing(SqliteWriter(copy)) as writer:
        assert writer.facts()["memories"] == 0  # it was in the log alone
    assert _contents(copy) == []


@pytest.mark.slow
def test_a_database_that_was_moved_with_its_log_is_served(
    database: Path, writing: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    _kill(writing)
    moved = tmp_path / "moved.db"
    for suffix in ("", "-wal"):
        database.with_name(database.name + suffix).rename(moved.with_name(moved.name + suffix))
    with closing(SqliteWriter(moved)) as writer:
        assert writer.facts()["memories"] == 1


@pytest.mark.slow
def test_a_database_that_was_moved_without_its_log_says_where_that_is_and_is_served_with_it(
    database: Path, writing: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    _kill(writing)
    moved = tmp_path / "moved.db"
    database.rename(moved)
    with pytest.raises(DatabaseElsewhereError, match=r"move .*/memories\.db-wal to .*/moved\.db-wal"):
        SqliteWriter(moved)
    SqliteWriter(database).close()  # makes another one under the old name, and sets the log aside
    with pytest.raises(DatabaseElsewhereError, match=r"move .*/memories\.db-wal\.orphaned-.* to") as refused:
        SqliteWriter(moved)
    with closing(SqliteWriter(database)), pytest.raises(DatabaseElsewhereError, match="orphaned"):
        SqliteWriter(moved)  # the log of the new one is none of its
    left, _, _ = str(refused.value).partition("; it was")[0].rpartition(" are in ")[2].partition("; ")
    Path(left).rename(moved.with_name("moved.db-wal"))
    with closing(SqliteWriter(moved)) as writer:
        assert writer.facts()["memories"] == 1


@pytest.mark.slow
def test_a_copy_of_a_file_that_is_written_is_another_database(
    database: Path, tmp_path: Path, writing: subprocess.Popen[bytes]
) -> None:
    assert writing.poll() is None
    copied = tmp_path / "copied.db"
    copied.write_bytes(database.read_bytes())
    with closing(SqliteWriter(copied)) as writer:
        assert writer.facts()["memories"] == 0


@pytest.mark.slow
def test_a_log_that_was_emptied_hides_nothing(link: Path, database: Path, writing: subprocess.Popen[bytes]) -> None:
    _kill(writing)
    with closing(engine.connect(database)) as connection:
        assert engine.value(connection, "SELECT count(*) FROM memories") == 1
        assert engine.checkpoint(connection, truncate=True, patience_ms=1_000)
    with closing(SqliteWriter(link)) as writer:
        assert writer.facts()["memories"] == 1


def test_nothing_is_noted_in_a_database_that_was_closed(database: Path) -> None:
    with closing(engine.open_reader(database)) as connection:
        assert engine.value(connection, "SELECT count(*) FROM meta WHERE key = 'written_as'") == 0
