from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.index.scores import Scores
from workers.storage.reading import ranking
from workers.storage.reading.parts import Parts


def fuse(keyword: dict[int, float], cosines: dict[int, float]) -> Parts:
    return ranking.fuse(Scores.of(keyword.items()), Scores.of(cosines.items()))


def _scores(found: Parts) -> dict[int, float]:
    return dict(zip(found.rows.tolist(), found.total.tolist(), strict=True))


def test_half_of_a_score_is_words_and_half_is_meaning() -> None:
    fused = fuse({1: 8.0, 2: 2.0}, {1: 0.1, 2: 0.3, 3: 0.5})
    assert _scores(fused) == pytest.approx({1: 0.5, 2: 0.125 + 0.25, 3: 0.5})
    why = dict(zip(fused.rows.tolist(), fused.why(), strict=True))
    assert why[1] == {"words": 0.5}
    assert why[3] == {"meaning": 0.5}


def test_equals_are_ranked_newest_first() -> None:
    assert fuse({1: 8.0}, {1: 0.1, 3: 0.5}).best_first().rows.tolist() == [3, 1]


def test_a_memory_without_a_vector_gets_nothing_for_meaning() -> None:
    assert _scores(fuse({1: 4.0, 2: 4.0}, {2: 0.9})) == {1: 0.5, 2: 1.0}


def test_where_nothing_is_found_nothing_is_ranked() -> None:
    assert _scores(fuse({}, {})) == {}


def test_a_ranked_score_is_mostly_hybrid_and_then_newness_and_use() -> None:
    month = ranking.HALF_LIFE_S
    created = {1: 0.0, 2: float(month), 3: 5.0 * month}  # the last by a clock that was set back since
    fused = Parts.of("words", [(1, 1.0), (2, 0.5), (3, 0.0)])
    found = ranking.ranked(fused, created, {1: 1, 3: 3}, now=month)
    assert _scores(found) == pytest.approx({1: 0.7 + 0.1 + 0.05, 2: 0.35 + 0.2, 3: 0.2 + 0.1})
    assert _scores(ranking.ranked(fused.only(slice(0, 1)), {1: 0.0}, {}, now=0.0)) == pytest.approx({1: 0.9})
    assert _scores(ranking.ranked(fused.only(slice(0, 0)), {}, {}, now=0.0)) == {}


def test_pages_of_one_limit_have_the_same_candidates_for_long() -> None:
    assert {ranking.candidates(10, offset) for offset in range(0, 191, 10)} == {200}
    assert ranking.candidates(10, 191) == 400
    assert ranking.candidates(10, 5000) >= 5010


def test_more_hits_have_more_candidates() -> None:
    assert ranking.candidates(1) == 200
    assert ranking.candidates(1000) == 10_000


def test_one_word_in_common_by_chance_is_no_answer_among_few_memories() -> None:
    assert ranking.whole(0.5, 5.0, memories=3) == pytest.approx(0.5 * 5.0 * 10 / 13)
    assert ranking.whole(0.5, 1.0, memories=3) == 0.5
    assert ranking.whole(4.0, 10.0, memories=10_000) == 4.0


def test_of_few_memories_the_least_cosine_is_none_and_of_many_one_below_the_mean() -> None:
    assert ranking.least(Scores.of([(1, 0.2), (2, 0.7)]), usual=0.4) == 0.2
    assert ranking.least(Scores.of(()), usual=0.4) == 0.0
    many = Scores.of((row, 0.5 + row / 1000) for row in range(301))
    assert ranking.least(many, usual=0.2) == pytest.approx(0.2 - 0.3)


def test_cosines_that_differ_by_rounding_alone_are_equal() -> None:
    assert _scores(fuse({}, {1: 0.3, 2: 0.3 + 1e-8})) == {1: 0.5, 2: 0.5}


def _plainly(
    keyword: dict[int, float], cosines: dict[int, float], whole: float, least: float | None
) -> dict[int, tuple[float, float]]:
    """Return of each candidate what words and meaning give it, one memory at a time."""
    best = max(whole, max(keyword.values(), default=0.0)) or 1.0
    greatest = max(cosines.values(), default=0.0)
    lowest = min(cosines.values(), default=0.0) if least is None else least
    found = {}
    for row in {*keyword, *cosines}:
        meaning = 0.0
        if row in cosines:
            spread = greatest - lowest
            meaning = 0.5 * max(0.0, (cosines[row] - lowest) / spread) if spread > 1e-6 else 0.5
        found[row] = 0.5 * keyword.get(row, 0.0) / best, meaning
    return found


@example(keyword={}, cosines={1: 0.0}, whole=5e-324, least=None)
@given(
    st.dictionaries(st.integers(1, 60), st.floats(0.01, 30)),
    st.dictionaries(st.integers(1, 60), st.floats(-1, 1)),
    st.floats(0, 40),
    st.none() | st.floats(-1, 0.9),
)
def test_candidates_are_fused_as_one_memory_after_the_other_is(
    keyword: dict[int, float], cosines: dict[int, float], whole: float, least: float | None
) -> None:
    fused = ranking.fuse(Scores.of(keyword.items()), Scores.of(cosines.items()), whole, least)
    columns = zip(fused.named["words"].tolist(), fused.named["meaning"].tolist(), strict=True)
    found = dict(zip(fused.rows.tolist(), columns, strict=True))
    expected = _plainly(keyword, cosines, whole, least)
    assert found.keys() == expected.keys()
    assert all(found[row] == pytest.approx(expected[row], rel=1e-12) for row in found)
    order = sorted(found, key=lambda row: (-sum(found[row]), -row))
    assert fused.best_first().rows.tolist() == order
