"""The replacement of a database: whatever ends it, the next start has the old one with its log, or the new one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from memmux.files import durable, replacement

OLD, LOGGED, NEW = "old", "old, in the log", "new"

WRITING = ("open", "fchmod", "fsync", "replace", "rename", "unlink", "link")
CALLS = (*WRITING, "close", "stat", "lstat", "scandir")


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


def _replaced(folder: Path) -> Path | None:
    """Put the backup in the place of the database; return what that is called now."""
    with replacement.preparing(folder / "memories.db") as path:
        path.write_bytes((folder / "backup.db").read_bytes())
    return replacement.finish(folder / "memories.db")


def _counting(patched: pytest.MonkeyPatch, at: Callable[[int], None], calls: Sequence[str] = CALLS) -> None:
    """Call `at` right before each of these system calls, with its number from 1 on."""
    done = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **named: object) -> object:
            nonlocal done
            done += 1
            at(done)
            return call(*arguments, **named)

        return counting

    for name in calls:
        patched.setattr(os, name, counted(getattr(os, name)))


def _killed_at(step: int, folder: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool) -> int:
    """Replace the database, and be killed right before the system call of that number; return how many there were."""
    done = 0

    def die(number: int) -> None:
        nonlocal done
        done = number
        if 0 < step <= number:
            raise _KilledError

    def unlinkable(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    with monkeypatch.context() as patched, suppress(_KilledError):
        if not links:
            patched.setattr(os, "link", unlinkable)
        _counting(patched, die)
        _replaced(folder)
    return done


def _kept(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.glob("memories.db.before-restore-*")
        if not path.name.endswith(("-wal", "-shm", ".partial"))
    ]


@pytest.mark.slow
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


def _interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a replacement at its very last step: the old log is gone, and the new file has not its name yet."""

    def die(*_: Path) -> None:
        raise _KilledError

    with monkeypatch.context() as patched, suppress(_KilledError):
        patched.setattr(durable, "rename", die)
        with replacement.preparing(folder / "memories.db") as path:
            path.write_bytes((folder / "backup.db").read_bytes())
        replacement.finish(folder / "memories.db")
    assert not (folder / "memories.db-wal").exists()


def test_what_was_interrupted_is_finished_by_the_next_and_kept_once(
    beginning: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = beginning / "memories.db"
    _interrupted(beginning, monkeypatch)
    kept = replacement.finish(database)
    assert kept is not None
    assert (_rows(database), _rows(kept)) == ([NEW], [OLD, LOGGED])
    assert replacement.finish(database) is None
    assert _kept(beginning) == [kept]


def test_a_file_that_somebody_put_there_meanwhile_is_kept_too(beginning: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = beginning / "memories.db"
    _interrupted(beginning, monkeypatch)
    _database(beginning / "other.db", "by hand").replace(database)
    replacement.finish(database)
    assert _rows(database) == [NEW]
    assert sorted(_rows(path) for path in _kept(beginning)) == [["by hand"], [OLD, LOGGED]]


def test_where_there_was_no_database_nothing_is_kept(beginning: Path) -> None:
    database = beginning / "fresh.db"
    with replacement.preparing(database) as path:
        path.write_bytes((beginning / "backup.db").read_bytes())
    assert replacement.finish(database) is None
    assert _rows(database) == [NEW]


@pytest.mark.parametrize("call", ["link", "fsync", "replace", "unlink"])
def test_a_failure_anywhere_leaves_all_as_it_was(beginning: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, database = getattr(os, call), beginning / "memories.db"

    def failing(*given: object, **named: object) -> object:
        if call == "unlink" and not str(given[0]).endswith("-wal"):
            return real(*given, **named)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def replace() -> None:
        with replacement.preparing(database) as path:
            path.write_bytes((beginning / "backup.db").read_bytes())
        replacement.finish(database)

    before = {path.name: path.read_bytes() for path in beginning.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        if call == "link":
            patched.setattr(shutil, "copyfile", failing)
        with pytest.raises(OSError, match="error"):
            replace()
    replacement.finish(database)
    after = {path.name: path.read_bytes() for path in beginning.iterdir() if ".before-restore-" not in path.name}
    assert after == before
    assert _rows(database) == [OLD, LOGGED]


def test_a_single_call_that_fails_leaves_all_as_it_was_or_the_new_one_and_the_old_one_whole(
    beginning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(beginning, folder)
    step, done = 0, 0

    def fail(number: int) -> None:
        nonlocal done
        done = number
        if number == step:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    while step <= done:
        step += 1
        shutil.rmtree(folder)
        shutil.copytree(beginning, folder)
        kept = None
        with monkeypatch.context() as patched:
            _counting(patched, fail, WRITING)
            with suppress(OSError):
                kept = _replaced(folder)
        replacement.finish(folder / "memories.db")  # by the next start
        if kept is None:
            for name in ("memories.db", "memories.db-wal"):
                assert (folder / name).read_bytes() == (beginning / name).read_bytes(), step
        else:
            assert (_rows(folder / "memories.db"), _rows(kept)) == ([NEW], [OLD, LOGGED]), step
    assert step > 15


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database can't be replaced, as where the file is mounted."""
    real = durable.rename

    def rename(old: Path, new: Path) -> None:
        if new.name == "memories.db":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        real(old, new)

    monkeypatch.setattr(durable, "rename", rename)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_can_not_be_replaced_is_as_it_was_with_its_log_and_nothing_is_left(
    beginning: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def unlinkable(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    database = beginning / "memories.db"
    before = {path.name: path.read_bytes() for path in beginning.iterdir()}
    if not links:
        monkeypatch.setattr(os, "link", unlinkable)
    with replacement.preparing(database) as path:
        path.write_bytes((beginning / "backup.db").read_bytes())
    with pytest.raises(OSError, match="busy"):
        replacement.finish(database)
    assert replacement.finish(database) is None  # nothing is tried again, or copied again
    assert {path.name: path.read_bytes() for path in beginning.iterdir()} == before
    assert _rows(database) == [OLD, LOGGED]


@pytest.mark.usefixtures("busy")
def test_a_process_that_is_killed_while_it_undoes_leaves_all_to_the_next(
    beginning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(beginning, folder)
    for step in range(1, 80):
        shutil.rmtree(folder)
        shutil.copytree(beginning, folder)
        with suppress(OSError):
            _killed_at(step, folder, monkeypatch, links=True)
        with suppress(OSError):
            replacement.finish(folder / "memories.db")
        assert not replacement.restored(folder / "memories.db").exists()
        assert _rows(folder / "memories.db") == [OLD, LOGGED], step
