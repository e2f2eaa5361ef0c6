"""What a search may be asked for beside its filter: pages, a least score, all namespaces, and newness and use."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError
from tests.unit.workers.desk import Desk, frames
from workers.storage.reading import ranking

MODES = ["semantic", "keyword", "hybrid", "ranked", "exact"]
DAY_S = 86_400


def ask(desk: Desk, mode: str, *, filters: Any = (), **fields: Any) -> list[tuple[str, float]]:
    body = {"query": "word", "mode": mode, "filter": dict(filters), **fields}
    answer = desk.ask("memory.search", body, *frames([(1, 0)]))
    assert answer["mode"] == mode
    return [(hit["memory"]["content"], hit["score"]) for hit in answer["hits"]]


def fill(desk: Desk, count: int) -> None:
    for number in range(count):
        cosine = 1 - number / (2 * count)
        desk.store("word " * (1 + number % 3) + str(number), (cosine, (1 - cosine**2) ** 0.5))


@pytest.mark.parametrize("mode", MODES)
def test_pages_of_a_search_are_the_whole_of_it(desk: Desk, mode: str) -> None:
    desk.questions._search._fusion._now = lambda: desk.clock.at
    fill(desk, 12)
    whole = ask(desk, mode, limit=12)
    assert len(whole) == 12
    pages = [hit for offset in (0, 5, 10) for hit in ask(desk, mode, limit=5, offset=offset)]
    assert pages == whole
    assert ask(desk, mode, offset=12) == []


def test_deep_pages_follow_each_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "CANDIDATES", 2)
    monkeypatch.setattr(ranking, "CANDIDATES_PER_HIT", 2)
    fill(desk, 20)
    assert len(ask(desk, "hybrid", limit=1, offset=15)) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_least_score_leaves_out_what_is_below(desk: Desk, mode: str) -> None:
    desk.questions._search._fusion._now = lambda: desk.clock.at
    fill(desk, 8)
    whole = ask(desk, mode)
    for least in {score for _, score in whole}:
        assert ask(desk, mode, min_score=least) == [hit for hit in whole if hit[1] >= least]
    assert ask(desk, mode, min_score=1.01) == []
    assert ask(desk, mode, min_score=-1) == whole


@pytest.mark.parametrize("most_vectors", [0, 200_000])
@pytest.mark.parametrize("mode", MODES)
def test_all_namespaces_are_searched_as_one(tmp_path: Any, mode: str, most_vectors: int) -> None:
    desk = Desk(tmp_path / "memories.db", most_vectors=most_vectors)
    desk.questions._search._fusion._now = lambda: desk.clock.at
    for number, namespace in enumerate(("default", "other", "third", "other")):
        desk.store(f"word {number}", (1 - number / 10, (1 - (1 - number / 10) ** 2) ** 0.5), namespace=namespace)
    everywhere = {"namespace": None}
    found = ask(desk, mode, filters=everywhere)
    assert {content for content, _ in found} == {f"word {number}" for number in range(4)}
    assert len(ask(desk, mode)) == 1
    assert [content for content, _ in ask(desk, mode, filters={**everywhere, "before": "1970-01-01"})] == []
    if mode in ("semantic", "hybrid"):
        assert [content for content, _ in found] == [f"word {number}" for number in range(4)]
    assert desk.ask("memory.list", {"filter": everywhere})["total"] == 4
    desk.close()


def test_newer_memories_and_those_of_use_are_ranked_before_their_equals(desk: Desk) -> None:
    now = desk.clock.at
    ids = {}
    for name, days in (("new", 0), ("used", 30), ("old", 30), ("ancient", 3000)):
        ids[name] = desk.store(f"word {name}", (1, 0))["id"]
        desk.sql("UPDATE memories SET created_at = ? WHERE id = ?", now - days * DAY_S, ids[name])
    assert desk.ask("memory.use", {"ids": [ids["used"], ids["used"], "unknown"]}) == {"count": 1}
    desk.questions._search._fusion._now = lambda: now
    found = dict(ask(desk, "ranked"))
    hybrid = 0.7 * dict(ask(desk, "hybrid"))["word old"]
    assert found["word new"] == pytest.approx(hybrid + 0.2)
    assert found["word used"] == pytest.approx(hybrid + 0.1 + 0.1)
    assert found["word old"] == pytest.approx(hybrid + 0.1)
    assert found["word ancient"] == pytest.approx(hybrid, abs=1e-6)
    assert all(0 <= score <= 1 for score in found.values())


def test_a_list_may_be_of_what_was_of_no_use_for_a_while(desk: Desk) -> None:
    now = desk.clock.at
    ids = {name: desk.store(f"word {name}", (1, 0))["id"] for name in ("new", "used", "old", "opened", "unread")}
    for name in ids.keys() - {"new"}:
        desk.sql("UPDATE memories SET created_at = ? WHERE id = ?", now - 90 * DAY_S, ids[name])
    assert desk.ask("memory.use", {"ids": [ids["used"], ids["old"]]}) == {"count": 2}
    at = "UPDATE uses SET last_at = ? WHERE row = (SELECT row FROM memories WHERE id = ?)"
    desk.sql(at, now - 60 * DAY_S, ids["old"])
    origin = "INSERT INTO origins SELECT row, ? FROM memories WHERE id = ?"
    desk.sql(origin, json.dumps({"last_accessed": now - 2 * DAY_S}), ids["opened"])
    desk.sql(origin, json.dumps({"last_accessed": "no time"}), ids["unread"])

    def unused(days: int, **filters: Any) -> set[str]:
        since = datetime.fromtimestamp(now - days * DAY_S, UTC).isoformat()
        page = desk.ask("memory.list", {"limit": 1, "unused_since": since, "filter": filters})
        whole = desk.ask("memory.list", {"unused_since": since, "filter": filters})["memories"]
        assert page["total"] == len(whole)
        return {memory["content"].removeprefix("word ") for memory in whole}

    assert unused(30) == {"old", "unread"}
    assert unused(1) == {"old", "unread", "opened"}
    assert unused(80) == {"unread"}
    assert unused(30, after=datetime.fromtimestamp(now - DAY_S, UTC).isoformat()) == set()


def test_uses_are_counted_and_are_in_no_log(desk: Desk) -> None:
    stored = desk.store("one")
    deleted = desk.store("deleted")
    desk.ask("memory.delete", {"id": deleted["id"]})
    for _ in range(3):
        assert desk.ask("memory.use", {"ids": [stored["id"], deleted["id"]]}) == {"count": 1}
    assert desk.sql("SELECT count, last_at FROM uses") == [(3, desk.clock.at)]
    assert desk.writer.facts()["seq"] == 3


def test_ranked_makes_do_with_words_where_there_is_no_meaning(desk: Desk) -> None:
    desk.store("word")
    assert desk.search("word", mode="ranked")["mode"] == "keyword"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"offset": -1}, LimitOutOfRangeError),
        ({"offset": 1 << 40}, LimitOutOfRangeError),
        ({"min_score": "high"}, ArgumentInvalidError),
        ({"min_score": True}, ArgumentInvalidError),
        ({"filters": {"include_superseded": 1}}, ArgumentInvalidError),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(desk, "semantic", **fields)


@pytest.mark.sqlite_only("asks for SQLite's plan")
def test_a_plain_search_looks_for_superseded_memories_in_an_index_alone(desk: Desk) -> None:
    query = "SELECT EXISTS (SELECT 1 FROM memories WHERE superseded_by IS NOT NULL AND deleted_at IS NULL)"
    plan = [step for *_, step in desk.sql(f"EXPLAIN QUERY PLAN {query}")]
    assert any("memories_superseded" in step for step in plan), plan
