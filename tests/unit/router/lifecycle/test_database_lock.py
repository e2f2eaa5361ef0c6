"""The lock of a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.errors import StoragePermissionError
from router.lifecycle.database_lock import DatabaseLock


def test_one_has_it_at_a_time_until_it_lets_go_or_ends(tmp_path: Path) -> None:
    path = tmp_path / "data" / "m.db.lock"
    with DatabaseLock(path) as second:
        with DatabaseLock(path) as first:
            assert first.take()
            assert first.take()
            assert not second.take()
            assert (first.held(), second.held()) == (True, False)
            first.release()
            assert not first.held()
            assert second.take()
            second.release()
            assert first.take()
        assert second.take()


def test_lock_whose_file_was_deleted_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "m.db.lock"
    with DatabaseLock(path) as lock:
        assert lock.take()
        path.unlink()
        assert not lock.held()
        path.touch()
        assert not lock.held()


def test_folder_is_made_for_its_user_alone_and_one_that_can_not_be_is_named(tmp_path: Path) -> None:
    with DatabaseLock(tmp_path / "data" / "m.db.lock"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(StoragePermissionError, match="file"):
        DatabaseLock(tmp_path / "file" / "m.db.lock")
