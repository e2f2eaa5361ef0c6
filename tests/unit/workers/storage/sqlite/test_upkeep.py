from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from memmux.errors import NotFoundError
from tests.unit.workers.desk import Clock, Desk
from workers.storage.sqlite import upkeep
from workers.storage.sqlite.upkeep import Upkeep


class Pausable(Clock):
    """A clock that stands still."""

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Pausable:
    return Pausable()


@pytest.fixture
def desk(tmp_path: Path, clock: Pausable) -> Iterator[Desk]:
    desk = Desk(tmp_path / "memories.db")
    desk.engine._upkeep = Upkeep(desk.engine._connection, desk.settings.database, desk.clock, clock)
    yield desk
    desk.check()
    desk.close()


def test_idempotency_keys_are_forgotten_after_a_day(desk: Desk, clock: Pausable) -> None:
    desk.store("old", key="old")
    desk.clock.at += upkeep.ANSWERS_S
    desk.store("new", key="new")
    desk.writer.idle()
    assert len(desk.sql("SELECT key FROM idempotency")) == 2  # not due yet
    clock.at += upkeep.ANSWERS_S + upkeep.PRUNE_EVERY_S
    desk.writer.idle()
    assert desk.sql("SELECT key FROM idempotency") == [("new",)]


@pytest.mark.parametrize("busy", [False, True])
def test_more_keys_than_one_turn_forgets_are_forgotten_by_the_next_ones_idle_or_busy(
    desk: Desk, clock: Pausable, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    monkeypatch.setattr(upkeep, "_PIECE", 2)
    for number in range(5):
        desk.store(str(number), key=f"old {number}")
    desk.clock.at += upkeep.ANSWERS_S
    clock.at += upkeep.ANSWERS_S + upkeep.PRUNE_EVERY_S
    for left in (3, 1, 0):
        if busy:
            desk.store("again")
        else:
            desk.writer.idle()
        assert desk.sql("SELECT count(*) FROM idempotency") == [(left,)]


def test_what_fails_beside_a_write_that_is_done_is_logged(desk: Desk, clock: Pausable) -> None:
    desk.store("old", key="old")
    desk.clock.at += upkeep.ANSWERS_S
    clock.at += upkeep.ANSWERS_S + upkeep.PRUNE_EVERY_S
    desk.sql("CREATE TEMP TRIGGER full BEFORE DELETE ON main.idempotency BEGIN SELECT RAISE(ABORT, 'no'); END")
    with structlog.testing.capture_logs() as logs:
        assert desk.store("new")["status"] == "created"
    assert [(entry["event"], entry["code"]) for entry in logs] == [("upkeep_failed", "schema_wrong")]


def test_deleted_memories_are_purged_after_their_retention(desk: Desk, clock: Pausable) -> None:
    ids = [desk.store(content, tags=[content])["id"] for content in ("old", "new", "live")]
    desk.ask("memory.delete", {"id": ids[0]})
    desk.clock.at += upkeep.DELETED_S
    desk.ask("memory.delete", {"id": ids[1]})
    clock.at += upkeep.DELETED_S + upkeep.PURGE_EVERY_S
    desk.writer.idle()
    assert desk.sql("SELECT content FROM memories ORDER BY row") == [("new",), ("live",)]
    assert desk.sql("SELECT name FROM tags ORDER BY name") == [("live",), ("new",)]
    assert desk.contents("live", mode="keyword") == ["live"]


def test_a_purged_memorys_row_is_never_used_again(desk: Desk, clock: Pausable) -> None:
    memory_id = desk.store("old", (1, 0))["id"]
    assert desk.contents("x", (1, 0), mode="semantic") == ["old"]
    desk.ask("memory.delete", {"id": memory_id})
    desk.clock.at += upkeep.DELETED_S + 10
    clock.at += upkeep.DELETED_S + upkeep.PURGE_EVERY_S
    desk.writer.idle()
    assert desk.sql("SELECT count(*) FROM memories") == [(0,)]
    desk.store("new", (0, 1))
    assert desk.sql("SELECT row FROM memories") == [(2,)]
    assert desk.contents("x", (1, 0), mode="semantic") == ["new"]
    with pytest.raises(NotFoundError):
        desk.ask("memory.get", {"id": memory_id})


def test_an_idle_writer_copies_its_log_into_the_database(desk: Desk) -> None:
    desk.store("one")
    desk.writer.idle()
    (blocked, in_log, copied) = desk.sql("PRAGMA wal_checkpoint(NOOP)")[0]
    assert (blocked, copied) == (0, in_log)
    assert in_log > 0


def test_a_large_log_is_emptied(desk: Desk) -> None:
    for number in range(6):
        desk.store(str(number) + "x" * 1_000_000)
    assert desk.writer.facts()["wal_bytes"] > upkeep.TRUNCATE_BYTES
    desk.writer.idle()
    assert desk.writer.facts()["wal_bytes"] == 0


def test_a_reader_in_the_way_puts_emptying_off(desk: Desk) -> None:
    desk.store("one")
    with desk.questions.snapshot(math.inf, lambda: None):
        for number in range(6):
            desk.store(str(number) + "x" * 1_000_000)
        desk.writer.idle()
        assert desk.writer.facts()["wal_bytes"] > 0
    desk.writer.idle()
    assert desk.writer.facts()["wal_bytes"] == 0


def test_what_a_reader_kept_from_being_copied_is_copied_later(desk: Desk) -> None:
    desk.store("one")
    with desk.questions.snapshot(math.inf, lambda: None):
        desk.store("two")
        desk.writer.idle()
        (_, in_log, copied) = desk.sql("PRAGMA wal_checkpoint(NOOP)")[0]
        assert copied < in_log
    desk.writer.idle()
    (_, in_log, copied) = desk.sql("PRAGMA wal_checkpoint(NOOP)")[0]
    assert copied == in_log


def test_what_fails_is_logged_and_tried_again(desk: Desk, clock: Pausable) -> None:
    desk.store("one", key="k")
    desk.clock.at += upkeep.ANSWERS_S * 2
    clock.at += upkeep.ANSWERS_S * 2
    desk.sql("PRAGMA query_only = 1")
    with structlog.testing.capture_logs() as logs:
        desk.writer.idle()
    desk.sql("PRAGMA query_only = 0")
    assert [(entry["event"], entry["code"]) for entry in logs] == [("upkeep_failed", "storage_permission")]
    clock.at += upkeep.PRUNE_EVERY_S
    desk.writer.idle()
    assert desk.sql("SELECT key FROM idempotency") == []


def test_a_closed_database_is_one_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db")
    desk.store("one")
    desk.close()
    assert [path.name for path in tmp_path.iterdir()] == ["memories.db"]
