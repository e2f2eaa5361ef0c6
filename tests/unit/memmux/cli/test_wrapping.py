"""Lines on terminals of any width: no word is broken, and what goes on below is indented."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux.cli.style import Styled
from memmux.cli.wrapping import LEAST, cells, wrapped
from tests.unit.examples import examples

TEXT = "  the ferry leaves at nine from the northern pier unless there is fog in which case nobody knows when it leaves"


def _lines(text: str, width: int, indent: int | None = None) -> list[str]:
    return ["".join(part.text for part in line) for line in wrapped([Styled(text, {})], width, indent)]


@pytest.mark.parametrize("width", [30, 60, 80])
def test_a_line_is_broken_between_words_and_its_indent_kept(width: int) -> None:
    lines = _lines(TEXT, width)
    assert len(lines) > 1
    assert all(len(line) <= width for line in lines)
    assert all(line.startswith("  ") and line[2] != " " for line in lines)
    assert " ".join(line.strip() for line in lines) == TEXT.strip()


def test_what_fits_stays_as_it_is() -> None:
    assert _lines("a   b", 80) == ["a   b"]
    assert _lines(TEXT, 200) == [TEXT]


def test_a_word_that_is_wider_stays_whole() -> None:
    word = "/a/path/" + "x" * 60
    assert word in _lines(f"it is {word} there", 40)[1]


def test_styles_stay_with_their_words() -> None:
    parts = [Styled("word " * 10, {}), Styled("red", {"fg": "red"}), Styled(" end", {})]
    (styled,) = [part for line in wrapped(parts, 30) for part in line if part.style]
    assert styled == Styled("red", {"fg": "red"})


def test_wide_letters_count_twice() -> None:
    assert (cells("日本"), cells("e\u0301"), cells("ab")) == (4, 1, 2)
    assert all(cells(line) <= 40 for line in _lines("日本語 のテキスト です " * 10, 40))


@settings(max_examples=examples(200))
@given(st.text(alphabet="ab ", max_size=200), st.integers(LEAST, 100), st.integers(0, 8))
def test_no_word_is_lost_or_broken(text: str, width: int, indent: int) -> None:
    lines = _lines(text, width, indent)
    assert [word for line in lines for word in line.split()] == text.split()
    assert all(len(line) <= width or len(line.split()) <= 1 for line in lines)
