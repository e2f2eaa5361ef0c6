from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memmux.errors import AdoptionFailedError, DatabaseForeignError, NotFoundError, StoragePermissionError
from memmux.mms import private_copy
from tests.bounds import BOUND_S


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database with a table of numbers, in rollback mode."""
    path = tmp_path / "theirs" / "sqlite_vec.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
        connection.commit()
    return path


@pytest.fixture
def writer(source: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(source, BOUND_S, check_same_thread=False, isolation_level=None)) as connection:
        yield connection


def files(path: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in path.parent.iterdir() if not one.name.endswith("-shm")}


def numbers(source: Path) -> list[int]:
    with private_copy.taken(source) as copy, closing(sqlite3.connect(copy)) as connection:
        assert copy.stat().st_mode & 0o777 == 0o600
        assert copy.parent.stat().st_mode & 0o777 == 0o700
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number")]


def test_a_copy_is_private_and_gone_afterwards_and_the_original_as_it_was(
    source: Path, writer: sqlite3.Connection
) -> None:
    writer.execute("INSERT INTO numbers VALUES (1)")
    before = files(source)
    with private_copy.taken(source) as copy:
        assert copy.exists()
    assert not copy.parent.exists()
    assert numbers(source) == [1]
    assert files(source) == before


def test_what_is_in_the_log_alone_is_in_the_copy(source: Path, writer: sqlite3.Connection) -> None:
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("INSERT INTO numbers VALUES (1)")
    writer.execute("BEGIN")
    writer.execute("INSERT INTO numbers VALUES (2)")  # never committed
    before = files(source)
    assert source.with_name(f"{source.name}-wal").stat().st_size
    assert numbers(source) == [1]
    assert files(source) == before


def test_a_log_that_a_crash_left_is_read_and_stays(source: Path, writer: sqlite3.Connection, tmp_path: Path) -> None:
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("INSERT INTO numbers VALUES (1)")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in (source.name, f"{source.name}-wal"):
        (crashed / name).write_bytes((source.parent / name).read_bytes())
    left = crashed / source.name
    before = files(left)
    assert numbers(left) == [1]
    assert files(left) == before  # no index of the log beside it either
    assert {one.name for one in crashed.iterdir()} == set(before)


def test_a_transaction_that_a_crash_left_half_way_is_not_in_the_copy(source: Path, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("INSERT INTO numbers VALUES (1)")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA cache_spill = 1")
        connection.execute("BEGIN")
        # More than the cache holds, so that pages go into the file before the commit that never comes.
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "INSERT INTO numbers SELECT i FROM n"
        )
        connection.execute("UPDATE numbers SET number = -number")
        for name in (source.name, f"{source.name}-journal"):
            (crashed / name).write_bytes((source.parent / name).read_bytes())
        connection.execute("ROLLBACK")
    assert (crashed / f"{source.name}-journal").stat().st_size
    before = files(crashed / source.name)
    assert numbers(crashed / source.name) == [1]
    assert files(crashed / source.name) == before


def test_a_folder_that_can_not_be_written_is_no_obstacle(source: Path, writer: sqlite3.Connection) -> None:
    writer.execute("INSERT INTO numbers VALUES (1)")
    source.chmod(0o400)
    source.parent.chmod(0o500)
    try:
        assert numbers(source) == [1]
    finally:
        source.parent.chmod(0o700)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_nothing_that_was_committed_before_is_missing_while_another_writes(
    source: Path, writer: sqlite3.Connection, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_copy, "PATIENCE_S", 0.05)
    monkeypatch.setattr(private_copy, "LOCK_S", BOUND_S)
    writer.execute(f"PRAGMA journal_mode = {mode}")
    writer.execute("PRAGMA wal_autocheckpoint = 4")  # so that the log is begun anew again and again
    writer.execute("PRAGMA synchronous = off")
    committed, end = [0], threading.Event()

    def write() -> None:
        while not end.is_set():
            writer.execute("INSERT INTO numbers VALUES (?)", (committed[0] + 1,))
            committed[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20):
            least = committed[0]
            found = numbers(source)
            assert found == list(range(1, len(found) + 1))
            assert len(found) >= least
    finally:
        end.set()
        thread.join()


def test_a_lock_that_is_held_for_long_is_waited_for_with_signs_of_life(
    source: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_copy, "_copy", never_quiet)
    monkeypatch.setattr(private_copy, "PATIENCE_S", 0.0)
    monkeypatch.setattr(private_copy, "LOCK_S", BOUND_S)
    writer.execute("INSERT INTO numbers VALUES (1)")
    writer.execute("BEGIN EXCLUSIVE")
    signs = iter(range(1000))

    def alive() -> None:
        if next(signs) == 20:
            writer.execute("COMMIT")

    with private_copy.taken(source, alive=alive) as copy, closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT number FROM numbers").fetchall() == [(1,)]


def test_a_lock_that_is_never_given_away_is_said(
    source: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_copy, "_copy", never_quiet)
    monkeypatch.setattr(private_copy, "PATIENCE_S", 0.0)
    monkeypatch.setattr(private_copy, "LOCK_S", 0.05)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(AdoptionFailedError, match="locked"), private_copy.taken(source):
        pass


def never_quiet(*_: object) -> None:
    raise private_copy._Changed


@pytest.mark.parametrize("suffix", ["-journal", "-wal"])
def test_a_journal_that_is_gone_for_a_moment_is_no_reason_to_say_that_there_is_no_database(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """Between two transactions of a writer that never rests it is gone when it is opened, and there when looked for."""
    journal = source.with_name(f"{source.name}{suffix}")
    journal.touch()
    real = Path.open

    def gone(path: Path, *arguments: Any, **named: Any) -> Any:
        if path == journal:
            raise FileNotFoundError
        return real(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", gone)
    with pytest.raises(private_copy._Changed):
        private_copy._write(journal, tmp_path / f"copy{suffix}", lambda: None)


def test_a_journal_that_gave_way_to_the_next_ones_is_not_taken_for_it(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next transaction's journal may have the former one's name, number, size and time; but it undoes another."""
    journal = source.with_name(f"{source.name}-journal")
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = off")  # a journal is whole before its transaction ends
        connection.execute("CREATE TABLE letters (letter TEXT)")
        connection.execute("INSERT INTO numbers VALUES (1)")
        before = source.read_bytes()
        connection.execute("BEGIN")
        connection.execute("INSERT INTO numbers VALUES (2)")
        undoes_numbers = journal.read_bytes()
        connection.execute("COMMIT")
        after = source.read_bytes()
        connection.execute("BEGIN")
        connection.execute("INSERT INTO letters VALUES ('a')")
        undoes_letters = journal.read_bytes()
    assert len(undoes_numbers) == len(undoes_letters)

    def files_are(main: bytes, undo: bytes) -> None:
        for path, content in ((source, main), (journal, undo)):
            path.write_bytes(content)
            os.utime(path, (0, 0))

    write, copied = private_copy._write, []

    def commits_meanwhile(file: Path, copy: Path, alive: private_copy.Alive) -> None:
        write(file, copy, alive)
        copied.append(file)
        if copied == [source]:
            files_are(after, undoes_letters)

    monkeypatch.setattr(private_copy, "_write", commits_meanwhile)
    files_are(after[:4096] + before[4096:], undoes_numbers)  # in the middle of the first one's commit
    assert numbers(source) == [1, 2]


def test_a_link_to_a_database_has_its_log(source: Path, writer: sqlite3.Connection, tmp_path: Path) -> None:
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("INSERT INTO numbers VALUES (1)")
    (tmp_path / "link.db").symlink_to(source)
    assert numbers(tmp_path / "link.db") == [1]


def test_what_is_no_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_text("Dear Sir or Madam")
    with pytest.raises(DatabaseForeignError), private_copy.taken(letter):
        pass
    with pytest.raises(NotFoundError), private_copy.taken(tmp_path / "nothing"):
        pass
    assert letter.read_text() == "Dear Sir or Madam"


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_can_not_be_read_is_named(source: Path) -> None:
    source.chmod(0o000)
    with pytest.raises(StoragePermissionError, match="sqlite_vec"), private_copy.taken(source):
        pass


def test_a_log_that_never_holds_still_is_read_through_a_connection(
    source: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("INSERT INTO numbers VALUES (1)")
    monkeypatch.setattr(private_copy, "PATIENCE_S", 0.05)
    salts = iter(range(10_000))
    monkeypatch.setattr(private_copy, "_salts", lambda _: str(next(salts)).encode())
    assert numbers(source) == [1]
    source.with_name(f"{source.name}-shm").unlink()  # nobody has the log open: a connection would make this file
    with pytest.raises(AdoptionFailedError, match="try again"), private_copy.taken(source):
        pass
    assert not source.with_name(f"{source.name}-shm").exists()
