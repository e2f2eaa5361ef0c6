from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from memmux.errors import KeyFileError, StorageError, StorageFullError, StoragePermissionError
from memmux.files import durable
from memmux.trust import secret_files


def test_a_secret_file_is_read_as_it_was_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    secret_files.write(file, b"one")
    secret_files.write(file, b"two")
    assert secret_files.read(file) == b"two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "file")
    secret_files.write(link, b"one")
    assert link.is_symlink()
    assert secret_files.read(tmp_path / "real" / "file") == secret_files.read(link) == b"one"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_open_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "keys"
    secret_files.write(file, b"one")
    file.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"chmod 600 {file}"):
        secret_files.read(file)


def test_what_is_no_file_is_refused_and_what_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="no file"):
        secret_files.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        secret_files.read(tmp_path / "none")


def test_a_link_that_leads_nowhere_else_than_to_itself_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(KeyFileError, match="can't be read"):
        secret_files.read(tmp_path / "loop")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "gone" / "keys"
    with pytest.raises(StoragePermissionError, match="can't be written"):
        secret_files.write(file, b"one")


@pytest.mark.parametrize(
    ("number", "error", "remedy"),
    [
        (errno.ENOSPC, StorageFullError, "free some space"),
        (errno.EDQUOT, StorageFullError, "free some space"),
        (errno.EROFS, StoragePermissionError, "name another place"),
        (errno.EACCES, StoragePermissionError, "write permission"),
    ],
)
def test_a_write_that_the_disk_refuses_says_why_and_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[StorageError], remedy: str
) -> None:
    file = tmp_path / "keys"
    secret_files.write(file, b"one")

    def refused(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(durable, "flush", refused)
    with pytest.raises(error, match=remedy):
        secret_files.write(file, b"two")
    assert secret_files.read(file) == b"one"
