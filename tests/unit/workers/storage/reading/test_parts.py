"""Parts: what scores are sums of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.sums import added
from workers.index.scores import Scores
from workers.storage.reading import ranking
from workers.storage.reading.parts import Parts

SCORES = st.dictionaries(st.integers(1, 50), st.floats(0.01, 30))
COSINES = st.dictionaries(st.integers(1, 50), st.floats(-1, 1))


def _parts(**named: list[float]) -> Parts:
    values = {name: np.array(column) for name, column in named.items()}
    return Parts(np.arange(1, 1 + len(next(iter(named.values())))), values)


@given(SCORES, COSINES, st.booleans())
def test_the_parts_of_a_score_add_up_to_it(keyword: dict[int, float], cosines: dict[int, float], ranked: bool) -> None:
    found = ranking.fuse(Scores.of(keyword.items()), Scores.of(cosines.items()))
    if ranked:
        found = ranking.ranked(found, dict.fromkeys(range(51), 5.0), {1: 4, 7: 1}, now=9.0)
    found = found.plus("date", np.full(len(found), 0.4)).best_first()
    whys = found.why()
    assert [added(why.values()) for why in whys] == found.total.tolist()
    assert sorted(found.total.tolist(), reverse=True) == found.total.tolist()
    assert all(value for why in whys for value in why.values())


def test_a_part_that_is_nothing_is_not_named() -> None:
    assert _parts(words=[0.5, 0.0], meaning=[0.0, 0.25]).why() == [{"words": 0.5}, {"meaning": 0.25}]


def test_nothing_has_no_parts() -> None:
    none = Parts.of("words", ())
    assert len(none) == 0
    assert none.why() == []
    assert none.best_first().page(0, 10, None).rows.tolist() == []


def test_the_best_come_first_then_the_nearer_and_then_the_newer() -> None:
    found = _parts(words=[0.1, 0.5, 0.1, 0.1])
    assert found.best_first().rows.tolist() == [2, 4, 3, 1]
    assert found.best_first(np.array([0.9, 0.1, 0.1, 0.1])).rows.tolist() == [2, 1, 4, 3]


def test_a_page_is_cut_after_the_ranking() -> None:
    scored = _parts(words=[0.5, 0.3, 0.3, 0.1], meaning=[0.4, 0.2, 0.2, 0.0])
    assert scored.page(1, 2, None).rows.tolist() == [2, 3]
    assert scored.page(0, 4, 0.5).rows.tolist() == [1, 2, 3]
    assert scored.page(4, 1, None).rows.tolist() == []


def test_a_share_is_taken_of_each_part() -> None:
    assert _parts(words=[0.5], meaning=[0.25]).times(0.5).why() == [{"words": 0.25, "meaning": 0.125}]
