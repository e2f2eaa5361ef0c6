"""What a cluster can't be started for is said before anything is made."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from memmux.cluster import find
from memmux.config import usable
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import DriverMissingError, SettingInvalidError, StoragePermissionError
from memmux.files import durable
from tests.locked import locked


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
    with pytest.raises(StoragePermissionError, match="is a folder" if kind == "folder" else "not a regular file"):
        find.ensure(replace(settings, database=path))
    assert list(path.parent.iterdir()) == [path]


def test_a_database_in_a_folder_that_may_not_be_entered_is_told_with_the_remedy(
    settings: Settings, short_tmp: Path
) -> None:
    with locked(short_tmp), pytest.raises(StoragePermissionError, match="give yourself permission to enter"):
        usable.check(Places(replace(settings, database=short_tmp / "memories.db")))


def test_a_database_on_postgresql_needs_the_driver_and_nothing_is_made_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(server="postgresql://h/memmux", database=tmp_path / "pg" / "memmux")
    usable.check(Places(settings))
    monkeypatch.setattr(usable, "find_spec", lambda _name: None)
    with pytest.raises(DriverMissingError, match=r"python\S* -m pip install 'memmux\[postgres\]'"):
        find.ensure(settings)
    assert not (tmp_path / "pg").exists()


def test_a_database_that_is_not_there_yet_and_a_link_to_one_are_well(settings: Settings, tmp_path: Path) -> None:
    usable.check(Places(replace(settings, database=tmp_path / "new.db")))
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to("real.db")
    usable.check(Places(replace(settings, database=tmp_path / "link.db")))


@pytest.mark.parametrize(
    "suffix",
    [".endpoint", ".lock", ".spawn", ".lineage", ".copies", ".restored", ".restoring", "-wal", "-shm", "-journal"],
)
def test_a_folder_where_a_file_belongs_is_named_and_nothing_is_made(
    settings: Settings, tmp_path: Path, suffix: str
) -> None:
    folder = tmp_path / "folder" / f"memories.db{suffix}"
    folder.mkdir(parents=True)
    with pytest.raises(StoragePermissionError, match="move it away") as refused:
        find.ensure(replace(settings, database=folder.with_name("memories.db")))
    assert str(folder) in str(refused.value)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_name_that_leaves_no_room_for_those_beside_it_is_refused_and_nothing_is_made(
    settings: Settings, tmp_path: Path
) -> None:
    most = os.pathconf(tmp_path, "PC_NAME_MAX") - usable.SUFFIX_BYTES
    usable.check(Places(replace(settings, database=tmp_path / ("é" * (most // 2)))))
    with pytest.raises(SettingInvalidError, match="shorter name"):
        find.ensure(replace(settings, database=tmp_path / "folder" / ("é" * (most // 2 + 1))))
    assert not (tmp_path / "folder").exists()


def test_a_path_that_sqlite_does_not_open_is_refused_and_the_longest_it_opens_is_served(
    settings: Settings, tmp_path: Path
) -> None:
    most = usable.PATH_BYTES - usable.SUFFIX_BYTES
    folder = tmp_path / ("d" * 200) / ("d" * (most - len(str(tmp_path)) - 200 - len("//m.db") - 20))
    longest = folder / ("m" * (most - len(str(folder)) - 1))
    usable.check(Places(replace(settings, database=longest)))
    longest.parent.mkdir(parents=True)
    with closing(apsw.Connection(f"{longest}{'-' * usable.SUFFIX_BYTES}")) as opened:
        opened.execute("CREATE TABLE t (c)")
    (tmp_path / "short").symlink_to(longest.parent)
    for longer in (longest.with_name(f"{longest.name}m"), tmp_path / "short" / f"{longest.name}m"):
        with pytest.raises(SettingInvalidError, match="shorter path"):
            usable.check(Places(replace(settings, database=longer)))


def test_the_longest_name_that_is_made_of_the_databases_fits() -> None:
    assert len(".before-restore-20261128T073243Z-10-wal") <= usable.SUFFIX_BYTES
    assert len(f".endpoint.memmux-{'0' * 8}{durable.PARTIAL}") <= usable.SUFFIX_BYTES
    assert len("-wal.orphaned-20261128T073243.123456Z") <= usable.SUFFIX_BYTES


@pytest.mark.parametrize("field", ["database", "state_dir", "cache_dir", "backups_dir"])
def test_a_path_that_is_no_utf_8_is_shown_and_nothing_is_made(settings: Settings, tmp_path: Path, field: str) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    with pytest.raises(SettingInvalidError, match=r"caf\\xe9") as refused:
        find.ensure(replace(settings, **{field: path}))
    assert str(refused.value).isprintable()
    assert not path.exists()


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_a_name_of_what_sqlite_keeps_beside_a_database_is_refused(settings: Settings, tmp_path: Path, end: str) -> None:
    with pytest.raises(SettingInvalidError, match=f"ends in {end}"):
        find.ensure(replace(settings, database=tmp_path / "folder" / f"memories.db{end}"))
    assert not (tmp_path / "folder").exists()
