"""The replacement of a database: whatever ends it, the next start has the old one with its log, or the new one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from memmux.files import replacement

OLD, LOGGED, NEW = "old", "old, in the log", "new"

CALLS = ("open", "fchmod", "close", "fsync", "replace", "rename", "unlink", "link", "stat", "lstat", "scandir")


class _KilledError(BaseException):
    """The process is gone: nothing that it would do from now on is done."""


def _rows(database: Path) -> list[str]:
    with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        return [row for (row,) in connection.execute("SELECT row FROM rows ORDER BY rowid")]


def _database(path: Path, *rows: str) -> Path:
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("journal_mode", "wal")
        connection.execute("CREATE TABLE rows (row TEXT)")
        for row in rows:
            connection.execute("INSERT INTO rows VALUES (?)", (row,))
    return path


@pytest.fixture
def beginning(tmp_path: Path) -> Path:
    """A folder with a database, whose last row is in its log, and a file that shall be restored."""
    folder = tmp_path / "beginning"
    folder.mkdir()
    database = _database(folder / "memories.db", OLD)
    connection = apsw.Connection(str(database))
    connection.execute("INSERT INTO rows VALUES (?)", (LOGGED,))
    left = {path: path.read_bytes() for path in folder.iterdir()}
    connection.close()
    for path, content in left.items():
        path.write_bytes(content)
    database.with_name("memories.db-shm").unlink()
    assert database.with_name("memories.db-wal").stat().st_size
    _database(folder / "backup.db", NEW)
    return folder


def _killed_at(step: int, folder: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool) -> int:
    """Replace the database, and be killed right before the system call of that number; return how many there were."""
    done = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **named: object) -> object:
            nonlocal done
            done += 1
            if 0 < step <= done:
                raise _KilledError
            return call(*arguments, **named)

        return counting

    def unlinkable(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    with monkeypatch.context() as patched, suppress(_KilledError):
        if not links:
            patched.setattr(os, "link", unlinkable)
        for name in CALLS:
            patched.setattr(os, name, counted(getattr(os, name)))
        with replacement.preparing(folder / "memories.db") as path:
            path.write_bytes((folder / "backup.db").read_bytes())
        replacement.finish(folder / "memories.db")
    return done


def _kept(folder: Path) -> list[Path]:
    return [path for path in folder.glob("memories.db.before-restore-*") if not path.name.endswith(("-wal", "-shm"))]


@pytest.mark.parametrize("links", [True, False])
def test_a_replacement_that_is_killed_at_any_step_leaves_the_old_database_whole_or_is_finished(
    beginning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(beginning, folder)
    steps = _killed_at(0, folder, monkeypatch, links=links)
    assert steps > 20
    found = []
    for step in range(1, steps + 1):
        shutil.rmtree(folder)
        shutil.copytree(beginning, folder)
        _killed_at(step, folder, monkeypatch, links=links)
        replacement.finish(folder / "memories.db")
        assert not replacement.restored(folder / "memories.db").exists()
        rows = _rows(folder / "memories.db")
        found.append(rows)
        assert rows in ([OLD, LOGGED], [NEW]), step
        if rows == [NEW]:
            assert [OLD, LOGGED] in [_rows(path) for path in _kept(folder)], step
        # Another restore is not in the way of what was left, and keeps what was there.
        with replacement.preparing(folder / "memories.db") as path:
            path.write_bytes((folder / "backup.db").read_bytes())
        kept = replacement.finish(folder / "memories.db")
        assert kept is not None
        assert (_rows(folder / "memories.db"), _rows(kept)) == ([NEW], rows), step
    assert found == sorted(found, reverse=True)
    assert len({tuple(rows) for rows in found}) == 2


def test_a_finishing_that_is_killed_too_is_finished_by_the_next(beginning: Path) -> None:
    database = beginning / "memories.db"
    with replacement.preparing(database) as path:
        path.write_bytes((beginning / "backup.db").read_bytes())
    database.with_name("memories.db-wal").unlink()  # as far as the first one came
    kept = replacement.finish(database)
    assert kept is not None
    assert (_rows(database), _rows(kept)) == ([NEW], [OLD, LOGGED])
    assert replacement.finish(database) is None
    assert _kept(beginning) == [kept]


def test_a_file_that_somebody_put_there_meanwhile_is_kept_too(beginning: Path) -> None:
    database = beginning / "memories.db"
    with replacement.preparing(database) as path:
        path.write_bytes((beginning / "backup.db").read_bytes())
    other = _database(beginning / "other.db", "by hand")
    database.with_name("memories.db-wal").unlink()
    other.replace(database)
    replacement.finish(database)
    assert _rows(database) == [NEW]
    assert sorted(_rows(path) for path in _kept(beginning)) == [["by hand"], [OLD, LOGGED]]


def test_where_there_was_no_database_nothing_is_kept(beginning: Path) -> None:
    database = beginning / "fresh.db"
    with replacement.preparing(database) as path:
        path.write_bytes((beginning / "backup.db").read_bytes())
    assert replacement.finish(database) is None
    assert _rows(database) == [NEW]


@pytest.mark.parametrize("call", ["link", "fsync", "replace"])
def test_a_failure_before_it_counts_leaves_nothing(beginning: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def prepare() -> None:
        with replacement.preparing(beginning / "memories.db") as path:
            path.write_bytes(b"anything")

    before = {path.name: path.read_bytes() for path in beginning.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        if call == "link":
            patched.setattr(shutil, "copy2", failing)
        with pytest.raises(OSError, match="error"):
            prepare()
    after = {path.name: path.read_bytes() for path in beginning.iterdir()}
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.endswith((".restored", ".restoring"))]
