"""Group commit, idempotency, and what happens when the database says no."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import orjson
import pytest
import structlog

from memmux.errors import (
    ContentEmptyError,
    KeyConflictError,
    MemmuxError,
    SchemaWrongError,
    StorageBusyError,
    StorageFullError,
)
from tests.unit.workers.desk import Desk, frames, job
from workers.runtime.jobs import Answer, Outcome
from workers.storage.sqlite import engine
from workers.storage.sqlite import writer as writing


def store(content: str, **fields: str) -> object:
    return job("memory.store", {"content": content}, **fields)


def body(outcome: Outcome) -> dict[str, object]:
    assert isinstance(outcome[1], Answer)
    found: dict[str, object] = orjson.loads(outcome[1].frames[0])
    return found


def contents(desk: Desk) -> list[str]:
    return [content for (content,) in desk.sql("SELECT content FROM memories ORDER BY row")]


def test_jobs_that_wait_share_one_commit(desk: Desk) -> None:
    commits = []
    desk.engine._raw.set_commit_hook(lambda: bool(commits.append(1)))
    outcomes = desk.write(*[store(f"memory {number}") for number in range(20)])
    desk.engine._raw.set_commit_hook(None)
    assert len(commits) == 1
    assert [body(outcome)["seq"] for outcome in outcomes] == list(range(1, 21))


def test_a_writer_is_heard_of_while_it_writes_many_rows_of_one_job(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BEAT_S", 0.0)
    memories = [{"content": f"memory {number}"} for number in range(20)]
    beats: list[None] = []
    ((_, outcome),) = desk.engine.apply([job("memory.store_batch", {"memories": memories})], lambda: beats.append(None))
    assert isinstance(outcome, Answer)
    assert len(beats) >= len(memories)


def test_nothing_is_answered_before_it_is_durable(desk: Desk) -> None:
    for _, outcome in desk.writer.handle([store("one"), store("two")], lambda: None):
        assert isinstance(outcome, Answer)
        with closing(engine.open_reader(desk.settings.database)) as other:
            assert other.execute("SELECT count(*) FROM memories").get == 2


def test_a_job_that_fails_fails_alone(desk: Desk) -> None:
    first, second, third = desk.write(store("one"), store(" "), store("three"))
    assert isinstance(second[1], ContentEmptyError)
    assert body(first)["status"] == body(third)["status"] == "created"
    assert contents(desk) == ["one", "three"]


def test_a_batch_of_memories_is_kept_whole_or_not_at_all(desk: Desk) -> None:
    # The second vector has other dimensions than the model, which shows only when the first is stored already.
    batch = {"memories": [{"content": "one"}, {"content": "two"}]}
    desk.store("known", (1, 0))
    with pytest.raises(MemmuxError):
        desk.ask("memory.store_batch", batch, *frames([(1, 0, 0)], [(0, 1, 0)]))
    assert contents(desk) == ["known"]
    stored = desk.ask("memory.store_batch", batch, *frames([(1, 0)], [(0, 1)]))["stored"]
    assert [memory["status"] for memory in stored] == ["created", "created"]
    assert [memory["indexed"] for memory in stored] == [True, True]


def test_a_first_vector_that_is_undone_leaves_no_model_behind(desk: Desk) -> None:
    # The memory is a duplicate of none, its vector makes the model, and then the log can't be written.
    desk.sql("CREATE TEMP TRIGGER full BEFORE INSERT ON main.changes BEGIN SELECT RAISE(ABORT, 'x'); END")
    with pytest.raises(SchemaWrongError, match="memmux check"):
        desk.store("one", (1, 0))
    desk.ask("memory.use", {"ids": ["one"]}, key="k")  # which needs no line there: the writer goes on
    desk.sql("DROP TRIGGER temp.full")
    assert desk.sql("SELECT name FROM models") == []
    assert desk.store("one", (1, 0))["indexed"] is True


def test_a_commit_that_fails_acknowledges_nothing(desk: Desk) -> None:
    def fail() -> bool:
        raise apsw.FullError("database or disk is full")

    desk.store("before")
    desk.engine._raw.set_commit_hook(fail)
    outcomes = desk.write(store("one"), store("two", key="k"))
    desk.engine._raw.set_commit_hook(None)
    assert [type(outcome) for _, outcome in outcomes] == [StorageFullError] * 2
    assert contents(desk) == ["before"]
    assert desk.writer.facts()["seq"] == 1
    assert body(desk.write(store("two", key="k"))[0])["status"] == "created"


def test_on_a_full_disk_only_what_was_kept_is_acknowledged(desk: Desk) -> None:
    (pages,) = desk.sql("PRAGMA page_count")[0]
    desk.sql(f"PRAGMA max_page_count = {pages + 20}")
    outcomes = desk.write(*[store(str(number) + "x" * 20_000) for number in range(20)])
    desk.sql("PRAGMA max_page_count = 1000000")
    kept = [orjson.loads(asked.frames[0])["content"] for asked, outcome in outcomes if isinstance(outcome, Answer)]
    refused = [outcome for _, outcome in outcomes if not isinstance(outcome, Answer)]
    assert refused
    assert all(isinstance(outcome, StorageFullError) for outcome in refused)
    assert contents(desk) == kept


def test_while_another_program_holds_the_lock_writes_are_told_to_come_back(desk: Desk) -> None:
    with closing(engine.connect(desk.settings.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        desk.engine._raw.set_busy_timeout(0)
        ((_, outcome),) = desk.write(store("one"))
        assert isinstance(outcome, StorageBusyError)
        assert outcome.retryable
    assert body(desk.write(store("one"))[0])["status"] == "created"


def test_a_write_sent_twice_is_applied_once_and_answered_the_same(desk: Desk) -> None:
    with structlog.testing.capture_logs() as logs:
        first, second = (desk.answer("memory.store", {"content": "one"}, key="k") for _ in range(2))
    assert first == second
    assert body((None, second))["status"] == "created"  # type: ignore[arg-type]  # only the outcome is looked at
    assert contents(desk) == ["one"]
    assert [entry["event"] for entry in logs] == ["write_deduplicated"]


def test_a_write_sent_twice_at_once_is_applied_once(desk: Desk) -> None:
    first, second = desk.write(store("one", key="k"), store("one", key="k"))
    assert body(first) == body(second)
    assert desk.writer.facts()["seq"] == 1


def test_the_vector_is_no_part_of_what_makes_a_write_the_same(desk: Desk) -> None:
    first = desk.store("one", key="k")
    assert desk.store("one", (1, 0), key="k") == first


@pytest.mark.parametrize(
    ("operation", "asked"), [("memory.store", {"content": "two"}), ("memory.delete", {"content": "one"})]
)
def test_a_key_used_for_another_request_is_refused(desk: Desk, operation: str, asked: dict[str, str]) -> None:
    desk.store("one", key="k")
    with pytest.raises(KeyConflictError):
        desk.ask(operation, asked, key="k")


def test_the_key_of_a_write_that_failed_is_free(desk: Desk) -> None:
    with pytest.raises(ContentEmptyError):
        desk.store("", key="k")
    assert desk.store("one", key="k")["status"] == "created"


def test_a_crash_after_the_commit_forgets_neither_the_write_nor_its_key(desk: Desk, tmp_path: Path) -> None:
    first = desk.store("one", (1, 0), key="k")
    # What a kill -9 would leave: the files as they are, with nothing copied out of the log.
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{desk.settings.database}{suffix}", crashed / f"memories.db{suffix}")
    again = Desk(crashed / "memories.db")
    assert again.store("one", (1, 0), key="k") == first
    assert again.writer.facts()["seq"] == 1
    assert again.contents("one", (1, 0)) == ["one"]
    again.check()
    again.close()


def test_a_crash_before_the_commit_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.store("one")
    copied: list[Path] = []

    def copy() -> bool:
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        copied.extend(
            shutil.copy(f"{desk.settings.database}{suffix}", crashed / f"memories.db{suffix}")
            for suffix in ("", "-wal")
        )
        return False

    desk.engine._raw.set_commit_hook(copy)
    desk.store("two", key="k")
    desk.engine._raw.set_commit_hook(None)
    again = Desk(copied[0])
    assert contents(again) == ["one"]
    assert again.store("two", key="k")["status"] == "created"
    again.check()
    again.close()


def test_facts_are_those_of_the_last_commit(desk: Desk) -> None:
    assert desk.writer.facts() == {
        "seq": 0,
        "memories": 0,
        "pending": 0,
        "unaudited": 0,
        "model": None,
        "dimensions": None,
        "source": "",
        "unneeded": 0,
        "switch": {},
        "vectors": 0,
        "wal_bytes": 0,
        "building": False,
        "indexed": 0,
        "backups": 0,
        "backup_at": None,
    }
    desk.store("one")
    desk.store("two", (1, 0))
    memory_id = desk.store("three", (1, 0))["id"]
    desk.ask("memory.delete", {"id": memory_id})
    facts = desk.writer.facts()
    assert facts.pop("wal_bytes")
    assert facts == {
        "seq": 4,
        "memories": 2,
        "pending": 1,
        "unaudited": 0,
        "model": "tiny",
        "dimensions": 2,
        "source": "",
        "unneeded": 0,
        "switch": {},
        "vectors": 1,
        "building": False,
        "indexed": 0,
        "backups": 0,
        "backup_at": None,
    }


def test_facts_can_be_asked_while_a_statement_runs(desk: Desk) -> None:
    seen = []
    desk.engine._raw.set_progress_handler(desk.engine._working, 1)
    list(desk.writer.handle([store("one")], lambda: seen.append(desk.writer.facts()["seq"])))
    assert set(seen) == {0}
    assert desk.writer.facts()["seq"] == 1
