from __future__ import annotations

import math

import numpy as np
import pytest

from workers.index import bm25
from workers.index.bm25 import SHIFT, WINDOW, Among, Places


def places(*found: tuple[int, int]) -> Places:
    return np.array([row << SHIFT | number for row, number in sorted(found)], np.int64)


def among(**lengths: int) -> Among:
    """Return memories, each `r` and its row, by their lengths."""
    known = np.zeros(64, np.int32)
    for name, length in lengths.items():
        known[int(name[1:])] = length
    return Among.of(known > 0, known)


def weight(times: int, length: float, average: float) -> float:
    return times / (times + 0.9 * (0.6 + 0.4 * length / average))


def test_a_score_is_the_sum_over_words_of_how_rare_each_is_and_how_often_it_is_there() -> None:
    memories = among(r1=4, r2=8, r3=6)
    found = bm25.scored([places((1, 0), (1, 2), (2, 7)), places((2, 0))], memories)
    common, rare = math.log(1 + 1.5 / 2.5), math.log(1 + 2.5 / 1.5)
    assert found.rows.tolist() == [1, 2]
    assert found.scores.tolist() == pytest.approx(
        [common * weight(2, 4, 6), common * weight(1, 8, 6) + rare * weight(1, 8, 6)]
    )
    assert (found.most, found.memories) == (pytest.approx(common + rare), 3)


def test_words_that_nobody_has_count_for_what_could_have_been() -> None:
    found = bm25.scored([places((1, 0)), places()], among(r1=1, r2=1))
    assert found.most == pytest.approx(math.log(1 + 1.5 / 1.5) + math.log(1 + 2.5 / 0.5))


def test_a_word_that_all_have_still_counts() -> None:
    scores = bm25.scored([places((1, 0), (2, 0))], among(r1=1, r2=1)).scores
    assert (scores > 0).all()


def test_where_nothing_is_found_nothing_is_scored() -> None:
    for postings in ([], [places()]):
        found = bm25.scored(postings, among(r1=1))
        assert (found.rows.size, found.scores.size) == (0, 0)


@pytest.mark.parametrize("length", [WINDOW + 1, 250, 300, 301, 1000, 1037])
def test_the_best_window_of_a_long_text_counts_wherever_it_is(length: int) -> None:
    memories = among(r1=length, r2=50)
    for number in (0, 99, 150, length // 2, length - 1):
        found = bm25.scored([places((1, number), (1, max(number - 1, 1)))], memories)
        assert found.rows.tolist() == [1]
        idf = math.log(1 + 1.5 / 1.5)
        average = (WINDOW + 50) / 2
        full, shorter = idf * weight(2, WINDOW, average), idf * weight(2, 100, average)
        assert full - 1e-9 <= found.scores[0] <= shorter + 1e-9


def test_words_far_from_each_other_in_a_long_text_do_not_add_up() -> None:
    memories = among(r1=1000, r2=1000)
    near, far = [places((1, 500)), places((1, 510))], [places((2, 10)), places((2, 900))]
    (close,) = bm25.scored(near, memories).scores
    (apart,) = bm25.scored(far, memories).scores
    assert close == pytest.approx(2 * apart)


def test_many_places_of_one_word_are_one_word() -> None:
    assert bm25.merged([places((2, 1)), places((1, 5), (2, 1))]).tolist() == places((1, 5), (2, 1)).tolist()
    assert bm25.merged([]).size == 0


def test_only_places_in_the_memories_that_are_meant_are_left() -> None:
    assert among(r2=1).only(places((1, 0), (2, 3))).tolist() == places((2, 3)).tolist()
