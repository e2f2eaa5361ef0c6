from __future__ import annotations

import pytest

from workers.words import words
from workers.words.stopwords import telling


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("Where is the key?", ["key"]),
        ("What's your name", ["name"]),
        ("Don't I have to be there? It’s doing the same", []),
        ("are there wells in hell, well?", ["well", "hell"]),
    ],
)
def test_words_that_say_little_are_left_out_of_a_query(query: str, left: list[str]) -> None:
    found = words(query, query=True)
    assert telling(found) == (left or list(dict.fromkeys(found)))


def test_they_are_looked_for_when_nothing_else_is_asked() -> None:
    assert telling(words("to be or not to be", query=True)) == ["to", "be", "or", "not"]
