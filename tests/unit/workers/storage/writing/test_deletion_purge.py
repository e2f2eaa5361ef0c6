"""Memories that are removed for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.files import copies
from tests.unit.workers.desk import Clock, Desk, job
from workers.runtime.jobs import Answer, Job
from workers.storage.sqlite import upkeep
from workers.storage.sqlite.backups import backup
from workers.storage.sqlite.backups.folder import BackupFolder
from workers.storage.sqlite.upkeep import Upkeep
from workers.storage.writing import deletion

WORDS = "xyzzy plugh"


def purged(desk: Desk, **asked: Any) -> Any:
    return desk.ask("memory.purge", asked)


def told(desk: Desk, memory_id: str, **fields: Any) -> list[str]:
    return [change["did"] for change in desk.ask("memory.history", {"id": memory_id, **fields})["changes"]]


def told_of(desk: Desk, asked: Job) -> Any:
    """Return the body of the answer to a write."""
    ((_, outcome),) = desk.write(asked)
    assert isinstance(outcome, Answer)
    return orjson.loads(outcome.frames[0])


class _Noting:
    """A pattern that finds nothing, and notes where it was looked for."""

    def __init__(self, looked: list[Any]) -> None:
        self._looked = looked

    def findall(self, text: Any) -> list[Any]:
        self._looked.append(text)
        return []


def secret(desk: Desk) -> Any:
    """A memory whose every state held the secret, deleted."""
    stored = desk.store(WORDS, (1, 0), tags=["t"], metadata={"k": WORDS})
    desk.ask("memory.update", {"id": stored["id"], "type": "note"})
    desk.ask("memory.delete", {"id": stored["id"]})
    return stored


@pytest.mark.sqlite_only("looks into the file")
def test_a_purged_memory_is_nowhere_in_the_file(desk: Desk) -> None:
    stored = secret(desk)
    desk.writer.idle()
    assert WORDS.encode() in desk.settings.database.read_bytes()
    assert purged(desk, id=stored["id"]) == {"purged": 1, "remaining": 0, "seq": 4, "copies": []}
    desk.engine._upkeep.finish()  # empties the log into the file
    assert WORDS.encode() not in desk.settings.database.read_bytes()
    assert desk.sql("SELECT count(*) FROM memories") == [(0,)]
    assert desk.sql("SELECT count(*) FROM memory_tags") == [(0,)]


def test_the_history_of_a_purged_memory_keeps_its_lines_without_contents(desk: Desk) -> None:
    stored = secret(desk)
    purged(desk, id=stored["id"])
    assert told(desk, stored["id"]) == ["purged", "deleted", "changed", "stored"]
    assert all(change["before"] is None for change in desk.ask("memory.history", {"id": stored["id"]})["changes"])
    with pytest.raises(NotFoundError):
        told(desk, stored["id"], namespace="other")


def test_nothing_of_a_purged_memory_is_undone(desk: Desk) -> None:
    stored = secret(desk)
    purged(desk, id=stored["id"])
    for seq in (3, 4):
        with pytest.raises(NotFoundError, match="purged"):
            desk.ask("memory.undo", {"seq": seq})


def test_a_live_memory_is_not_purged(desk: Desk) -> None:
    stored = desk.store("one")
    for name in (stored["id"], stored["content_hash"]):
        with pytest.raises(ArgumentInvalidError, match="delete it first"):
            purged(desk, id=name)
    assert purged(desk, before="2999-01-01") == {"purged": 0, "remaining": 0, "seq": 1, "copies": []}
    assert desk.ask("memory.get", {"id": stored["id"]})


def test_a_content_hash_purges_every_deleted_memory_with_it(desk: Desk) -> None:
    for _ in range(2):
        stored = secret(desk)
    live = desk.store(WORDS)
    assert purged(desk, id=stored["content_hash"])["purged"] == 2
    assert desk.sql("SELECT id FROM memories") == [(live["id"],)]


@pytest.mark.sqlite_only("is about copies of the file")
def test_copies_that_may_still_hold_it_are_named_and_older_ones_are_not(desk: Desk, tmp_path: Path) -> None:
    database, folder = desk.settings.database, BackupFolder.of(desk.settings)
    desk.store("before")
    earlier = backup.save(database, folder, now=lambda: 1.0)
    stored = secret(desk)
    later = backup.save(database, folder, now=lambda: 2.0)
    exports = [tmp_path / name for name in ("earlier.jsonl", "later.jsonl", "gone.jsonl")]
    for export, at in zip(exports, (1.0, desk.clock(), desk.clock()), strict=True):
        export.touch()
        copies.note(database, export, at)
    exports[2].unlink()
    kept = database.with_name("memories.db.before-restore-x")
    kept.touch()
    assert purged(desk, id=stored["id"])["copies"] == [later.path, str(kept), str(exports[1])]
    assert Path(earlier.path).exists()


def test_a_purge_keeps_to_its_namespace(desk: Desk) -> None:
    stored = desk.store("one", namespace="other")
    desk.ask("memory.delete", {"id": stored["id"], "namespace": "other"})
    with pytest.raises(NotFoundError):
        purged(desk, id=stored["id"])
    assert purged(desk, before="2999-01-01")["purged"] == 0
    assert purged(desk, before="2999-01-01", namespace="other")["purged"] == 1


def test_a_time_purges_what_was_deleted_before_it_a_bounded_part_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "MOST", 2)
    for number in range(4):
        desk.ask("memory.delete", {"id": desk.store(str(number))["id"]})
    (last,) = desk.sql("SELECT max(deleted_at) FROM memories")[0]
    assert purged(desk, before=str(last))["remaining"] == 1
    assert purged(desk, before=str(last))["remaining"] == 0
    assert desk.sql("SELECT content FROM memories") == [("3",)]


def test_a_purge_that_is_sent_twice_is_done_once(desk: Desk) -> None:
    stored = secret(desk)
    first = desk.ask("memory.purge", {"id": stored["id"]}, key="k")
    assert desk.ask("memory.purge", {"id": stored["id"]}, key="k") == first


@pytest.mark.parametrize("piece", [1, 2, 1000])
def test_the_answers_that_name_it_are_found_among_however_many(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(deletion, "_ANSWERS", piece)
    stores = [
        job("memory.store", {"content": f"c{number}", "aliases": [f"a{number}"]}, key=str(number))
        for number in range(5)
    ]
    again = [job("memory.store", {"content": f"c{number}"}, key=f"again {number}") for number in range(5)]
    kept = [told_of(desk, one) for one in (*stores, *again)]
    ids = [one["id"] for one in kept]
    for number in (0, 3):
        desk.ask("memory.delete", {"id": ids[number]}, key=f"delete {number}")
    assert purged(desk, before="2999-01-01")["purged"] == 2
    for before, one in zip(kept, (*stores, *again), strict=True):
        then = told_of(desk, one)
        if before["id"] in (ids[0], ids[3]):
            assert "aliases" not in then
            assert then["content_hash"] == ""
        else:
            assert then == before
    assert desk.ask("memory.delete", {"id": ids[0]}, key="delete 0")["content_hash"] == ""


def test_answers_from_long_after_its_last_change_are_not_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    monkeypatch.setattr(deletion, "_UUID", _Noting(looked))
    stored = desk.store("gone", key="near")
    desk.ask("memory.delete", {"id": stored["id"]})
    desk.clock.at += 2 * 24 * 3600
    desk.store("another", key="far")
    purged(desk, id=stored["id"])
    assert len(looked) == 1
    assert stored["id"].encode() in looked[0]


# of their own accord


class Pausable(Clock):
    """A clock that stands still."""

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Pausable:
    return Pausable()


@pytest.fixture
def kept(tmp_path: Path, clock: Pausable) -> Iterator[Desk]:
    """A desk where deleted memories are kept for an hour."""
    desk = Desk(tmp_path / "memories.db")
    connection, database = desk.engine._connection, desk.settings.database
    desk.engine._upkeep = Upkeep(connection, database, desk.clock, clock, retention_s=3600)
    yield desk
    desk.check()
    desk.close()


def advance(desk: Desk, clock: Pausable, seconds: float) -> None:
    desk.clock.at += seconds
    clock.at += seconds


def test_retention_purges_with_the_history_and_logs_it(kept: Desk, clock: Pausable) -> None:
    stored = secret(kept)
    advance(kept, clock, upkeep.PURGE_FIRST_S)
    kept.writer.idle()
    assert told(kept, stored["id"])[0] == "deleted"
    advance(kept, clock, 3600 + upkeep.PURGE_EVERY_S)
    with structlog.testing.capture_logs() as logs:
        kept.writer.idle()
    assert ("memories_purged", 1) in [(entry["event"], entry.get("memories")) for entry in logs]
    assert told(kept, stored["id"]) == ["purged", "deleted", "changed", "stored"]
    assert kept.sql("SELECT client FROM changes ORDER BY seq DESC LIMIT 1") == [(deletion.UPKEEP,)]
    assert kept.writer.facts()["seq"] == 4


def test_a_turn_of_upkeep_purges_a_bounded_part_and_the_next_one_goes_on(
    kept: Desk, clock: Pausable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "EXPIRED", 2)
    for number in range(3):
        kept.ask("memory.delete", {"id": kept.store(str(number))["id"]})
    advance(kept, clock, 3600 + upkeep.PURGE_EVERY_S)
    for left in (1, 0):
        kept.writer.idle()
        assert kept.sql("SELECT count(*) FROM memories") == [(left,)]


def as_many_as_a_turn_takes(desk: Desk, clock: Pausable, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have one turn purge all it may, where one more memory has expired; return the id of that."""
    monkeypatch.setattr(deletion, "EXPIRED", 2)
    for number in range(2):
        desk.ask("memory.delete", {"id": desk.store(f"{WORDS} {number}")["id"]})
    last = desk.store("ordinary")["id"]
    desk.ask("memory.delete", {"id": last})
    advance(desk, clock, 3600 + upkeep.PURGE_EVERY_S)
    desk.writer.idle()
    assert desk.sql("SELECT content FROM memories") == [("ordinary",)]
    return str(last)


def traces(desk: Desk) -> list[str]:
    """Return the words that the closed file holds."""
    return [word for word in WORDS.split() if word.encode() in desk.settings.database.read_bytes()]


def test_a_turn_that_purges_as_much_as_it_may_leaves_no_word_when_it_was_the_last(
    kept: Desk, clock: Pausable, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = as_many_as_a_turn_takes(kept, clock, monkeypatch)
    kept.ask("memory.undo", {"seq": 6})
    assert kept.ask("memory.get", {"id": last})
    kept.writer.idle()
    assert traces(kept) == []


@pytest.mark.parametrize("retention_s", [3600, 0])
def test_words_that_a_stop_left_between_two_turns_are_gone_with_the_next_writer(
    kept: Desk, clock: Pausable, monkeypatch: pytest.MonkeyPatch, retention_s: float
) -> None:
    last = as_many_as_a_turn_takes(kept, clock, monkeypatch)
    kept.ask("memory.undo", {"seq": 6})
    kept.engine._upkeep.finish()
    assert traces(kept)
    kept.engine._upkeep = Upkeep(
        kept.engine._connection, kept.settings.database, kept.clock, clock, retention_s=retention_s
    )
    advance(kept, clock, upkeep.PURGE_FIRST_S)
    kept.writer.idle()
    assert traces(kept) == []
    assert kept.ask("memory.get", {"id": last})


def test_without_a_retention_nothing_is_ever_purged(kept: Desk, clock: Pausable) -> None:
    kept.engine._upkeep._retention_s = 0
    secret(kept)
    advance(kept, clock, 1e9)
    kept.writer.idle()
    assert kept.sql("SELECT count(*) FROM memories") == [(1,)]


def test_a_clock_that_is_set_forward_makes_nothing_older(kept: Desk, clock: Pausable) -> None:
    secret(kept)
    kept.store("new", key="k")
    kept.clock.at += 1e9
    clock.at += upkeep.PURGE_EVERY_S
    kept.writer.idle()
    assert kept.sql("SELECT count(*) FROM memories") == [(2,)]
    assert kept.sql("SELECT count(*) FROM idempotency") == [(1,)]


def test_a_purge_by_upkeep_leaves_no_transaction_open_when_it_fails(kept: Desk, clock: Pausable) -> None:
    secret(kept)
    advance(kept, clock, 3600 + upkeep.PURGE_EVERY_S)
    kept.sql("CREATE TEMP TRIGGER full BEFORE DELETE ON main.memories BEGIN SELECT RAISE(ABORT, 'no'); END")
    with structlog.testing.capture_logs() as logs:
        kept.writer.idle()
    assert ("upkeep_failed", "schema_wrong") in [(entry["event"], entry.get("code")) for entry in logs]
    kept.sql("DROP TRIGGER full")
    assert told(kept, kept.store("next")["id"]) == ["stored"]
    assert kept.write(job("memory.purge", {"before": "2999-01-01"}))[0]
