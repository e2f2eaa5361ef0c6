"""Canaries: the router's own memories go through the real transaction and the real index, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import orjson
import pytest

from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.wire.canary import NAMESPACE, CanaryMemory
from memmux.wire.ids import uuid7
from tests.unit.workers.desk import Clock, Desk, frames, job
from workers.index.segment import MANIFEST, VERSION, Manifest, place
from workers.runtime.jobs import Answer
from workers.storage.checking.check import check
from workers.storage.writing import canaries, upkeep
from workers.storage.writing.upkeep import Upkeep

VECTOR = (1.0, 0.0)
HOUR = canaries.KEPT_S


class Still(Clock):
    """A clock that stands still."""

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Still:
    return Still()


@pytest.fixture
def desk(tmp_path: Path, clock: Still) -> Iterator[Desk]:
    desk = Desk(tmp_path / "memories.db")
    desk.engine._upkeep = Upkeep(desk.engine._connection, desk.settings.database, desk.clock, clock)
    yield desk
    desk.check()
    desk.close()
    assert check(desk.settings.database, deep=True) == []


def _stored(desk: Desk) -> CanaryMemory:
    canary_memory = CanaryMemory.of(uuid7(), "a test")
    desk.ask("canary.store", canary_memory.store_body(), *frames([VECTOR]))
    return canary_memory


def _fly(desk: Desk) -> None:
    """Let one fly there and back."""
    canary_memory = _stored(desk)
    assert canary_memory.is_in(orjson.dumps(desk.ask("canary.search", canary_memory.search_body(), *frames([VECTOR]))))
    assert canary_memory.is_in(orjson.dumps(desk.ask("canary.get", canary_memory.named_body())))
    desk.ask("canary.remove", canary_memory.named_body(), key=uuid7())
    with pytest.raises(NotFoundError):
        desk.ask("canary.get", canary_memory.named_body())


def _hours_later(desk: Desk, clock: Still) -> None:
    """Let two hours pass, and the writer do its upkeep."""
    desk.clock.at += 2 * HOUR
    clock.at += 2 * HOUR
    desk.writer.idle()


def test_one_flies_there_and_back_and_nothing_of_it_is_left_but_lines(desk: Desk) -> None:
    _fly(desk)
    assert desk.sql("SELECT count(*) FROM memories") == [(0,)]
    assert desk.sql("SELECT count(*) FROM vectors") == [(0,)]
    lines = desk.sql("SELECT operation, before FROM changes ORDER BY seq")
    assert [operation for operation, _ in lines] == ["canary.store", "canary.remove", "canary.remove"]
    assert "canary" not in str([before for _, before in lines]).replace(NAMESPACE, "")


def test_while_it_is_there_it_is_in_no_list_search_dump_or_count(desk: Desk) -> None:
    desk.store("u", VECTOR)  # as many characters as its vector stands for
    canary_memory = _stored(desk)
    assert desk.ask("memory.list", {"filter": {"namespace": None}})["total"] == 1
    for mode in ("semantic", "hybrid", "keyword", "exact"):
        assert desk.contents(canary_memory.word, VECTOR, mode=mode, namespace=None) in ([], ["u"])
    assert desk.contents(canary_memory.word, VECTOR, mode="semantic", namespace=None, tags=["none"]) == []
    assert [memory["content"] for memory in desk.ask("memory.dump", {})["memories"]] == ["u"]
    assert desk.writer.facts()["memories"] == 1
    desk.ask("canary.remove", canary_memory.named_body())


def test_nobody_else_can_store_where_it_is(desk: Desk) -> None:
    with pytest.raises(ArgumentInvalidError, match=NAMESPACE):
        desk.store("mine", namespace=NAMESPACE)
    line = {"id": "1", "content": "mine", "namespace": NAMESPACE, "created_at": 1.0, "updated_at": 1.0}
    loaded = desk.ask("memory.load", {"memories": [line]})
    assert loaded["problems"][0]["status"] == "broken"
    desk.store("so that the log is not empty")


def test_its_lines_are_forgotten_after_an_hour_and_those_of_others_are_not(desk: Desk, clock: Still) -> None:
    desk.store("before")
    for _ in range(3):
        _fly(desk)
    desk.store("after")
    desk.writer.idle()
    assert len(desk.sql("SELECT seq FROM changes")) == 11
    _hours_later(desk, clock)
    assert desk.sql("SELECT seq FROM changes ORDER BY seq") == [(1,), (11,)]
    assert desk.contents("after", mode="keyword") == ["after"]
    _fly(desk)
    assert desk.engine.seq == 14
    _hours_later(desk, clock)
    assert desk.sql("SELECT seq FROM changes ORDER BY seq") == [(1,), (11,), (14,)]  # the newest stays


def test_the_check_still_misses_a_line_of_anybody_else(tmp_path: Path, clock: Still) -> None:
    desk = Desk(tmp_path / "memories.db")
    desk.engine._upkeep = Upkeep(desk.engine._connection, desk.settings.database, desk.clock, clock)
    stored = desk.store("one")
    desk.ask("memory.update", {"id": stored["id"], "type": "note"})
    _fly(desk)
    desk.store("two")
    _hours_later(desk, clock)
    assert check(desk.settings.database, deep=False) == []
    desk.sql("DELETE FROM changes WHERE seq = 2")  # the memory still has its first line
    assert [finding.code for finding in check(desk.settings.database, deep=False)] == ["changes_missing"]
    desk.close()


def test_a_line_by_which_a_segment_knows_its_log_stays(desk: Desk, clock: Still) -> None:
    _fly(desk)
    known = desk.engine.seq - 1
    desk.store("after")
    manifest = Manifest(
        version=VERSION, model=1, dimensions=2, namespace="default", seq=known, change="", vectors=1, breadth=1
    )
    path = place(desk.settings.database, manifest)
    path.mkdir(parents=True)
    (path / MANIFEST).write_bytes(orjson.dumps(asdict(manifest)))
    _hours_later(desk, clock)
    assert desk.sql("SELECT seq FROM changes ORDER BY seq") == [(known,), (desk.engine.seq,)]


def test_one_whose_removal_failed_is_removed_later(desk: Desk, clock: Still) -> None:
    _stored(desk)
    desk.store("after")
    _hours_later(desk, clock)
    assert desk.sql("SELECT content FROM memories") == [("after",)]
    assert check(desk.settings.database, deep=True) == []


def test_a_young_one_is_left_alone(desk: Desk, clock: Still) -> None:
    _fly(desk)
    desk.store("after")
    clock.at += upkeep.PRUNE_EVERY_S
    desk.writer.idle()
    assert len(desk.sql("SELECT seq FROM changes")) == 4


def test_it_is_no_change_that_is_worth_a_backup(tmp_path: Path) -> None:
    for number in (1, 2):  # the second time it is found in the log
        desk = Desk(tmp_path / "memories.db")
        if number == 1:
            desk.store("worth it")
            _fly(desk)
        assert (desk.engine.changed, desk.engine.seq) == (1, 4)
        assert desk.engine.passing == (3 if number == 1 else 0)
        if number == 2:
            desk.store("again")
            assert desk.engine.changed == desk.engine.seq == 5
        desk.close()


@pytest.mark.slow
def test_many_of_them_take_no_room_in_the_table_of_vectors(desk: Desk) -> None:
    canary_memories = [
        CanaryMemory.of(uuid7(), "a test") for _ in range(1_100)
    ]  # more than a chunk of vec0 has room for
    blobs = frames([VECTOR])
    outcomes = desk.write(
        *chain.from_iterable(
            (job("canary.store", canary_memory.store_body(), *blobs), job("canary.remove", canary_memory.named_body()))
            for canary_memory in canary_memories
        )
    )
    assert all(isinstance(outcome, Answer) for _, outcome in outcomes)
    assert desk.sql("SELECT count(*) FROM vec_1_chunks") in ([(0,)], [(1,)])
