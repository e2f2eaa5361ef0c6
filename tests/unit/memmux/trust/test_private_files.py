from __future__ import annotations

import os
from pathlib import Path

import pytest

from memmux.errors import KeyFileError, StoragePermissionError
from memmux.trust import private_files


def test_a_private_file_is_read_as_it_was_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    private_files.write(file, b"one")
    private_files.write(file, b"two")
    assert private_files.read(file) == b"two"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "file")
    private_files.write(link, b"one")
    assert link.is_symlink()
    assert private_files.read(tmp_path / "real" / "file") == b"one"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_open_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "keys"
    private_files.write(file, b"one")
    file.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"chmod 600 {file}"):
        private_files.read(file)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    private_files.write(file, b"one")
    os.chown(file, 65534, 65534)
    with pytest.raises(KeyFileError, match="another user"):
        private_files.read(file)


def test_what_is_no_file_is_refused_and_what_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="no file"):
        private_files.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        private_files.read(tmp_path / "none")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "gone" / "keys"
    with pytest.raises(StoragePermissionError, match="can't be written"):
        private_files.write(file, b"one")
