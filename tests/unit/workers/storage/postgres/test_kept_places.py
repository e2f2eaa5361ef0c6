"""Kept places: whatever changed, and whatever was asked for before, they are those of the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.index.bm25 import SHIFT, Places
from workers.storage.postgres import kept_places
from workers.storage.postgres.kept_places import KeptPlaces

WORDS = ("apple", "banana", "cherry")
ASKED = st.lists(st.sampled_from(WORDS), max_size=3, unique=True)
TEXTS = st.dictionaries(st.integers(1, 5), st.lists(st.sampled_from(WORDS), max_size=4), max_size=3)


class Index:
    """An index of words in memory; asked: what it was asked for."""

    def __init__(self) -> None:
        self.texts: dict[int, list[str]] = {}
        self.asked: list[tuple[list[str], list[int] | None]] = []

    def read(self, words: Sequence[str], rows: Sequence[int] | None) -> Mapping[str, Places]:
        self.asked.append((list(words), None if rows is None else sorted(rows)))
        found = {word: self.places(word, rows) for word in words}
        return {word: places for word, places in found.items() if places.size}

    def places(self, word: str, rows: Sequence[int] | None = None) -> Places:
        return np.array(
            [
                row << SHIFT | place
                for row, text in sorted(self.texts.items())
                if rows is None or row in rows
                for place, found in enumerate(text)
                if found == word
            ],
            np.int64,
        )


def test_only_what_is_not_known_is_read() -> None:
    index = Index()
    kept = KeptPlaces(index.read)
    index.texts = {1: ["apple", "banana", "apple"], 2: ["banana"]}
    assert [places.tolist() for places in kept.of(["apple", "cherry"])] == [[1 << SHIFT, 1 << SHIFT | 2], []]
    kept.of(["cherry", "apple"])
    index.texts |= {2: ["apple"], 3: ["cherry"]}
    kept.changed([2, 3])
    assert [places.tolist() for places in kept.of(["apple", "banana"])] == [
        [1 << SHIFT, 1 << SHIFT | 2, 2 << SHIFT],
        [1 << SHIFT | 1],
    ]
    kept.of(["apple"])
    kept.forget()
    kept.of(["apple"])
    assert index.asked == [
        (["apple", "cherry"], None),
        (["banana"], None),
        (["apple"], [2, 3]),
        (["apple"], None),
    ]


@given(st.lists(st.tuples(TEXTS, ASKED, st.booleans()), max_size=12), st.integers(0, 2_000))
def test_they_are_those_of_the_index(steps: list[tuple[dict[int, list[str]], list[str], bool]], most: int) -> None:
    index = Index()
    kept = KeptPlaces(index.read, most)
    for texts, asked, anew in steps:
        index.texts |= texts
        if anew:
            kept.forget()
        else:
            kept.changed(texts)
        assert [places.tolist() for places in kept.of(asked)] == [index.places(word).tolist() for word in asked]


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    index = Index()
    kept = KeptPlaces(index.read, 2 * kept_places.ENTRY_BYTES)
    for asked in (["apple"], ["banana"], ["apple"], ["cherry"], ["apple"], ["banana"]):
        kept.of(asked)
    assert [words for words, _ in index.asked] == [["apple"], ["banana"], ["cherry"], ["banana"]]


@pytest.mark.parametrize("changed", [kept_places.FAR_BEHIND, kept_places.MOST_CHANGED])
def test_words_are_read_anew_where_much_has_changed(changed: int) -> None:
    index = Index()
    kept = KeptPlaces(index.read)
    kept.of(["apple"])
    kept.changed(range(changed))
    kept.changed([changed + 1])
    kept.of(["apple"])
    kept.of(["apple"])
    assert index.asked == [(["apple"], None), (["apple"], None)]
