"""Backups: whole, of one moment, checked before they count, and never in the way of anybody else's files."""

from __future__ import annotations

import errno
import math
import os
from contextlib import closing
from pathlib import Path

import apsw
import pytest
import structlog

from memmux.config.settings import Settings
from memmux.errors import BackupFailedError, CancelledError, DatabaseCorruptError, StorageFullError
from tests.bounds import BOUND_S
from tests.unit.workers.desk import Desk, job
from workers.runtime.jobs import silent
from workers.storage.sqlite import engine
from workers.storage.sqlite.backups import backup
from workers.storage.sqlite.backups.folder import BackupFolder

NOON = 1_800_000_000.0
LATER = NOON + 10 * 86_400


@pytest.fixture
def backup_folder(tmp_path: Path) -> BackupFolder:
    return BackupFolder(tmp_path / "backups", "memories")


@pytest.fixture
def stored(desk: Desk) -> Desk:
    """A database with something in it."""
    for number in range(10):
        desk.store(f"memory number {number}", (1, 0))
    return desk


def names(backup_folder: BackupFolder) -> list[str]:
    return sorted(path.name for path in backup_folder.folder.iterdir())


def contents(path: str) -> set[str]:
    with closing(engine.open_still(Path(path))) as copy:
        return {content for (content,) in copy.execute("SELECT content FROM memories")}


def test_a_backup_is_private_named_by_its_time_and_change_and_says_what_it_holds(
    stored: Desk, backup_folder: BackupFolder
) -> None:
    made = backup.save(stored.settings.database, backup_folder, now=lambda: NOON)
    assert names(backup_folder) == ["memories-20270115T080000Z-10.db"]
    path = Path(made.path)
    assert (made.memories, made.seq, made.bytes) == (10, 10, path.stat().st_size)
    assert path.stat().st_mode & 0o777 == 0o600
    assert backup_folder.folder.stat().st_mode & 0o777 == 0o700
    assert contents(made.path) == {f"memory number {number}" for number in range(10)}


def test_a_backup_needs_no_files_beside_it_whatever_reads_it(stored: Desk, backup_folder: BackupFolder) -> None:
    made = backup.save(stored.settings.database, backup_folder)
    with closing(engine.open_reader(Path(made.path))) as reader:
        assert engine.value(reader, "SELECT count(*) FROM memories") == 10
        assert names(backup_folder) == [Path(made.path).name]


def test_writes_go_on_while_a_backup_is_made_and_are_not_in_it(
    stored: Desk, backup_folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_STEP_PAGES", 5)
    during = iter(range(3))

    def proceed() -> None:
        for number in during:
            stored.store(f"stored meanwhile {number}")

    made = backup.save(stored.settings.database, backup_folder, proceed=proceed)
    assert made.memories == made.seq == 10
    assert not any(content.startswith("stored meanwhile") for content in contents(made.path))
    assert stored.engine.facts()["memories"] == 13


def test_a_backup_that_is_given_up_leaves_nothing(stored: Desk, backup_folder: BackupFolder) -> None:
    def stop() -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        backup.save(stored.settings.database, backup_folder, proceed=stop)
    assert names(backup_folder) == []


def test_a_copy_that_does_not_pass_its_check_never_counts(
    stored: Desk, backup_folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = backup._copy

    def spoil(source: apsw.Connection, partial: Path, proceed: backup.Proceed) -> None:
        copied(source, partial, proceed)
        page = engine.value(source, "SELECT rootpage FROM sqlite_schema WHERE name = 'idempotency'")
        with partial.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)

    monkeypatch.setattr(backup, "_copy", spoil)
    with pytest.raises(DatabaseCorruptError, match="memmux check"):
        backup.save(stored.settings.database, backup_folder)
    assert names(backup_folder) == []


def test_a_folder_that_can_not_be_made_is_named(stored: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupFailedError, match="name another"):
        backup.save(stored.settings.database, BackupFolder(tmp_path / "file" / "backups", "memories"))


def test_a_backup_without_room_is_not_begun(
    stored: Desk, backup_folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_RESERVE_BYTES", 1 << 60)
    with pytest.raises(StorageFullError, match="free some space"):
        backup.save(stored.settings.database, backup_folder)
    assert names(backup_folder) == []


@pytest.mark.parametrize("full", [apsw.FullError("full"), OSError(errno.ENOSPC, "No space left on device")])
def test_a_disk_that_is_full_meanwhile_is_told_as_that(
    stored: Desk, backup_folder: BackupFolder, monkeypatch: pytest.MonkeyPatch, full: Exception
) -> None:
    def fill(*_: object) -> None:
        raise full

    monkeypatch.setattr(backup, "_copy", fill)
    with pytest.raises(StorageFullError, match="free some space"):
        backup.save(stored.settings.database, backup_folder)
    assert names(backup_folder) == []


def test_pruning_keeps_the_newest_and_touches_no_other_file(backup_folder: BackupFolder) -> None:
    backup_folder.make()
    for day in range(5):
        backup_folder.place(NOON + 86_400 * day, 100 - day).touch()
    others = ["letter.txt", "memories.db", "memories-20270101T000000Z-1.db.txt", "other-20270101T000000Z-1.db"]
    others += ["memories-20271301T000000Z-1.db", "my-memories-20270101T000000Z-1.db"]
    for name in others:
        (backup_folder.folder / name).touch()
    assert len(backup_folder.prune(2, LATER)) == 3
    assert [kept.seq for kept in backup_folder.kept(LATER)] == [96, 97]
    assert set(names(backup_folder)) == {*others, *(kept.path.name for kept in backup_folder.kept(LATER))}


def test_backups_of_a_clock_that_was_ahead_are_the_last_and_go_first(backup_folder: BackupFolder) -> None:
    backup_folder.make()
    for at, seq in ((NOON, 500), (NOON - 9, 400), (LATER, 16), (LATER + 1, 17)):
        backup_folder.place(at, seq).touch()
    assert [kept.seq for kept in backup_folder.kept(NOON)] == [500, 400, 17, 16]
    backup_folder.prune(1, NOON)
    assert [kept.seq for kept in backup_folder.kept(NOON)] == [500]


def test_a_backup_that_may_not_be_removed_keeps_no_other_one_and_is_logged(
    backup_folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is immutable, or another user's in a sticky folder."""
    backup_folder.make()
    places = [backup_folder.place(NOON + 86_400 * day, day) for day in range(4)]
    for path in places:
        path.touch()
    real = Path.unlink

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        if path == places[2]:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with structlog.testing.capture_logs() as logs:
        assert backup_folder.prune(1, NOON + 86_400 * 4) == [places[1], places[0]]
    assert [(line["event"], line["backup"]) for line in logs] == [("backup_not_removed", str(places[2]))]


def test_databases_of_one_name_that_share_a_folder_keep_their_backups_apart(tmp_path: Path) -> None:
    one, other = (
        BackupFolder.of(Settings(database=tmp_path / folder / "memories.db", backups_dir=tmp_path)) for folder in "ab"
    )
    one.place(NOON, 1).touch()
    assert other.kept(LATER) == []
    assert len(one.kept(LATER)) == 1
    assert (
        BackupFolder.of(Settings(database=tmp_path / "a" / "memories.db")).folder
        == tmp_path / "a" / "memories.db.backups"
    )


def test_what_is_left_of_an_unfinished_backup_goes_with_the_next_one(stored: Desk, backup_folder: BackupFolder) -> None:
    backup_folder.make()
    left, other = backup_folder.place(NOON, 1).name, backup_folder.place(NOON, 2).name
    for name in (f"{left}.partial", f"{left}.partial-journal", "mine.partial"):
        (backup_folder.folder / name).touch()
        os.utime(backup_folder.folder / name, (0, 0))
    (backup_folder.folder / f"{other}.partial").touch()  # somebody may be making it, of a database of that name
    made = backup.save(stored.settings.database, backup_folder)
    assert names(backup_folder) == sorted([Path(made.path).name, f"{other}.partial", "mine.partial"])


def test_a_worker_answers_a_backup_later_and_writes_meanwhile(stored: Desk, backup_folder: BackupFolder) -> None:
    asked = job("admin.backup", {"to": str(backup_folder.folder)})
    ((answered, _),) = stored.write(asked, job("memory.store", {"content": "in the same turn"}))
    assert answered is not asked
    assert math.isfinite(stored.writer.due_s)
    outcomes = settled(stored)
    assert [late for late, _ in outcomes] == [asked]
    assert math.isinf(stored.writer.due_s)
    assert len(names(backup_folder)) == 1


def test_a_backup_in_a_wrong_place_fails_alone(stored: Desk) -> None:
    stored.write(job("admin.backup", {"to": "relative"}), job("admin.backup", {"to": "/dev/null/folder"}))
    failures = [outcome for _, outcome in settled(stored)]
    assert [getattr(failure, "code", "") for failure in failures] == ["argument_invalid", "backup_failed"]


def settled(desk: Desk) -> list[tuple[object, object]]:
    """The outcomes of all backups that were asked for."""
    found: list[tuple[object, object]] = []
    while math.isfinite(desk.writer.due_s):
        found += desk.writer.late(silent)
        if running := desk.writer._backup_scheduler._running:
            running.thread.join(BOUND_S)
            assert not running.thread.is_alive()
    return found
