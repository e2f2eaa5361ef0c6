"""The scheduler: when a backup is due of its own accord, and how long it is kept."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from memmux.config.settings import Settings
from memmux.errors import BackupFailedError, DeadlineExceededError
from tests.bounds import BOUND_S
from tests.unit.workers.desk import Desk, job
from workers.storage.sqlite.backups import backup, scheduler
from workers.storage.sqlite.backups.scheduler import BackupScheduler

DAY = 86_400.0
NOON = 1_800_000_000.0


class Hands:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall = NOON
        self.monotonic = 5_000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


class Days:
    """A scheduler whose days go by quickly."""

    def __init__(self, desk: Desk, hands: Hands, **settings: float) -> None:
        self.hands = hands
        self.desk = desk
        self.settings = Settings(database=desk.settings.database, **settings)  # type: ignore[arg-type]  # numbers
        self.backup_scheduler = BackupScheduler(self.settings, now=lambda: hands.wall, clock=lambda: hands.monotonic)

    def turn(self) -> None:
        """One turn of the loop, and the end of what it began."""
        for _ in range(2):
            assert list(self.backup_scheduler.turn(self.desk.engine.seq, lambda: NOON)) == []
            if self.backup_scheduler._running:
                self.backup_scheduler._running.thread.join(BOUND_S)

    def names(self) -> list[str]:
        folder = Path(f"{self.settings.database}.backups")
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_database_gets_its_first_backup_a_day_after_its_first_change(desk: Desk, hands: Hands) -> None:
    days = Days(desk, hands)
    desk.store("first")
    days.turn()
    assert days.names() == []
    hands.pass_(DAY)
    days.turn()
    assert days.names() == ["memories-20270116T080000Z-1.db"]


def test_the_next_backup_is_due_a_day_later_and_only_if_something_changed(desk: Desk, hands: Hands) -> None:
    days = Days(desk, hands)
    desk.store("first")
    for day in range(4):
        hands.pass_(DAY)
        days.turn()
        days.turn()
        if day == 2:
            desk.store("second")
    assert days.names() == ["memories-20270116T080000Z-1.db", "memories-20270119T080000Z-2.db"]


def test_so_many_backups_are_kept(desk: Desk, hands: Hands) -> None:
    days = Days(desk, hands, backup_keep=2)
    for day in range(5):
        desk.store(f"day {day}")
        hands.pass_(DAY)
        days.turn()
    assert days.names() == ["memories-20270119T080000Z-4.db", "memories-20270120T080000Z-5.db"]


def test_no_backup_is_due_with_an_interval_of_zero_or_without_a_change(desk: Desk, hands: Hands) -> None:
    desk.store("first")
    hands.pass_(10 * DAY)
    never = Days(desk, hands, backup_interval_s=0)
    hands.pass_(DAY)
    never.turn()
    empty = BackupScheduler(
        Settings(database=desk.settings.database), now=lambda: hands.wall, clock=lambda: hands.monotonic
    )
    hands.pass_(DAY)
    assert list(empty.turn(0, lambda: None)) == []
    assert never.names() == []


@pytest.mark.parametrize("step", [-30 * DAY, 30 * DAY])
def test_a_clock_that_steps_brings_no_storm_of_backups(desk: Desk, hands: Hands, step: float) -> None:
    days = Days(desk, hands)
    desk.store("first")
    hands.pass_(DAY)
    days.turn()
    hands.wall += step
    for number in range(20):
        desk.store(f"change {number}")
        hands.pass_(scheduler.LOOK_S)
        days.turn()
    assert len(days.names()) <= 2


def test_a_clock_that_was_set_back_does_not_end_the_backups(desk: Desk, hands: Hands) -> None:
    days = Days(desk, hands)
    desk.store("first")
    hands.pass_(30 * DAY)
    days.turn()
    hands.wall -= 20 * DAY
    for number in range(3):
        desk.store(f"change {number}")
        hands.pass_(DAY)
        days.turn()
    assert len(days.names()) == 4


def test_backups_of_a_clock_that_was_ahead_make_room_for_the_new_ones(desk: Desk, hands: Hands) -> None:
    days = Days(desk, hands, backup_keep=1)
    desk.store("first")
    hands.pass_(30 * DAY)
    days.turn()
    hands.wall -= 20 * DAY
    desk.store("second")
    hands.pass_(DAY)
    for _ in range(3):
        days.turn()
        hands.pass_(scheduler.LOOK_S)
    assert days.names() == ["memories-20270126T080000Z-2.db"]


def test_a_scheduled_backup_that_fails_is_tried_again_an_hour_later(
    desk: Desk, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(desk, hands)
    desk.store("first")
    hands.pass_(DAY)
    with monkeypatch.context() as patched:
        patched.setattr("workers.storage.sqlite.backups.backup._RESERVE_BYTES", 1 << 60)
        days.turn()
    days.turn()
    assert days.names() == []
    hands.pass_(scheduler.AGAIN_S)
    days.turn()
    assert len(days.names()) == 1


def test_a_worker_that_ends_gives_up_its_backup_and_leaves_nothing(
    desk: Desk, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.storage.sqlite.backups.backup._STEP_PAGES", 1)
    days = Days(desk, hands)
    desk.store("first")
    hands.pass_(DAY)
    list(days.backup_scheduler.turn(desk.engine.seq, lambda: NOON))
    days.backup_scheduler.close()
    assert len(days.names()) <= 1
    assert not any(name.endswith(".partial") for name in days.names())


def test_who_waits_for_a_backup_that_hangs_is_answered_at_the_deadline(
    desk: Desk, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(backup, "save", lambda *_, **__: hangs.wait(BOUND_S))
    days = Days(desk, hands)
    first, late, early = (job("admin.backup", {}, deadline=deadline) for deadline in (math.inf, math.inf, 0.0))
    for one in (first, late, early):
        days.backup_scheduler.ask(one)
    try:
        ((answered, outcome),) = days.backup_scheduler.turn(1, lambda: NOON)
        assert (answered, type(outcome)) == (early, DeadlineExceededError)
        assert list(days.backup_scheduler.turn(1, lambda: NOON)) == []
        assert days.backup_scheduler.waiting
    finally:
        hangs.set()


def test_a_backup_for_which_there_is_no_thread_fails_and_is_due_again(
    desk: Desk, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    days = Days(desk, hands)
    desk.store("first")
    hands.pass_(DAY)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        days.turn()
        days.backup_scheduler.ask(job("admin.backup", {}))
        ((_, outcome),) = days.backup_scheduler.turn(1, lambda: NOON)
        assert isinstance(outcome, BackupFailedError)
    hands.pass_(scheduler.LOOK_S)
    days.turn()
    assert len(days.names()) == 1


def test_no_backup_is_made_of_a_file_that_took_the_databases_place(desk: Desk, hands: Hands, tmp_path: Path) -> None:
    days = Days(desk, hands)
    desk.store("first")
    hands.pass_(DAY)
    other = Desk(tmp_path / "other.db")
    other.close()
    mine = desk.settings.database.rename(tmp_path / "mine.db")
    (tmp_path / "other.db").rename(desk.settings.database)
    days.turn()
    assert days.names() == []
    mine.rename(desk.settings.database)
