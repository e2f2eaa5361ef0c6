"""Why: each hit's score as the sum of its parts, where that is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sums import added
from tests.unit.workers.desk import Desk, frames

QUERY = (1.0, 0.0)


@pytest.fixture
def filled(desk: Desk) -> Desk:
    for number, text in enumerate(("the red boat", "the blue boat", "a green house", "a boat of wood")):
        angle = 0.3 * number
        desk.store(text, (1 - angle, (1 - (1 - angle) ** 2) ** 0.5))
    desk.store("a boat without a vector")
    return desk


def _hits(desk: Desk, mode: str, **fields: Any) -> list[dict[str, Any]]:
    asked = {"query": "which boat is red", "mode": mode, "why": True, **fields}
    hits: list[dict[str, Any]] = desk.ask("memory.search", asked, *frames([QUERY]))["hits"]
    return hits


@pytest.mark.parametrize("mode", ["semantic", "keyword", "hybrid", "ranked"])
@pytest.mark.parametrize("page", [{}, {"offset": 1, "limit": 2}, {"min_similarity": 0.0}, {"only_relevant": True}])
def test_the_parts_of_each_score_add_up_to_it(filled: Desk, mode: str, page: dict[str, Any]) -> None:
    hits = _hits(filled, mode, **page)
    assert hits
    for hit in hits:
        assert added(hit["why"].values()) == hit["score"]


def test_by_meaning_all_of_a_score_is_meaning_and_by_words_it_is_words(filled: Desk) -> None:
    assert {name for hit in _hits(filled, "semantic") for name in hit["why"]} == {"meaning"}
    assert {name for hit in _hits(filled, "keyword") for name in hit["why"]} == {"words"}
    exact = filled.ask("memory.match", {"query": "red boat", "mode": "exact", "why": True})["hits"]
    assert [hit["why"] for hit in exact] == [{"words": 1.0}]


def test_where_nobody_asks_nothing_is_said_of_parts(filled: Desk) -> None:
    assert all("why" not in hit for hit in _hits(filled, "hybrid", why=False))


def test_without_a_vector_words_alone_are_the_score(filled: Desk) -> None:
    hits = filled.ask("memory.search", {"query": "boat", "why": True})["hits"]
    assert hits
    assert all(hit["why"] == {"words": hit["score"]} for hit in hits)
