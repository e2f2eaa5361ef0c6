"""What a cluster can't be started for is said before anything is made."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.cluster import find
from memmux.config import owner
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import StoragePermissionError


def _made(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "folder" / "memories.db"
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(os.devnull)
    return path


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_a_database_that_is_no_regular_file_is_refused_and_nothing_is_made_beside_it(
    settings: Settings, tmp_path: Path, kind: str
) -> None:
    path = _made(tmp_path, kind)
    with pytest.raises(StoragePermissionError, match="not a regular file"):
        find.ensure(replace(settings, database=path))
    assert list(path.parent.iterdir()) == [path]


def test_a_database_that_is_not_there_yet_and_a_link_to_one_are_well(settings: Settings, tmp_path: Path) -> None:
    owner.check(Places(replace(settings, database=tmp_path / "new.db")))
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to("real.db")
    owner.check(Places(replace(settings, database=tmp_path / "link.db")))
