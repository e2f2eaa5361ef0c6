from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memmux.errors import ClientFileError
from memmux.files import durable
from memmux.hosts import writing

NOW = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)


def test_a_file_is_replaced_and_its_old_bytes_are_kept_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b"old")
    backup = writing.replace(file, b"old", b"new", NOW)
    assert backup == tmp_path / "mcp.json.before-memmux-20261123-143005"
    assert (file.read_bytes(), backup.read_bytes()) == (b"new", b"old")
    assert sorted(tmp_path.iterdir()) == [file, backup]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_file_and_backup_have_the_mode_of_the_old_file(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b"old")
    file.chmod(mode)
    backup = writing.replace(file, b"old", b"new", NOW)
    assert backup is not None
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, backup)] == [mode, mode]


def test_a_link_stays_a_link_and_the_backup_is_where_the_user_looks(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "home").mkdir()
    real, link = tmp_path / "dotfiles" / "cursor.json", tmp_path / "home" / "mcp.json"
    real.write_bytes(b"old")
    link.symlink_to("../dotfiles/cursor.json")
    backup = writing.replace(link, b"old", b"new", NOW)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert backup is not None
    assert backup.parent == link.parent
    assert list(real.parent.iterdir()) == [real]


def test_a_link_to_nothing_makes_the_file_that_it_names(tmp_path: Path) -> None:
    link = tmp_path / "mcp.json"
    link.symlink_to(tmp_path / "later" / "mcp.json")
    assert writing.read(link) is None
    writing.replace(link, None, b"new", NOW)
    assert link.is_symlink()
    assert (tmp_path / "later" / "mcp.json").read_bytes() == b"new"


def test_backups_of_one_second_have_names_of_their_own_and_the_newest_is_first(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b"0")
    moments = [NOW, NOW, NOW, NOW + timedelta(seconds=1)]
    made = [writing.replace(file, str(n).encode(), str(n + 1).encode(), at) for n, at in enumerate(moments)]
    (tmp_path / "other.json.before-memmux-20261123-143005").touch()
    assert writing.backups(file) == made[::-1]
    assert [path.read_bytes() for path in writing.backups(file)] == [b"3", b"2", b"1", b"0"]


def test_nothing_is_left_of_a_file_that_can_not_be_written(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.mkdir()
    with pytest.raises(ClientFileError, match="can't be read"):
        writing.read(file)
    blocked = tmp_path / "a file" / "mcp.json"
    blocked.parent.write_bytes(b"not a folder")
    with pytest.raises(ClientFileError, match="can't be"):
        writing.replace(blocked, None, b"new", NOW)
    assert sorted(tmp_path.iterdir()) == sorted([file, blocked.parent])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b"old")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ClientFileError, match="permission"):
            writing.replace(file, b"old", b"new", NOW)
        assert list(tmp_path.iterdir()) == [file]
        assert file.read_bytes() == b"old"
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("after", [b"new", None])
def test_a_write_that_fails_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bytes | None
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    file = tmp_path / "mcp.json"
    file.write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", busy)
        patched.setattr(os, "rename", busy)
        if after is None:
            patched.setattr(os, "unlink", _but(file, busy))
        with pytest.raises(ClientFileError, match="busy"):
            writing.replace(file, b"old", after, NOW)
    assert list(tmp_path.iterdir()) == [file]


def _but(file: Path, busy: Callable[..., None]) -> Callable[..., None]:
    """Remove any other file."""
    real = os.unlink
    return lambda path, **named: busy() if Path(path) == file else real(path, **named)


def test_the_copy_stays_where_the_file_was_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, file = durable.flush, tmp_path / "mcp.json"
    file.write_bytes(b"old")

    def flush(path: Path) -> None:
        if path == tmp_path and file.read_bytes() == b"new":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(path)

    monkeypatch.setattr(durable, "flush", flush)
    with pytest.raises(ClientFileError, match="error"):
        writing.replace(file, b"old", b"new", NOW)
    (backup,) = writing.backups(file)
    assert (file.read_bytes(), backup.read_bytes()) == (b"new", b"old")


@pytest.mark.parametrize("after", [b"new", None])
def test_what_a_client_writes_during_the_write_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bytes | None
) -> None:
    real, file = durable.flush, tmp_path / "mcp.json"
    file.write_bytes(b"old")

    def flush(path: Path) -> None:
        real(path)
        file.write_bytes(b"of the client")

    monkeypatch.setattr(durable, "flush", flush)
    with pytest.raises(ClientFileError, match="meanwhile"):
        writing.replace(file, b"old", after, NOW)
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == b"of the client"


def test_what_a_killed_run_left_is_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    left = tmp_path / "mcp.json.memmux-01234567.partial"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    writing.replace(file, None, b"new", NOW)
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == b"new"


def test_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    writing.replace(tmp_path / "mcp.json", None, b"new", NOW)
    assert stat.S_IMODE((tmp_path / "mcp.json").stat().st_mode) == 0o600


def test_private_file_and_its_backup_are_for_their_owner_alone_whatever_they_were(tmp_path: Path) -> None:
    file = tmp_path / ".claude.json"
    file.write_bytes(b"old")
    file.chmod(0o644)
    backup = writing.replace(file, b"old", b"new", NOW, private=True)
    assert backup is not None
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, backup)] == [0o600, 0o600]
