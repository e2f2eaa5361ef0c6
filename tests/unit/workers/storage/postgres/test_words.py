from __future__ import annotations

import re

import apsw
import numpy as np
import pytest

from workers.index.bm25 import SHIFT
from workers.storage.postgres.words import postings
from workers.storage.sqlite import queries
from workers.words import words
from workers.words.version import EXAMPLES

TEXTS = (
    *EXAMPLES,
    "",
    "a",
    "C++ c++ C#",
    "x" * 70,
    "one one one",
    'tab\tline\n*star* (brackets) {x} "quoted" a|b ~tilde^',
)


def in_fts5(content: str, languages: tuple[str, ...]) -> dict[str, list[int]]:
    """Return where FTS5 has the words of a text, by the very index of SQLite's schema."""
    schema = (queries.FOLDER / "0004_words.sql").read_text()
    made = re.search(r"CREATE VIRTUAL TABLE texts USING fts5 \(.*?\);", schema, re.DOTALL)
    assert made is not None
    connection = apsw.Connection(":memory:")
    connection.execute(made[0])
    connection.execute("CREATE VIRTUAL TABLE temp.instances USING fts5vocab ('main', 'texts', 'instance')")
    connection.execute(
        "INSERT INTO texts (rowid, content) VALUES (1, ?)", (" ".join(words(content, languages=languages)),)
    )
    found: dict[str, list[int]] = {}
    for term, place in connection.execute('SELECT term, "offset" FROM instances ORDER BY term, "offset"'):
        found.setdefault(term, []).append(place)
    return found


@pytest.mark.parametrize("languages", [(), ("german", "russian")])
@pytest.mark.parametrize("content", TEXTS)
def test_words_stand_where_fts5_has_them(content: str, languages: tuple[str, ...]) -> None:
    row = 7
    count, found = postings(row, content, languages)
    places = {term: (np.frombuffer(data, "<i8") - (row << SHIFT)).tolist() for term, data in found.items()}
    assert places == in_fts5(content, languages)
    assert count == sum(map(len, places.values()))


def test_no_word_is_longer_than_an_index_takes() -> None:
    _, found = postings(1, "\U00020000" * 500 + " " + "y" * 5_000, ())
    assert max(len(term.encode()) for term in found) < 2_700
