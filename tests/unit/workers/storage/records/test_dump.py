"""Memories as they are, out of one database and into another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError, MemmuxError, NotFoundError
from tests.unit.workers.desk import Desk, frames
from tests.unit.workers.storage.dumps import OLD, dumped, line, statuses
from workers.storage.records import dump


def load(desk: Desk, *memories: object, key: str = "") -> Any:
    return desk.ask("memory.load", {"memories": memories}, key=key)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Desk]:
    """A desk of another, empty database."""
    desk = Desk(tmp_path / "other.db")
    yield desk
    desk.check()
    desk.close()


def fill(desk: Desk) -> None:
    """Every kind of memory."""
    desk.store(
        f" bläh{desk.zero} ", (1, 0), (0, 1), tags=["B", "a"], type="note", metadata={"z": 1.25, "a": [None, True]}
    )
    desk.store("elsewhere", (0.6, 0.8), namespace="other")
    desk.store("without a vector")
    for _ in range(2):
        desk.ask("memory.delete", {"id": desk.store("deleted", (1, 0), tags=["gone"])["id"]})
    memory_id = desk.store("old")["id"]
    desk.ask("memory.rewrite", {"id": memory_id, "content": "new"}, *frames([(0, 1)]))


# dump


def test_a_dump_has_every_memory_in_the_order_of_its_storing(desk: Desk) -> None:
    fill(desk)
    memories = dumped(desk)
    assert [memory["content"] for memory in memories] == [
        f" bläh{desk.zero} ",
        "elsewhere",
        "without a vector",
        "deleted",
        "deleted",
        "new",
    ]
    assert [memory["deleted_at"] is not None for memory in memories] == [False, False, False, True, True, False]
    assert memories[0]["tags"] == ["B", "a"]
    (times,) = desk.sql("SELECT created_at, updated_at FROM memories WHERE content = 'new'")
    assert (memories[5]["created_at"], memories[5]["updated_at"]) == times
    (text,) = memories[0]["vectors"]
    assert (text["model"], text["dimensions"], text["windows"]) == ("tiny", 2, [[0, 1], [1, 2]])
    assert memories[2]["vectors"] == memories[3]["vectors"] == []
    assert "vectors" not in dumped(desk, vectors=False)[0]


def test_pages_follow_each_other_to_the_end(desk: Desk) -> None:
    for number in range(5):
        desk.store(str(number))
    found, after = [], 0
    while after is not None:
        page = desk.ask("memory.dump", {"after": after, "limit": 2})
        found.append([memory["content"] for memory in page["memories"]])
        after = page["next"]
        assert page["last"] == 5
    assert found == [["0", "1"], ["2", "3"], ["4"]]


def test_a_page_is_bounded_in_bytes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "PAGE_BYTES", 1000)
    for letter in "abc":
        desk.store(letter * 600)
    page = desk.ask("memory.dump", {})
    assert (len(page["memories"]), page["next"]) == (2, 2)
    assert len(desk.ask("memory.dump", {"after": 2})["memories"]) == 1


def test_the_names_of_a_memory_count_for_its_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "PAGE_BYTES", 1000)
    for letter in "ab":
        desk.store(letter, aliases=[f"{letter}{number:040}" for number in range(30)])
    assert len(desk.ask("memory.dump", {})["memories"]) == 1


def test_an_empty_database_is_one_empty_page(desk: Desk) -> None:
    assert desk.ask("memory.dump", {}) == {"memories": [], "next": None, "last": 0}


# load


def test_a_dump_that_is_loaded_is_dumped_again_the_same(desk: Desk, other: Desk) -> None:
    fill(desk)
    memories = dumped(desk)
    answer = load(other, *memories)
    assert (answer["created"], answer["skipped"], answer["problems"]) == (6, 0, [])
    assert dumped(other) == memories
    assert other.contents("new", mode="keyword") == ["new"]
    assert other.contents("deleted", mode="keyword") == []
    assert other.contents("x", (0, 1), mode="semantic")[:2] == desk.contents("x", (0, 1), mode="semantic")[:2]
    assert other.writer.facts()["pending"] == desk.writer.facts()["pending"] == 1


def test_how_often_memories_were_of_use_goes_with_them(desk: Desk, other: Desk) -> None:
    fill(desk)
    names = [memory["id"] for memory in dumped(desk)]
    desk.clock.at += 1_000_000
    for used in (names[:3], names[:1]):
        desk.ask("memory.use", {"ids": used})
    memories = dumped(desk)
    assert [memory.get("uses") for memory in memories] == [2, 1, 1, None, None, None]
    assert load(other, *memories)["created"] == 6
    assert dumped(other) == memories
    unused = other.ask("memory.list", {"filter": {"namespace": None}, "unused_since": "2027-01-20T00:00:00Z"})
    assert [memory["id"] for memory in unused["memories"]] == names[5:]
    other.ask("memory.use", {"ids": names[2:3]})
    more = [{**memories[0], "uses": 1, "used_at": 3e9}, {**memories[1], "uses": 7}, *memories[2:]]
    answer = load(other, *more)
    assert (answer["skipped"], answer["seq"]) == (6, 6)
    known = dumped(other)
    assert [memory.get("uses") for memory in known] == [2, 7, 2, None, None, None]
    assert (known[0]["used_at"], known[1]["used_at"]) == (3e9, memories[1]["used_at"])
    without = [{name: value for name, value in memory.items() if name not in ("uses", "used_at")} for memory in known]
    assert load(other, *without)["skipped"] == 6
    assert dumped(other) == known


def test_a_memory_that_becomes_one_with_another_brings_its_uses_once(desk: Desk) -> None:
    kept = desk.store("one")["id"]
    given = line(id=OLD, uses=5, used_at=9.5)
    for status in ("merged", "skipped"):
        assert desk.ask("memory.load", {"memories": [given], "adopt": True})[status] == 1
        assert [(memory["id"], memory["uses"], memory["used_at"]) for memory in dumped(desk)] == [(kept, 5, 9.5)]
    changed = {**given, "id": "x", "content": "two"}
    assert statuses(load(desk, changed, {**changed, "tags": ["y"], "uses": 6})) == [(1, "conflict")]
    assert dumped(desk)[1]["uses"] == 5


@pytest.mark.parametrize("uses", [0, -1, True, 1.5, "1", limits.USES + 1, None])
@pytest.mark.parametrize("used_at", [1.5, None, "1.5"])
def test_uses_are_a_count_and_a_time(desk: Desk, uses: object, used_at: object) -> None:
    if (uses, used_at) != (None, None):
        assert statuses(load(desk, line(uses=uses, used_at=used_at))) == [(0, "broken")]


def test_a_load_without_vectors_leaves_them_to_the_backfill(desk: Desk, other: Desk) -> None:
    fill(desk)
    load(other, *dumped(desk, vectors=False))
    assert other.writer.facts()["pending"] == 4


def test_a_load_that_is_done_again_skips_what_is_there(desk: Desk, other: Desk) -> None:
    fill(desk)
    memories = dumped(desk)
    load(other, *memories[:3])
    assert load(other, *memories)["skipped"] == 3
    answer = load(other, *memories)
    assert (answer["created"], answer["skipped"], answer["seq"]) == (0, 6, 6)
    assert dumped(other) == memories


def test_a_memory_that_is_there_with_another_state_stays(desk: Desk) -> None:
    stored = desk.store("one", tags=["a"])
    before = dumped(desk)
    for change in (
        {"content": "two"},
        {"tags": ["A"]},
        {"updated_at": 9e9},
        {"deleted_at": 9e9},
        {"metadata": {"k": 1}},
    ):
        changed = {**before[0], **change}
        del changed["content_hash"], changed["vectors"]
        answer = load(desk, changed)
        assert statuses(answer) == [(0, "conflict")]
        assert answer["problems"][0]["id"] == stored["id"]
    assert dumped(desk) == before


def test_a_content_that_another_memory_has_is_a_duplicate_which_names_it(desk: Desk) -> None:
    stored = desk.store("one")
    answer = load(desk, line(), line(content="two"), line(namespace="other", id="x"), line(id="y", deleted_at=3))
    assert statuses(answer) == [(0, "duplicate")]
    assert stored["id"] in answer["problems"][0]["message"]
    assert answer["created"] == 3


def test_a_loaded_memory_is_undone_like_a_stored_one(desk: Desk) -> None:
    seq = load(desk, line())["seq"]
    assert desk.ask("memory.history", {"id": OLD})["changes"][0]["did"] == "loaded"
    assert desk.ask("memory.undo", {"seq": seq})["deleted"] is True
    gone = load(desk, line(id="x", content="two", deleted_at=3))["seq"]
    with pytest.raises(ArgumentInvalidError, match="deleted already"):
        desk.ask("memory.undo", {"seq": gone})
    with pytest.raises(NotFoundError):
        desk.ask("memory.get", {"id": "x"})


TEXT = {"model": "tiny", "dimensions": 1, "windows": [[0, 3]], "data": "AACAPw=="}  # of one vector, 1.0


@pytest.mark.parametrize(
    "broken",
    [
        5,
        None,
        [],
        {},
        line(colour="red"),
        line(id=None),
        line(id=5),
        line(id=""),
        line(id="x" * 1000),
        line(content=""),
        line(content=None),
        line(content="x" * (limits.CONTENT_BYTES + 1)),
        line(content_hash="0"),
        line(tags="x"),
        line(tags=[""]),
        line(type=5),
        line(namespace=""),
        line(metadata=[]),
        line(supersedes=5),
        line(created_at=None),
        line(created_at="2026-11-23"),
        line(updated_at=True),
        line(updated_at=1e300),
        line(deleted_at=-1e300),
        line(vectors=5),
        line(vectors=[5]),
        line(vectors=[{}]),
        line(vectors=[TEXT, TEXT]),
        line(vectors=[TEXT], deleted_at=3),
        line(vectors=[{**TEXT, "data": "%%%"}]),
        line(vectors=[{**TEXT, "data": 5}]),
        line(vectors=[{**TEXT, "data": "AAAAAA=="}]),
        line(vectors=[{**TEXT, "data": "AADAfw=="}]),
        line(vectors=[{**TEXT, "dimensions": 2}]),
        line(vectors=[{**TEXT, "model": 5}]),
        line(vectors=[{**TEXT, "windows": []}]),
        line(vectors=[{**TEXT, "windows": [[3, 0]]}]),
        line(vectors=[{**TEXT, "model": "known"}]),
    ],
)
def test_what_is_no_memory_is_reported_and_does_not_stop_the_others(desk: Desk, broken: Any) -> None:
    desk.ask("memory.store", {"content": "of a model"}, *frames([(1, 0)], model="known"))
    good = line(id="good", content="good", vectors=[{**TEXT, "windows": [[0, 4]]}])
    answer = load(desk, broken, good)
    assert (answer["created"], statuses(answer)) == (1, [(0, "broken")])
    assert answer["problems"][0]["message"]
    assert [memory["content"] for memory in dumped(desk)] == ["of a model", "good"]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"{}", b'{"memories": 5}', b'{"memories": []}', b'{"memories": [{}], "x": 1}']
)
def test_a_load_that_is_none_is_refused(desk: Desk, body: bytes) -> None:
    with pytest.raises(MemmuxError) as caught:
        desk.ask("memory.load", body)
    assert caught.value.code != "internal"


def test_a_load_is_bounded(desk: Desk) -> None:
    with pytest.raises(LimitOutOfRangeError):
        load(desk, *[line()] * (limits.DUMP_MEMORIES + 1))
