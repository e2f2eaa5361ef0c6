"""A change of the model: the old one serves until the new one is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.unit.workers.desk import Desk, frames, job, waiting
from workers.runtime.jobs import Answer

OLD = "tiny"


NEW = "new"


THIRD = "third"


def _turn(desk: Desk, model: str, count: int, beside: str = OLD) -> Any:
    """Give so many memories, which are there, vectors of another model, of three dimensions."""
    asked, texts = waiting(desk, model, limit=count, dimensions=3)
    made = frames(*[[(1, 0, 0)]] * len(orjson.loads(texts)["memories"]), model=model)
    return desk.ask("vectors.backfill", {**asked, "beside": beside, "source": f"/models/{model}"}, texts, *made)


def _state(desk: Desk) -> tuple[Any, ...]:
    facts = desk.writer.facts()
    return facts["model"], facts["pending"], facts["unneeded"], facts["switch"].get("to"), facts["switch"].get("done")


@pytest.fixture
def changing(desk: Desk) -> Desk:
    """A database of three memories, the first of which has vectors of another model, too."""
    for content in ("one", "two", "three"):
        desk.store(content, (1, 0))
    _turn(desk, NEW, 1)
    return desk


def test_the_old_model_serves_until_the_new_one_has_as_many_memories(changing: Desk) -> None:
    assert _state(changing) == (OLD, 0, 0, NEW, 1)
    both = (*frames([(0, 1, 0)], model=NEW), *frames([(0, 1)]))
    assert changing.ask("memory.store", {"content": "four"}, *both)["indexed"]
    assert _state(changing) == (OLD, 0, 0, NEW, 2)
    found = changing.ask("memory.search", {"query": "x", "mode": "semantic"}, *both)
    assert found["hits"][0]["memory"]["content"] == "four"
    changing.check()
    assert _turn(changing, NEW, 9) == {"stored": 2, "gone": 0, "pending": 0, "dropped": 4}
    assert _state(changing) == (NEW, 0, 0, None, None)
    found = changing.ask("memory.search", {"query": "x", "mode": "semantic"}, *both)
    assert found["hits"][0]["memory"]["content"] == "four"
    kept = {key: str(value) for key, value in changing.sql("SELECT key, value FROM meta WHERE key LIKE '%model%'")}
    assert kept == {"model": "2", "source_of_model_2": "/models/new"}
    changing.check()


def test_what_nobody_needs_any_more_goes_a_piece_at_a_time(changing: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.storage.writing.changes._DROPPED", 2)
    for dropped, left in ((2, [1, 3]), (1, [3]), (0, [3])):
        assert _turn(changing, NEW, 9, beside="")["dropped"] == dropped
        assert [count for (count,) in changing.sql("SELECT vectors FROM models ORDER BY id")] == left
        changing.check()


def test_a_memory_that_is_purged_meanwhile_leaves_no_vector_of_either_model(changing: Desk) -> None:
    (purged,) = changing.sql("SELECT id FROM memories WHERE content = 'one'")[0]
    changing.ask("memory.delete", {"id": purged})
    changing.ask("memory.purge", {"id": purged})
    assert changing.sql("SELECT name, vectors FROM models") == [(OLD, 2), (NEW, 0)]
    changing.check()


@pytest.mark.parametrize("back", [OLD, THIRD])
def test_half_way_another_model_may_be_wanted(changing: Desk, back: str) -> None:
    if back == OLD:
        asked, texts = waiting(changing, OLD)
        changing.ask("vectors.backfill", asked, texts, *frames())
    else:
        _turn(changing, THIRD, 1)
        assert _state(changing) == (OLD, 0, 0, THIRD, 1)
        _turn(changing, THIRD, 9)
    assert _state(changing)[:4] == (back, 0, 0, None) or changing.writer.facts()["unneeded"] == 1
    while changing.writer.facts()["unneeded"]:
        asked, texts = waiting(changing, back, dimensions=2 if back == OLD else 3)
        changing.ask("vectors.backfill", asked, texts, *frames(model=back) if back == OLD else _none(back))
    assert changing.sql("SELECT name, memories FROM models") == [(back, 3)]
    changing.check()


def _none(model: str) -> tuple[bytes, bytes]:
    return orjson.dumps({"model": model, "dimensions": 3, "windows": []}), b""


def test_without_the_old_model_there_is_nothing_to_wait_for(desk: Desk) -> None:
    for content in ("one", "two", "three"):
        desk.store(content, (1, 0))
    _turn(desk, NEW, 1, beside="")
    assert _state(desk) == (NEW, 2, 1, None, None)  # the old vectors stay for who wants to go back
    asked, texts = waiting(desk, OLD)
    desk.ask("vectors.backfill", asked, texts, *frames())
    assert _state(desk)[:2] == (OLD, 0)


def test_how_long_it_takes_is_told_once_that_is_known(changing: Desk) -> None:
    assert "left_s" not in changing.writer.facts()["switch"]
    _turn(changing, NEW, 1)
    assert changing.writer.facts()["switch"].items() >= {"to": NEW, "done": 2, "of": 3}.items()
    assert changing.writer.facts()["switch"]["left_s"] >= 0


def test_vectors_that_nobody_searches_yet_are_no_change_for_those_who_follow_the_log(changing: Desk) -> None:
    before = changing.writer.facts()["seq"]
    _turn(changing, NEW, 1)
    assert changing.writer.facts()["seq"] == before
    _turn(changing, NEW, 9)
    changing.ask("memory.rewrite", {"id": changing.store("four")["id"], "content": "five"})
    assert changing.writer.facts()["pending"] == 1
    asked = changing.writer.facts()["seq"]
    assert _turn(changing, NEW, 9)["stored"] == 1
    assert changing.writer.facts()["seq"] == asked + 1


def test_a_repair_half_way_leaves_the_change_as_it_is(desk: Desk) -> None:
    for content in "abc":
        desk.store(content, (1, 0))
    _turn(desk, NEW, 1)
    ((_, outcome),) = desk.write(job("admin.rebuild", {}))
    assert isinstance(outcome, Answer)
    assert _state(desk) == (OLD, 0, 0, NEW, 1)
    desk.check()
    assert _turn(desk, NEW, 9)["pending"] == 0


def test_a_dump_half_way_can_be_loaded_where_the_change_then_goes_on(changing: Desk, tmp_path: Path) -> None:
    lines = changing.ask("memory.dump", {"after": 0, "limit": 10, "vectors": True})["memories"]
    other = Desk(tmp_path / "other.db")
    assert other.ask("memory.load", {"memories": lines})["created"] == 3
    assert (_state(other)[:3], other.sql("SELECT name, memories FROM models")) == ((OLD, 0, 1), [(OLD, 3), (NEW, 1)])
    assert _turn(other, NEW, 9)["stored"] == 2
    assert _state(other) == (NEW, 0, 0, None, None)
    other.check()
    other.close()
