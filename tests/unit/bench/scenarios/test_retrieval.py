from __future__ import annotations

import numpy as np
import pytest

from bench.harness.question_sets import Question
from bench.scenarios.retrieval import Retrieved, interval, ranked, rows
from memmux.wire.requests import Mode


def test_evidence_is_found_at_the_rank_of_the_first_hit_that_is_it() -> None:
    question = Question("?", frozenset("abc"), "c")
    found = ranked(question, [frozenset("x"), frozenset("ab"), frozenset("a"), frozenset("y")])
    assert found == Retrieved([2, 2], 3, "c")
    assert (found.recall(1), found.recall(5)) == (0, pytest.approx(2 / 3))
    assert found.reciprocal == 0.5
    assert ranked(question, []).reciprocal == 0


def test_the_interval_is_around_the_mean_and_the_same_each_time() -> None:
    values = np.array([0.0, 1.0] * 200)
    low, high = interval(values)
    assert 0.43 < low < 0.5 < high < 0.57
    assert interval(values) == (low, high)
    assert interval(np.ones(5)) == (1, 1)


def test_a_category_of_few_questions_is_only_in_the_whole() -> None:
    found = [Retrieved([1], 1, "many")] * 30 + [Retrieved([], 1, "few")] * 3
    given = list(rows(Mode.HYBRID, found))
    assert [row.key for row in given if row.key] == ["hybrid_r5", "hybrid_r10", "hybrid_mrr"]
    assert not [row for row in given if "few" in row.name]
    assert [row.value for row in given if "many (30): R@5" in row.name] == [100.0]
    assert given[0].value == pytest.approx(100 * 30 / 33, abs=0.1)
