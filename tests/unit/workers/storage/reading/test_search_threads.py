"""What stands beside a memory counts for it, where that means something, and comes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from memmux.errors import ArgumentInvalidError, LimitOutOfRangeError
from tests.unit.workers.desk import Desk, frames
from workers.storage.reading import thread_follower

DIMENSIONS = 16
TALKS, TURNS = 12, 10
ASKED = 4  # the talk that a question is about


def _directions(seed: int) -> np.ndarray:
    """Return a vector for each turn: those of one talk have something in common."""
    chance = np.random.default_rng(seed)
    found = np.repeat(chance.normal(size=(TALKS, DIMENSIONS)), TURNS, axis=0)
    return found + 0.8 * chance.normal(size=found.shape)


def _fill(desk: Desk, order: Sequence[int], namespace: str = "default", **fields: Any) -> None:
    """Store turns in an order; only turn 5 of each talk has a word that says which it is."""
    directions = _directions(1)
    for number in order:
        talk, turn = divmod(int(number), TURNS)
        word = f"keyword{talk}" if turn == 5 else "yes"
        desk.store(f"{word} turn {talk} {turn}", directions[number].tolist(), namespace=namespace, **fields)


def _asked(desk: Desk, **fields: Any) -> list[dict[str, Any]]:
    """Search for what is said in the middle of a talk, by a vector that is near to nothing there."""
    query = np.zeros(DIMENSIONS)
    query[0] = 1.0
    body = {"query": f"keyword{ASKED}", "why": True, "limit": 200, **fields}
    hits: list[dict[str, Any]] = desk.ask("memory.search", body, *frames([query.tolist()]))["hits"]
    return hits


def _rank(hits: Sequence[dict[str, Any]], turn: int) -> int:
    return [hit["memory"]["content"].endswith(f"turn {ASKED} {turn}") for hit in hits].index(True)


IN_ORDER = range(TALKS * TURNS)
SHUFFLED = np.random.default_rng(7).permutation(TALKS * TURNS).tolist()


def test_turns_around_one_that_has_the_word_are_found(desk: Desk) -> None:
    _fill(desk, IN_ORDER)
    hits, without = _asked(desk), _asked(desk, context_weight=0)
    assert _rank(hits, 5) == _rank(without, 5) == 0
    for beside in (4, 6):
        assert _rank(hits, beside) <= 4
    assert sum(_rank(hits, turn) for turn in (4, 6)) < sum(_rank(without, turn) for turn in (4, 6))
    assert all(not {"neighbours", "thread"} & hit["why"].keys() for hit in without)


def test_the_parts_add_up_and_are_in_bounds(desk: Desk) -> None:
    _fill(desk, IN_ORDER)
    hits = _asked(desk)
    assert any("neighbours" in hit["why"] and "thread" in hit["why"] for hit in hits)
    for hit in hits:
        assert sum(hit["why"].values()) == pytest.approx(hit["score"])
        assert -1e-9 <= hit["score"] <= 1
    lent = next(hit for hit in hits if hit["memory"]["content"].endswith(f"turn {ASKED} 4"))
    assert "words" not in lent["why"], "it has none of its own"


def test_what_is_in_no_order_has_no_neighbours(desk: Desk) -> None:
    _fill(desk, SHUFFLED)
    assert _asked(desk) == _asked(desk, context_weight=0)


@pytest.mark.slow
def test_named_threads_and_runs_are_gated_by_themselves(desk: Desk) -> None:
    _fill(desk, SHUFFLED)
    directions = _directions(1)
    for number in IN_ORDER:
        talk, turn = divmod(number, TURNS)
        desk.store(f"named {talk} {turn}", directions[number].tolist(), thread=f"talk {talk}")
    gained = {hit["memory"]["thread"] is None for hit in _asked(desk) if "keyword" in hit["memory"]["content"]}
    assert gained == {True}
    beside = desk.questions._search._threads._gates._looked
    assert [looked.open for (_, _, kind), looked in sorted(beside.items())] == [False, True]


def test_a_superseded_memory_beyond_the_last_one_in_a_thread_is_no_obstacle(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_follower, "_ROOM", 1)
    _fill(desk, IN_ORDER)
    old = desk.store(f"keyword{ASKED} of old")["id"]
    newer = desk.ask("memory.rewrite", {"id": old, "content": "newer", "versioned": True})
    desk.ask("memory.delete", {"id": newer["id"]})
    hits = _asked(desk)
    assert any("neighbours" in hit["why"] for hit in hits)
    assert old not in {hit["memory"]["id"] for hit in hits}


def test_namespaces_are_gated_by_themselves(desk: Desk) -> None:
    for number in range(3):
        _fill(desk, SHUFFLED if number == 1 else IN_ORDER, namespace=f"n{number}")
    assert len(_asked(desk, filter={"namespace": None})) == 200
    beside = desk.questions._search._threads._gates._looked
    assert [looked.open for _, looked in sorted(beside.items())] == [True, False, True]


def test_the_deleted_and_the_superseded_are_no_neighbours(desk: Desk) -> None:
    _fill(desk, IN_ORDER)
    hit = next(hit for hit in _asked(desk) if hit["memory"]["content"].endswith(f"turn {ASKED} 5"))
    desk.ask("memory.delete", {"id": hit["memory"]["id"]})
    around = _asked(desk, context=1)
    four = next(hit for hit in around if hit["memory"]["content"].endswith(f"turn {ASKED} 4"))
    assert [one["content"] for one in four["after"]] == [f"yes turn {ASKED} 6"]
    old = four["after"][0]["id"]
    desk.ask("memory.rewrite", {"id": old, "content": "another one", "versioned": True})
    four = next(hit for hit in _asked(desk, context=1) if hit["memory"]["content"].endswith(f"turn {ASKED} 4"))
    assert four["after"][0]["content"].endswith(f"turn {ASKED} 7")


@pytest.mark.slow
def test_other_namespaces_change_nothing(desk: Desk) -> None:
    _fill(desk, IN_ORDER)
    before = _asked(desk, context=2)
    _fill(desk, SHUFFLED, namespace="other", thread="talk 1")
    assert _asked(desk, context=2) == before
    mine = {hit["memory"]["namespace"] for hit in before}
    beside = {one["namespace"] for hit in before for side in ("before", "after") for one in hit.get(side, ())}
    assert mine | beside == {"default"}


def test_a_thread_of_the_same_name_is_another_one_elsewhere(desk: Desk) -> None:
    for namespace in ("one", "two", "one"):
        number = desk.engine.seq
        desk.store(f"apple {number}", namespace=namespace, thread="talk")
    (first, *_) = desk.ask(
        "memory.match", {"query": "apple", "mode": "keyword", "context": 5, "filter": {"namespace": "one"}}
    )["hits"]
    told = [one["content"] for side in ("before", "after") for one in first.get(side, ())]
    assert len(told) == 1
    assert "apple 1" not in told


def test_a_hit_comes_with_what_is_around_it(desk: Desk) -> None:
    words = ("", "apple", "banana", "cherry", "date", "elder")
    for place in (3, 1, 2, 4, 5):
        desk.store(words[place], thread="talk", place=place)
    for mode in ("keyword", "exact"):
        body = {"query": "cherry", "mode": mode, "context": 2}
        (hit,) = desk.ask("memory.match", body)["hits"]
        assert [one["content"] for one in hit["before"]] == ["apple", "banana"]
        assert [one["content"] for one in hit["after"]] == ["date", "elder"]
    (hit,) = desk.ask("memory.match", {"query": "cherry", "mode": "keyword"})["hits"]
    assert not {"before", "after"} & hit.keys()


def test_a_filter_decides_on_hits_and_not_on_what_is_around_them(desk: Desk) -> None:
    _fill(desk, IN_ORDER)
    marked = [hit["memory"]["id"] for hit in _asked(desk) if hit["memory"]["content"].endswith(f"turn {ASKED} 4")]
    desk.ask("memory.update", {"id": marked[0], "tags": ["marked"]})
    (hit,) = _asked(desk, filter={"tags": ["marked"]}, context=1)
    assert hit["memory"]["id"] == marked[0]
    assert hit["after"][0]["content"].startswith(f"keyword{ASKED}")


def test_a_neighbour_of_what_is_relevant_is_relevant(desk: Desk) -> None:
    _fill(desk, IN_ORDER)
    desk.sql("UPDATE models SET name = 'all-MiniLM-L6-v2'")
    query = np.zeros(DIMENSIONS)
    query[0] = 1.0
    body = {"query": f"keyword{ASKED} zebra", "limit": 200, "only_relevant": True}
    hits = desk.ask("memory.search", body, *frames([query.tolist()], model="all-MiniLM-L6-v2"))["hits"]
    found = {hit["memory"]["content"] for hit in hits}
    assert {f"yes turn {ASKED} 4", f"yes turn {ASKED} 6"} <= found


@pytest.mark.parametrize("context", [-1, 21, 1.5, "1"])
def test_a_context_is_a_small_number(desk: Desk, context: object) -> None:
    with pytest.raises(LimitOutOfRangeError, match="context"):
        desk.ask("memory.search", {"query": "x", "context": context})


@pytest.mark.parametrize("weight", [-0.1, 1.1, "1", None])
def test_a_weight_is_a_part(desk: Desk, weight: object) -> None:
    with pytest.raises(ArgumentInvalidError, match="context_weight"):
        desk.ask("memory.search", {"query": "x", "context_weight": weight})
