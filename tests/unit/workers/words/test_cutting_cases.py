"""The words of texts of many kinds."""

from __future__ import annotations

import pytest

from tests.unit.workers.words.cases import CASES
from workers.words import words


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_the_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_all_cases_are_there() -> None:
    assert len(CASES) >= 49
