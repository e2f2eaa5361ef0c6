from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from memmux.config.paths import IPC_PATH_BYTES, Places, make_private, open_lock
from memmux.config.settings import Settings
from memmux.errors import EndpointTooLongError, StorageFullError, StoragePermissionError


def test_what_clients_and_routers_agree_on_stands_beside_the_database(settings: Settings) -> None:
    places = Places(settings)
    for path in (places.lock, places.spawn_lock, places.endpoint):
        assert path.parent == settings.database.parent
        assert path.name.startswith(settings.database.name)
    assert len({places.lock, places.spawn_lock, places.endpoint, places.database}) == 4


def test_two_databases_share_no_folder(settings: Settings, short_tmp: Path) -> None:
    other = Settings(database=short_tmp / "other.db", runtime_dir=settings.runtime_dir, state_dir=settings.state_dir)
    assert Places(settings).logs != Places(other).logs
    assert not {*Places(settings).sockets()} & {*Places(other).sockets()}


def test_folder_of_the_sockets_is_private(settings: Settings) -> None:
    clients, workers = Places(settings).sockets()
    assert clients != workers
    folder = Path(clients.removeprefix("ipc://")).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_path_that_is_too_long_is_refused_before_anything_is_made(short_tmp: Path) -> None:
    settings = Settings(database=short_tmp / "m.db", runtime_dir=short_tmp / ("x" * IPC_PATH_BYTES))
    with pytest.raises(EndpointTooLongError, match=rf"{IPC_PATH_BYTES}.*MEMMUX_RUNTIME_DIR"):
        Places(settings).sockets()
    assert list(short_tmp.iterdir()) == []


def test_runtime_folder_is_that_of_the_platform_or_a_private_one(
    settings: Settings, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database=settings.database)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_tmp))
    assert Places(settings).sockets()[0].startswith(f"ipc://{short_tmp}/memmux/")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(short_tmp))
    assert Places(settings).sockets()[0].startswith(f"ipc://{short_tmp}/memmux-{os.getuid()}/")


def test_folder_that_others_can_enter_is_closed(short_tmp: Path) -> None:
    folder = short_tmp / "open"
    folder.mkdir(mode=0o755)
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_where_nothing_is_written_is_told_with_what_names_another(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, *, sync: bool) -> None:
        del sync
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder))

    monkeypatch.setattr("memmux.files.private.make_folder", refuse)
    with pytest.raises(StoragePermissionError, match="name another place with MEMMUX_RUNTIME_DIR or MEMMUX_STATE_DIR"):
        make_private(short_tmp / "logs")


def test_folder_of_somebody_else_is_refused(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: short_tmp.stat().st_uid + 1)
    with pytest.raises(StoragePermissionError, match="not a folder of yours"):
        make_private(short_tmp)


def test_link_in_the_place_of_a_private_folder_is_refused(short_tmp: Path) -> None:
    (short_tmp / "real").mkdir()
    (short_tmp / "link").symlink_to(short_tmp / "real")
    with pytest.raises(StoragePermissionError):
        make_private(short_tmp / "link")


def test_file_in_the_place_of_a_private_folder_is_refused(short_tmp: Path) -> None:
    (short_tmp / "file").touch()
    with pytest.raises(StoragePermissionError):
        make_private(short_tmp / "file")


def test_parents_of_a_private_folder_are_private_too(short_tmp: Path) -> None:
    make_private(short_tmp / "state" / "logs" / "digest")
    for folder in ("state", "state/logs", "state/logs/digest"):
        assert (short_tmp / folder).stat().st_mode & 0o777 == 0o700


def test_folder_of_a_lock_is_made_for_its_user_alone_and_one_that_can_not_be_is_named(short_tmp: Path) -> None:
    with open_lock(short_tmp / "data" / "m" / "m.db.lock") as lock:
        assert lock.take()
        assert (short_tmp / "data").stat().st_mode & 0o777 == 0o700
        assert (short_tmp / "data" / "m").stat().st_mode & 0o777 == 0o700
    (short_tmp / "file").touch()
    with pytest.raises(StoragePermissionError, match=r"file.*MEMMUX_DATABASE"):
        open_lock(short_tmp / "file" / "m.db.lock")


def test_folder_on_a_full_disk_is_told_from_one_that_can_not_be_written(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, *, sync: bool) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder), sync)

    monkeypatch.setattr("memmux.config.paths.private.make_folder", full)
    with pytest.raises(StorageFullError):
        make_private(short_tmp / "logs")
