"""The restore: what it refuses, what it keeps, and that no old log is ever read as the new file's."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import (
    BackupFailedError,
    DatabaseCorruptError,
    DatabaseForeignError,
    DatabaseInUseError,
    DatabaseNewerError,
    MemmuxError,
    NotFoundError,
)
from memmux.files import durable
from tests.unit.workers.desk import Desk
from workers.storage.sqlite import engine
from workers.storage.sqlite.backups import backup
from workers.storage.sqlite.backups.folder import BackupFolder
from workers.storage.sqlite.checking import check
from workers.tasks import restore
from workers.write import WriteWorker


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=tmp_path / "data" / "memories.db", state_dir=tmp_path / "state")


@pytest.fixture
def saved(settings: Settings) -> Path:
    """A backup of one memory; another was stored after it and is still in the log, as after a crash."""
    desk = Desk(settings.database)
    desk.store("in the backup")
    made = backup.save(settings.database, BackupFolder.of(settings))
    desk.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    desk.store("after the backup")
    log = Path(f"{settings.database}-wal")
    whole = log.read_bytes()
    desk.close()
    log.write_bytes(whole)
    return Path(made.path)


def contents(database: Path) -> set[str]:
    with closing(engine.open_reader(database)) as reader:
        return {content for (content,) in reader.execute("SELECT content FROM memories")}


def test_the_backup_takes_the_place_and_the_old_database_is_kept_with_its_log(settings: Settings, saved: Path) -> None:
    assert Path(f"{settings.database}-wal").stat().st_size
    done = restore.run(settings, [str(saved)])
    assert contents(settings.database) == {"in the backup"}
    assert contents(Path(str(done["kept"]))) == {"in the backup", "after the backup"}
    assert saved.exists()
    assert (done["memories"], done["seq"]) == (1, 1)
    assert settings.database.stat().st_mode & 0o777 == 0o600


def test_no_old_log_stands_beside_the_new_file(settings: Settings, saved: Path) -> None:
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{settings.database}{suffix}").write_bytes(b"of the old file")
    restore.run(settings, [str(saved)])
    assert not [suffix for suffix in ("-wal", "-shm", "-journal") if Path(f"{settings.database}{suffix}").exists()]


def _interrupted(settings: Settings, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a restore where the old log is gone and the new file has not its name yet."""

    def die(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(durable, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            restore.run(settings, [str(saved)])
    assert not Path(f"{settings.database}-wal").exists()


def test_a_restore_that_was_interrupted_is_finished_before_the_database_is_opened(
    settings: Settings, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupted(settings, saved, monkeypatch)
    (finding,) = check.check(settings.database, deep=False)
    assert finding.code == "restore_unfinished"
    worker = WriteWorker(settings)
    worker.open()
    worker.close()
    assert contents(settings.database) == {"in the backup"}
    (kept,) = (path for path in settings.database.parent.glob("*.before-restore-*") if not path.name.endswith("-wal"))
    assert contents(kept) == {"in the backup", "after the backup"}
    assert check.check(settings.database, deep=True) == []


def test_what_a_restore_had_only_begun_to_copy_goes_with_the_next_start(settings: Settings, saved: Path) -> None:
    left = Path(f"{settings.database}.restoring")
    left.write_bytes(saved.read_bytes())
    worker = WriteWorker(settings)
    worker.open()
    worker.close()
    assert not left.exists()
    assert contents(settings.database) == {"in the backup", "after the backup"}


def test_another_restore_finishes_it_first_and_keeps_both(
    settings: Settings, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupted(settings, saved, monkeypatch)
    done = restore.run(settings, [str(saved)])
    assert contents(Path(str(done["kept"]))) == {"in the backup"}
    assert {"in the backup", "after the backup"} in [
        contents(path)
        for path in settings.database.parent.glob("*.before-restore-*")
        if not path.name.endswith(("-wal", "-shm"))
    ]


@pytest.mark.usefixtures("saved")
def test_a_database_that_is_gone_is_restored_too(settings: Settings) -> None:
    settings.database.unlink()
    assert restore.run(settings, ["--newest"])["kept"] is None
    assert contents(settings.database) == {"in the backup"}


def test_the_newest_backup_that_is_good_is_chosen(settings: Settings, saved: Path) -> None:
    backup_folder = BackupFolder.of(settings)
    damaged, ahead = backup_folder.place(time.time(), 9), backup_folder.place(4e9, 1)
    damaged.write_bytes(saved.read_bytes()[: 20 * 4096])
    ahead.write_bytes(saved.read_bytes())
    done = restore.run(settings, ["--newest"])
    assert done["restored"] == str(saved)
    assert done["passed_over"] == [str(damaged)]


def test_nothing_happens_while_a_cluster_runs(settings: Settings, saved: Path) -> None:
    before = settings.database.read_bytes()
    lock = os.open(Places(settings).lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(DatabaseInUseError, match="memmux stop"):
        restore.run(settings, [str(saved)])
    os.close(lock)
    assert settings.database.read_bytes() == before


def _missing(saved: Path) -> None:
    saved.unlink()


def _foreign(saved: Path) -> None:
    saved.write_text("dear all")


def _cut_off(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[: 20 * 4096])


def _spoilt(saved: Path) -> None:
    with closing(engine.open_still(saved)) as copy:
        page = engine.value(copy, "SELECT rootpage FROM sqlite_schema WHERE name = 'idempotency'")
    with saved.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def _newer(saved: Path) -> None:
    with closing(engine.connect(saved)) as connection:
        connection.pragma("user_version", 9999)


def _unfinished(saved: Path) -> None:
    saved.with_name(f"{saved.name}-wal").write_bytes(b"more of it")


def _empty(saved: Path) -> None:
    saved.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_missing, NotFoundError),
        (_foreign, DatabaseForeignError),
        (_cut_off, DatabaseCorruptError),
        (_spoilt, DatabaseCorruptError),
        (_newer, DatabaseNewerError),
        (_unfinished, BackupFailedError),
        (_empty, DatabaseCorruptError),
    ],
)
def test_a_file_that_is_no_good_backup_is_refused_and_nothing_changed(
    settings: Settings, saved: Path, spoil: object, error: type[MemmuxError]
) -> None:
    assert callable(spoil)
    spoil(saved)
    beside = {path.name: path.read_bytes() for path in settings.database.parent.iterdir() if path.is_file()}
    with pytest.raises(error):
        restore.run(settings, [str(saved)])
    after = {path.name: path.read_bytes() for path in settings.database.parent.iterdir() if path.is_file()}
    assert after == beside


@pytest.mark.usefixtures("saved")
def test_the_database_itself_is_no_backup(settings: Settings) -> None:
    with pytest.raises(BackupFailedError, match="itself"):
        restore.run(settings, [str(settings.database)])


def test_without_any_backup_that_is_said(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="no backup"):
        restore.run(settings, ["--newest"])
