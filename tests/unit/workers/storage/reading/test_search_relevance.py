"""Relevance: the cosine beside the score, a floor on it, and nonsense that finds nothing."""

from __future__ import annotations

from typing import Any

import pytest

from memmux.errors import ArgumentInvalidError
from tests.unit.workers.desk import Desk, frames
from workers.storage.reading import ranking, search
from workers.storage.reading.ranking import Near

QUERY = (1.0, 0.0)
NEAR = 0.3


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the floor of the tests' model be measured."""
    monkeypatch.setattr(ranking, "NEAR", {"tiny": Near(NEAR, 0.0)})


def _at(cosine: float) -> tuple[float, float]:
    return cosine, (1 - cosine**2) ** 0.5


def _ask(desk: Desk, query: str, mode: str = "hybrid", **fields: Any) -> dict[str, float | None]:
    answer = desk.ask("memory.search", {"query": query, "mode": mode, **fields}, *frames([QUERY]))
    return {hit["memory"]["content"]: hit["similarity"] for hit in answer["hits"]}


@pytest.fixture
def filled(desk: Desk) -> Desk:
    desk.store("the red boat", _at(0.9))
    desk.store("the blue boat", _at(0.5))
    desk.store("a green house", _at(0.1))
    desk.store("a boat without a vector")
    return desk


@pytest.mark.parametrize(("mode", "floor"), [("hybrid", None), ("ranked", None), ("keyword", -1), ("exact", -1)])
def test_a_hit_has_its_cosine_beside_its_score(filled: Desk, mode: str, floor: float | None) -> None:
    found = _ask(filled, "boat", mode, min_similarity=floor)
    assert found["the red boat"] == pytest.approx(0.9, abs=1e-6)
    assert found["the blue boat"] == pytest.approx(0.5, abs=1e-6)
    assert found["a boat without a vector"] is None


def test_by_meaning_the_score_is_the_cosine(filled: Desk) -> None:
    answer = filled.search("boat", QUERY, mode="semantic")
    assert [hit["similarity"] for hit in answer["hits"]] == [hit["score"] for hit in answer["hits"]]


@pytest.mark.parametrize("mode", ["keyword", "exact"])
def test_by_words_alone_there_is_no_cosine(filled: Desk, mode: str) -> None:
    hits = filled.ask("memory.match", {"query": "boat", "mode": mode})["hits"]
    assert [hit["similarity"] for hit in hits] == [None, None, None]
    assert set(_ask(filled, "boat", mode).values()) == {None}


@pytest.mark.parametrize("mode", ["semantic", "hybrid", "ranked", "keyword", "exact"])
def test_a_floor_on_the_cosine_leaves_out_what_is_below_in_every_mode(filled: Desk, mode: str) -> None:
    found = _ask(filled, "boat", mode, min_similarity=0.6)
    unknown = set() if mode == "semantic" else {"a boat without a vector"}
    assert set(found) == {"the red boat"} | unknown
    assert set(_ask(filled, "boat", mode, min_similarity=1)) == unknown


@pytest.mark.parametrize("mode", ["keyword", "exact"])
def test_what_a_floor_leaves_out_takes_no_place(desk: Desk, mode: str) -> None:
    desk.store("boat", _at(0.9))
    for number in range(5):
        desk.store(f"boat {number}", _at(0.1))
    assert set(_ask(desk, "boat", mode, limit=1, min_similarity=0.6)) == {"boat"}


@pytest.mark.parametrize("wrong", [1.5, -2, "x", True])
def test_a_floor_is_a_cosine(filled: Desk, wrong: object) -> None:
    with pytest.raises(ArgumentInvalidError, match="min_similarity"):
        _ask(filled, "boat", min_similarity=wrong)


@pytest.mark.parametrize("mode", ["hybrid", "ranked"])
@pytest.mark.parametrize("answer", [("near, by other words", 0.05), ("far, with boats and harbours in it", -0.05)])
def test_where_one_is_near_or_has_the_words_all_is_found_but_what_has_neither(
    desk: Desk, mode: str, answer: tuple[str, float]
) -> None:
    desk.store(answer[0], _at(NEAR + answer[1]))
    desk.store("not so far", _at(0.6 * NEAR))
    desk.store("far, with one boat", _at(0.3 * NEAR))
    desk.store("far", _at(0.3 * NEAR))
    query = "the boat in the harbour of lisbon"
    assert set(_ask(desk, query, mode, only_relevant=True)) == {answer[0], "not so far", "far, with one boat"}
    assert len(_ask(desk, query, mode)) == 4


@pytest.mark.parametrize("mode", ["hybrid", "ranked"])
def test_where_none_is_near_nor_has_the_words_nothing_is_found(desk: Desk, mode: str) -> None:
    desk.store("far, with one boat", _at(NEAR - 0.05))
    desk.store("far, and of the in", _at(NEAR - 0.05))
    assert _ask(desk, "the boat in the harbour of lisbon", mode, only_relevant=True) == {}
    assert _ask(desk, "the of and in", mode, only_relevant=True) == {}


def test_of_more_memories_the_nearest_has_to_be_nearer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "NEAR", {"tiny": Near(0.085, 0.1)})
    for number in range(9):
        desk.store(f"memory {number}", _at(0.1))
    desk.store("the nearest", _at(0.29))
    assert _ask(desk, "zxqv", only_relevant=True) == {}
    desk.store("nearer", _at(0.31))
    assert "nearer" in _ask(desk, "zxqv", only_relevant=True)
    assert [round(Near(0.2, 0.1).of(count), 3) for count in (0, 1, 10, 1000)] == [0.2, 0.2, 0.415, 0.572]


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("tags", [(), ("x",), ("x", "y")])
def test_how_near_the_nearest_has_to_be_is_a_matter_of_its_namespace_and_of_what_is_live(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tags: tuple[str, ...], in_memory: bool
) -> None:
    monkeypatch.setattr(ranking, "NEAR", {"tiny": Near(0.2, 0.1)})
    if not in_memory:
        desk.questions._vector_follower._most = 0
    asked = {"only_relevant": True, "filter": {"tags": tags, "namespace": "default"}}
    for number in range(30):
        desk.ask("memory.delete", {"id": desk.store(f"gone {number}", _at(0.1), tags=["x", "y"])["id"]})
        if tags:
            desk.store(f"without tags {number}", _at(0.1))
    desk.store("the nearest", _at(0.3), tags=["x", "y"])
    assert list(_ask(desk, "zxqv", **asked)) == list(_ask(desk, "?", **asked)) == ["the nearest"]
    for number in range(30):
        desk.store(f"elsewhere {number}", _at(0.1), tags=["x", "y"], namespace="other")
    assert list(_ask(desk, "zxqv", **asked)) == list(_ask(desk, "?", **asked)) == ["the nearest"]
    desk.store("far", _at(0.1), tags=["x", "y"])
    assert _ask(desk, "zxqv", **asked) == {}


def test_what_has_no_vector_yet_is_not_judged(filled: Desk) -> None:
    assert "a boat without a vector" in _ask(filled, "boat zebra unicorn", only_relevant=True)


def test_nonsense_finds_nothing(desk: Desk) -> None:
    for number in range(20):
        desk.store(f"memory {number} of a boat", _at(NEAR - 0.1))
    assert _ask(desk, "zxqv blorf unobtainium", only_relevant=True) == {}
    assert len(_ask(desk, "zxqv blorf unobtainium", only_relevant=True, min_similarity=-1)) == 10
    assert _ask(desk, "boat", only_relevant=True) != {}
    body = {"query": "zxqv blorf", "only_relevant": True}
    (note,) = desk.ask("memory.search", body, *frames([QUERY]))["notes"]
    assert note == "20 memories left out: not near in meaning, nor with the words; min_similarity -1 gives them"


def test_a_model_of_which_nothing_was_measured_leaves_nothing_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "NEAR", {"another": Near(NEAR, 0.0)})
    desk.store("a boat", _at(0.1))
    assert list(_ask(desk, "zxqv blorf", only_relevant=True)) == ["a boat"]


def test_without_an_embedder_words_decide_alone(desk: Desk) -> None:
    desk.store("a boat")
    answer = desk.ask("memory.search", {"query": "boat zebra unicorn", "only_relevant": True, "min_similarity": 0.5})
    assert [hit["similarity"] for hit in answer["hits"]] == [None]


@pytest.mark.parametrize(
    ("query", "content", "part"),
    [({"a", "b"}, {"a", "b", "c"}, 1.0), ({"a", "b"}, {"b"}, 0.5), ({"a"}, set(), 0.0), (set(), {"a"}, 0.0)],
)
def test_the_part_of_the_words(query: set[str], content: set[str], part: float) -> None:
    assert ranking.covered(query, content) == part


# letter for letter, but for case


@pytest.mark.parametrize("query", ["GHENT", "ghent", "in Ghent", "IN GHENT"])
def test_exact_ignores_case(desk: Desk, query: str) -> None:
    desk.store("The office is in Ghent.")
    desk.store("elsewhere")
    assert desk.contents(query, mode="exact") == ["The office is in Ghent."]


@pytest.mark.parametrize(
    ("content", "query"), [("Große Straße", "GROSSE STRASSE"), ("Caf\u0065\u0301", "CAFÉ"), ("Ähre", "a\u0308hre")]
)
def test_exact_knows_the_case_of_all_letters(desk: Desk, content: str, query: str) -> None:
    desk.store(content)
    assert desk.contents(query, mode="exact") == [content]


def test_exact_takes_no_letter_for_a_pattern(desk: Desk) -> None:
    desk.store("100 percent")
    assert desk.contents("100%", mode="exact") == []
    assert desk.contents("1_0", mode="exact") == []


def test_exact_finds_the_newest_first_however_many_there_are(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_PIECE", 2)
    for number in range(7):
        desk.store(f"number {number}", created_at=f"2020-01-0{9 - number}T00:00:00Z")
    desk.store("else")
    asked = {"mode": "exact", "limit": 3}
    assert list(_ask(desk, "NUMBER", **asked)) == ["number 0", "number 1", "number 2"]
    assert list(_ask(desk, "NUMBER", **asked, offset=5)) == ["number 5", "number 6"]


# words and meaning


def _near(query: float, other: float) -> tuple[float, float, float]:
    return query, other, (1 - query**2 - other**2) ** 0.5


def test_among_three_memories_a_word_by_chance_does_not_beat_what_is_meant(desk: Desk) -> None:
    desk.store("Ada prefers short answers", _near(0.18, 0.1))
    desk.store("bread is bought on Mondays", _near(0.0, -0.3))
    desk.store("one cat is asleep on the windowsill", _near(-0.03, 0.4))
    asked = {"query": "how should one write to the mathematician", "mode": "hybrid"}
    hits = desk.ask("memory.search", asked, *frames([(1.0, 0.0, 0.0)]))["hits"]
    assert hits[0]["memory"]["content"] == "Ada prefers short answers"
    assert hits[0]["similarity"] == pytest.approx(0.18, abs=1e-6)


def test_what_all_memories_have_in_common_is_no_meaning(desk: Desk) -> None:
    """The query is nearest to what is like all others; taken off, it is nearest to what is like nothing else."""
    for number in range(60):
        desk.store(f"number {number}", (0.9, 0.4359))
    desk.store("apart", (0.6, 0.8))
    asked = {"query": "question", "mode": "hybrid", "limit": 1}
    (hit,) = desk.ask("memory.search", asked, *frames([(0.83, 0.5578)]))["hits"]
    assert hit["memory"]["content"] == "apart"
    assert desk.contents("question", (0.83, 0.5578), mode="semantic", limit=1) == ["number 59"]


@pytest.mark.slow
@pytest.mark.parametrize("count", [150, 200, 201, 260])
def test_no_score_depends_on_the_size_of_the_page(desk: Desk, count: int) -> None:
    for number in range(count):
        angle = number / count
        desk.store(f"apple {'pear ' * (number % 5)}{number}", (1 - angle / 2, angle, (number % 7) / 10))
    query = {"query": "apple pear", "mode": "hybrid"}
    pages = {
        limit: [
            (hit["memory"]["content"], hit["score"])
            for hit in desk.ask("memory.search", {**query, "limit": limit}, *frames([(0.7, 0.7, 0.1)]))["hits"]
        ]
        for limit in (1, 10, 50, 1000)
    }
    assert len(pages[1000]) == count
    for limit in (1, 10, 50):
        assert pages[limit] == pages[1000][:limit]
