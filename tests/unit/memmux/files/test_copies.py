"""The copies of a database that its user had made: remembered for as long as they are there, and no reason to fail."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from memmux.files import copies, private


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "memories.db"


def _made(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(b"x")
    return path


def test_a_copy_is_remembered_until_it_is_gone(database: Path, tmp_path: Path) -> None:
    one, other = (_made(tmp_path, name) for name in ("one\nline", "other"))
    copies.note(database, one, 1.0)
    copies.note(database, other, 2.0)
    copies.note(database, one, 3.0)
    assert [(copy.path, copy.at) for copy in copies.noted(database)] == [(str(other), 2.0), (str(one), 3.0)]
    other.unlink()
    assert [copy.path for copy in copies.noted(database)] == [str(one)]
    assert (tmp_path / "memories.db.copies").stat().st_mode & 0o777 == 0o600


def test_only_the_newest_are_remembered(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST", 2)
    for name in "abc":
        copies.note(database, _made(tmp_path, name), 1.0)
    assert [Path(copy.path).name for copy in copies.noted(database)] == ["b", "c"]


def test_a_copy_on_a_disk_that_is_not_mounted_for_a_while_is_remembered(database: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    copies.note(database, _made(disk, "a"), 1.0)
    disk.rename(tmp_path / "unmounted")
    copies.note(database, _made(tmp_path, "b"), 2.0)
    assert [Path(copy.path).name for copy in copies.noted(database)] == ["b"]
    (tmp_path / "unmounted").rename(disk)
    assert [Path(copy.path).name for copy in copies.noted(database)] == ["a", "b"]


def test_what_can_not_be_read_this_once_is_not_replaced(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    copies.note(database, _made(tmp_path, "a"), 1.0)
    with monkeypatch.context() as patched:
        patched.setattr(private, "read", unreadable)
        copies.note(database, _made(tmp_path, "b"), 2.0)
    assert [Path(copy.path).name for copy in copies.noted(database)] == ["a"]


def test_a_list_that_others_may_write_is_closed_to_them_and_kept(database: Path, tmp_path: Path) -> None:
    copies.note(database, _made(tmp_path, "a"), 1.0)
    (tmp_path / "memories.db.copies").chmod(0o664)  # as some programs copy it
    copies.note(database, _made(tmp_path, "b"), 2.0)
    assert [Path(copy.path).name for copy in copies.noted(database)] == ["a", "b"]


@pytest.mark.parametrize("content", [b"\xff", b"{}\n", b"[1]\n", b'{"path": 1}\n', b'{"path": "x", "at": "y"}\n'])
def test_what_can_not_be_read_is_left_out(database: Path, content: bytes) -> None:
    database.with_name("memories.db.copies").write_bytes(content)
    assert list(copies.noted(database)) == []


def test_a_folder_that_can_not_be_written_is_no_reason_to_fail(database: Path, tmp_path: Path) -> None:
    database.with_name("memories.db.copies").mkdir()
    copies.note(database, _made(tmp_path, "a"))
    assert list(copies.noted(database)) == []


def test_what_a_restore_or_an_exchange_has_kept_is_found(tmp_path: Path) -> None:
    database = tmp_path / "my [old].db"
    names = ["my [old].db.before-restore-1", "my [old].db-wal.orphaned-2"]
    for name in (*names, "my o.db.before-restore-3", "another"):
        _made(tmp_path, name)
    assert [path.name for path in copies.beside(database)] == names
