"""Private files and folders: how they are made, and whose are believed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux.files import durable, private


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    durable.write(path, b"content")
    return path


def test_every_folder_that_is_made_on_the_way_is_private_and_those_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    folder = tmp_path / "theirs" / "a" / "b" / "c"
    private.make_folder(folder)
    private.make_folder(folder)
    modes = [found.stat().st_mode & 0o777 for found in (folder, folder.parent, folder.parent.parent)]
    assert modes == [0o700, 0o700, 0o700]
    assert (tmp_path / "theirs").stat().st_mode & 0o777 == 0o755


def test_each_folder_that_was_made_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(durable, "flush", flushed.append)
    private.make_folder(tmp_path / "a" / "b")
    private.make_folder(tmp_path / "a" / "b")
    assert flushed == [tmp_path, tmp_path / "a"]
    private.make_folder(tmp_path / "c" / "d", sync=False)
    assert flushed == [tmp_path, tmp_path / "a"]


def test_a_folder_that_can_not_be_made_is_a_failure(file: Path) -> None:
    with pytest.raises(FileExistsError):
        private.make_folder(file)
    with pytest.raises(NotADirectoryError):
        private.make_folder(file / "a" / "b")
    file.with_name("nowhere").symlink_to("missing")
    with pytest.raises(FileExistsError):
        private.make_folder(file.with_name("nowhere") / "a")


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY | os.O_APPEND])
def test_a_file_is_private_once_it_is_open_also_if_it_was_not(tmp_path: Path, flags: int) -> None:
    (tmp_path / "there").touch(mode=0o666)
    for name in ("new", "there"):
        os.close(private.open_file(tmp_path / name, flags))
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_no_link_is_followed_to_a_file_that_is_to_be_written(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    with pytest.raises(OSError, match="symbolic links"):
        private.open_file(link, os.O_RDWR)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o640])
def test_a_file_that_only_its_user_can_have_written_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert private.read(file) == b"content"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_have_written_is_refused_with_the_remedy(file: Path, mode: int) -> None:
    file.chmod(mode)
    for secret in (False, True):
        with pytest.raises(private.NotPrivateError) as raised:
            private.read(file, secret=secret)
        assert f"chmod 600 {file}" in raised.value.message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601])
def test_a_secret_that_others_may_have_read_is_refused_with_the_remedy(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(private.NotPrivateError) as raised:
        private.read(file, secret=True)
    assert f"chmod 600 {file}" in raised.value.message
    assert "anew" in raised.value.message


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(private.NotPrivateError, match="another user"):
        private.read(file)


def test_a_link_is_followed_only_where_a_user_may_have_put_one(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    assert private.read(link, follow=True) == b"content"
    with pytest.raises(OSError, match="symbolic links"):
        private.read(link)


def test_what_is_no_file_is_refused_and_waits_for_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(private.NotPrivateError, match="no file"):
            private.read(path)
    with pytest.raises(FileNotFoundError):
        private.read(tmp_path / "none")
