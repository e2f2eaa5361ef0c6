"""The vocabulary: words that were there when it was loaded and words that came since are found by their ends alike."""

from __future__ import annotations

from tests.unit.workers.desk import Desk
from workers.storage.reading.vocabulary import _PART


def name(number: int) -> str:
    """Return a word of its own that ends with `bank`."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number)) + "bank"


def test_words_are_found_by_their_ends_whether_they_are_old_or_recent(desk: Desk) -> None:
    vocabulary = desk.questions._search._word_search._vocabulary
    sizes = []
    for number in range(100):
        desk.store(f"{name(number)} {name(number)} tree")
        assert len(desk.contents("bank", mode="keyword", limit=100)) == number + 1  # nobody has that word itself
        assert set(vocabulary.ending("bank")) == {name(known) for known in range(number + 1)}
        sizes.append(len(vocabulary._recent))
        assert sizes[-1] * _PART <= vocabulary._count
    assert max(sizes) > 1  # they are put to the others together
    assert 0 in sizes[1:]
    assert vocabulary._words.count(b"\ntree\n") == 1
