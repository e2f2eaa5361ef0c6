from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mcp_dealer.http.rest import upload_folders

_MADE = "from mcp_dealer.http.rest import upload_folders as u; print(u.make(), flush=True); input()"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.mark.slow
def test_what_a_process_that_was_killed_has_left_is_removed_and_what_one_works_on_is_not() -> None:
    ours = upload_folders.make()
    (ours / "file").write_bytes(b"ours")
    asked = [sys.executable, "-P", "-c", _MADE]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        (theirs / "file").write_bytes(b"theirs")
        upload_folders.sweep()
        assert theirs.exists(), "it is worked on"
        other.kill()
    upload_folders.sweep()
    assert not theirs.exists()
    assert (ours / "file").read_bytes() == b"ours"
    upload_folders.remove_all()
    assert not ours.exists()


def test_what_only_has_such_a_name_stays(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (place / f"{upload_folders.PREFIX}link").symlink_to(elsewhere)
    (place / f"{upload_folders.PREFIX}file").touch()
    upload_folders.sweep()
    assert (elsewhere / "kept").exists()
    assert (place / f"{upload_folders.PREFIX}file").exists()
    assert (place / f"{upload_folders.PREFIX}link").is_symlink()


def test_a_folder_is_for_this_user_alone() -> None:
    folder = upload_folders.make()
    assert folder.stat().st_mode & 0o777 == 0o700
    upload_folders.remove(folder)
    assert not folder.exists()
    upload_folders.remove(folder)
