"""Vectors that were brought along: some are made again and compared, and then all are trusted, or none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import structlog

from tests.unit.workers.desk import Desk, frames, waiting
from tests.unit.workers.storage.dumps import adopt, line, vector
from workers.storage.records import audits as db_audits

RIGHT, WRONG = (0.6, 0.8), (0.8, -0.6)


def memories(count: int, *, first: int = 0, made: tuple[float, float] = RIGHT, model: str = "tiny") -> list[Any]:
    found = []
    for number in range(first, first + count):
        content = f"memory {number}"
        found.append(line(id=f"m{number}", content=content, vectors=[vector(content, *made, model=model)]))
    return found


def turn(desk: Desk, made: tuple[float, float] = RIGHT, **asked: Any) -> tuple[list[str], Any]:
    """Let the router's request go round once; return the contents that were embedded and the writer's answer."""
    body, texts = waiting(desk, limit=32)
    found = [memory["content"] for memory in orjson.loads(texts)["memories"]]
    return found, desk.ask("vectors.backfill", {**body, **asked}, texts, *frames(*[[made]] * len(found)))


def degraded(desk: Desk, mode: str = "semantic") -> tuple[str, ...]:
    return desk.answer("memory.search", {"query": "memory", "mode": mode}, *frames([RIGHT])).degraded


def unaudited(desk: Desk) -> Any:
    return desk.writer.facts()["unaudited"]


@pytest.mark.parametrize("mode", ["semantic", "hybrid", "ranked"])
def test_until_they_are_verified_searches_by_meaning_find_by_them_and_say_so(desk: Desk, mode: str) -> None:
    assert degraded(desk, mode) == ()
    adopt(desk, *memories(3))
    assert unaudited(desk) == 1
    assert degraded(desk, mode) == ("vectors_unverified",)
    assert len(desk.contents("x", RIGHT, mode="semantic")) == 3
    assert degraded(desk, "keyword") == degraded(desk, "exact") == ()
    turn(desk)
    assert degraded(desk, mode) == ()


def test_vectors_that_are_the_models_stay(desk: Desk) -> None:
    adopt(desk, *memories(20))
    before = desk.sql("SELECT id, embedding FROM vectors ORDER BY id")
    with structlog.testing.capture_logs() as logs:
        found, _ = turn(desk)
    assert len(found) == len(set(found)) == db_audits.SAMPLE
    assert desk.sql("SELECT id, embedding FROM vectors ORDER BY id") == before
    assert (unaudited(desk), desk.writer.facts()["pending"], desk.writer.facts()["seq"]) == (0, 0, 20)
    (log,) = logs
    assert (log["event"], log["memories"], log["compared"], log["dropped"]) == ("vectors_verified", 20, 8, 0)


@pytest.mark.parametrize(("short", "dropped"), [(RIGHT, 1), (WRONG, 3)], ids=["same", "another model's"])
def test_a_text_that_was_one_window_and_is_several_says_nothing_of_the_others(
    desk: Desk, short: tuple[float, float], dropped: int
) -> None:
    adopt(desk, *memories(2, made=short), *memories(1, first=2))
    body, texts = waiting(desk, limit=32)
    ids = [memory["id"] for memory in orjson.loads(texts)["memories"]]
    with structlog.testing.capture_logs() as logs:
        desk.ask("vectors.backfill", body, texts, *frames(*[[WRONG, RIGHT] if one == "m2" else [RIGHT] for one in ids]))
    (log,) = logs
    assert (log["event"] == "vectors_verified", log["compared"], log["dropped"]) == (dropped == 1, 3, dropped)
    assert desk.writer.facts()["pending"] == dropped


def test_vectors_that_are_not_go_and_the_models_own_follow(desk: Desk) -> None:
    adopt(desk, *memories(20, made=WRONG))
    desk.store("of our own", RIGHT)
    with structlog.testing.capture_logs() as logs:
        turn(desk)
    (log,) = logs
    assert (log["event"], log["memories"], log["dropped"]) == ("vectors_rejected", 20, 20)
    assert unaudited(desk) == 0
    assert desk.writer.facts()["pending"] == 20
    assert desk.contents("x", RIGHT, mode="semantic") == ["of our own"]  # the readers know at once
    assert degraded(desk) == ("indexing",)
    found, answer = turn(desk)
    assert (len(found), answer) == (20, {"stored": 20, "gone": 0, "pending": 0, "dropped": 0})
    assert len(desk.contents("x", RIGHT, mode="semantic", limit=30)) == 21
    history = desk.ask("memory.history", {"id": "m0"})["changes"]
    assert [change["did"] for change in history] == [
        "got vectors",
        "lost vectors that were brought along",
        "loaded",
    ]


def test_one_that_differs_is_enough(desk: Desk) -> None:
    lines = memories(8)
    lines[5] = memories(1, first=5, made=WRONG)[0]
    adopt(desk, *lines)
    turn(desk)
    assert desk.writer.facts()["pending"] == 8


def test_nearly_the_same_is_the_same(desk: Desk) -> None:
    adopt(desk, *memories(3))
    turn(desk, (0.6001, 0.7999))
    assert (unaudited(desk), desk.writer.facts()["pending"]) == (0, 0)


def test_the_longest_is_compared_and_the_others_are_from_everywhere(desk: Desk) -> None:
    lines = memories(100)
    content = "the longest of them all"
    lines[41] = line(id="long", content=content, vectors=[vector(content, *RIGHT)])
    adopt(desk, *lines)
    found, _ = turn(desk)
    assert found[0] == content
    places = [int(name.split()[1]) for name in found[1:]]
    assert places == sorted(places)
    assert max(later - earlier for earlier, later in zip([0, *places], [*places, 99], strict=True)) <= 16


def test_an_audit_has_a_bounded_part_and_each_stands_for_itself(desk: Desk) -> None:
    adopt(desk, *memories(db_audits.MEMORIES), *memories(60, first=db_audits.MEMORIES, made=WRONG))
    assert unaudited(desk) == 2
    turn(desk)
    assert (unaudited(desk), desk.writer.facts()["pending"]) == (1, 0)
    assert degraded(desk) == ("vectors_unverified",)
    turn(desk)
    assert (unaudited(desk), desk.writer.facts()["pending"]) == (0, 60)


def test_memories_without_vectors_between_them_do_not_take_an_audit_apart(desk: Desk) -> None:
    lines = memories(10)
    for number in (2, 5):
        lines[number] = line(id=f"deleted{number}", content="gone", deleted_at=3)
    del lines[7]["vectors"]
    adopt(desk, *lines)
    assert unaudited(desk) == 1
    turn(desk, WRONG)
    assert desk.writer.facts()["pending"] == 8


def test_memories_that_were_verified_are_not_judged_with_later_ones(desk: Desk) -> None:
    adopt(desk, *memories(3))
    turn(desk)
    adopt(desk, *memories(3), *memories(3, first=3, made=WRONG))
    turn(desk)
    assert desk.writer.facts()["pending"] == 3
    assert len(desk.contents("x", RIGHT, mode="semantic")) == 3


def test_what_got_vectors_of_ours_since_is_none_of_the_audits_business(desk: Desk) -> None:
    adopt(desk, *memories(3, made=WRONG))
    desk.ask("memory.rewrite", {"id": "m1", "content": "ours"}, *frames([RIGHT]))
    found, _ = turn(desk)
    assert found == ["memory 0", "memory 2"]
    assert desk.contents("x", RIGHT, mode="semantic") == ["ours"]


def test_an_audit_whose_memories_are_all_gone_ends(desk: Desk) -> None:
    adopt(desk, *memories(2, made=WRONG))
    for number in range(2):
        desk.ask("memory.delete", {"id": f"m{number}"})
    assert unaudited(desk) == 1
    assert turn(desk)[0] == []
    assert unaudited(desk) == 0


def test_what_changed_while_it_was_embedded_is_for_the_next_turn(desk: Desk) -> None:
    adopt(desk, *memories(1, made=WRONG))
    body, texts = waiting(desk)
    adopt(desk, line(id="m0", content="other", vectors=[vector("other", *WRONG)]))
    desk.ask("vectors.backfill", body, texts, *frames([RIGHT]))
    assert unaudited(desk) == 2
    assert turn(desk)[0] == ["other"]


def test_a_text_that_does_not_fit_into_one_window_gets_all_of_them(desk: Desk) -> None:
    lines = memories(3)
    for name, size in (("long", 60), ("longest", 90)):
        content = name * size
        lines.append(line(id=name, content=content, vectors=[vector(content, *RIGHT)]))
    adopt(desk, *lines)
    body, texts = waiting(desk)
    sample = orjson.loads(texts)
    assert sample["memories"][0]["id"] == "longest"
    sample["memories"] = sample["memories"][:1]
    made = frames([RIGHT, WRONG])  # it has two windows, of which the first is the same
    desk.ask("vectors.backfill", {**body, "max_tokens": 64}, orjson.dumps(sample), *made)
    assert (unaudited(desk), desk.writer.facts()["pending"]) == (0, 2)
    assert turn(desk)[0] == ["long" * 60, "longest" * 90]


def test_a_text_that_turned_out_to_fit_keeps_its_vector(desk: Desk) -> None:
    content = "long " * 60
    adopt(desk, line(id="long", content=content, vectors=[vector(content, *RIGHT)]))
    turn(desk, max_tokens=64)
    assert (unaudited(desk), desk.writer.facts()["pending"]) == (0, 0)


def test_another_models_vectors_are_made_anew_without_an_audit(desk: Desk) -> None:
    adopt(desk, *memories(2, model="other"))
    found, answer = turn(desk)
    assert (len(found), answer) == (2, {"stored": 2, "gone": 0, "pending": 0, "dropped": 2})
    assert (unaudited(desk), desk.sql("SELECT name FROM models")) == (0, [("tiny",)])


def test_a_plain_load_is_trusted(desk: Desk) -> None:
    desk.ask("memory.load", {"memories": memories(2)})
    assert unaudited(desk) == 0
    assert degraded(desk) == ()


def test_vectors_that_were_verified_stay_when_only_tags_change_there(desk: Desk) -> None:
    adopt(desk, *memories(2, made=WRONG))
    turn(desk)
    turn(desk)
    adopt(desk, *[{**memory, "tags": ["x"]} for memory in memories(2, made=WRONG)])
    assert (unaudited(desk), desk.writer.facts()["pending"]) == (0, 0)
    assert desk.search("x", RIGHT, mode="semantic")["hits"][0]["score"] == pytest.approx(1)
