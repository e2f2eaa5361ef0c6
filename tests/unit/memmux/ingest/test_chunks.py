from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux.ingest.chunks import split
from tests.bounds import BOUND_S

TEXTS = st.text(st.sampled_from("ab .!?\n\t#。🙂é"), max_size=400) | st.text(max_size=300)
SIZES = st.integers(1, 60)


def texts(text: str, size: int, overlap: int = 0) -> list[str]:
    return [chunk.text for chunk in split(text, size=size, overlap=overlap)]


@pytest.mark.slow
@given(TEXTS, SIZES)
def test_chunks_without_overlap_are_the_text(text: str, size: int) -> None:
    assert "".join(texts(text, size)) == text


@pytest.mark.slow
@given(TEXTS, SIZES, st.data())
def test_no_chunk_is_too_long_and_what_is_their_own_is_the_text(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    chunks = list(split(text, size=size, overlap=overlap))
    assert all(0 < len(chunk.text) <= size for chunk in chunks)
    assert "".join(chunk.text[chunk.own :] for chunk in chunks) == text
    assert all(chunk.own <= overlap for chunk in chunks)
    end = 0
    for chunk in chunks:
        assert text[end - chunk.own : end] == chunk.text[: chunk.own]
        end += len(chunk.text) - chunk.own


def test_paragraphs_stay_whole_where_they_fit() -> None:
    text = "One is short.\n\nTwo is a bit longer.\n\nThree ends it."
    assert texts(text, 40) == ["One is short.\n\nTwo is a bit longer.\n\n", "Three ends it."]


def test_long_paragraph_is_cut_between_sentences() -> None:
    text = "The first sentence. The second one is longer! Is the third one? Yes."
    assert texts(text, 50) == ["The first sentence. The second one is longer! ", "Is the third one? Yes."]
    assert texts("一つ目の文です。二つ目の文です。三つ目です。", 18) == [
        "一つ目の文です。二つ目の文です。",
        "三つ目です。",
    ]


def test_long_sentence_is_cut_between_words_and_a_long_word_anywhere() -> None:
    assert texts("alpha beta gamma delta", 12) == ["alpha beta ", "gamma delta"]
    assert texts("alpha beta", 5) == ["alpha", " beta"]
    assert texts("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_heading_stays_with_what_follows() -> None:
    text = "The text before it is here.\n\n# Heading\n\nWhat follows is long enough to need a cut somewhere."
    first, second, *_ = texts(text, 50)
    assert first == "The text before it is here.\n\n"
    assert second.startswith("# Heading\n\nWhat follows")


def test_short_paragraph_is_no_chunk_before_a_long_one() -> None:
    first, *_ = texts("Short.\n\n" + "A sentence of thirty letters. " * 20, 200)
    assert len(first) > 100


def test_chunk_begins_with_the_end_of_the_one_before() -> None:
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    chunks = list(split(text, size=32, overlap=15))
    assert [chunk.text for chunk in chunks][:2] == [
        "One two three. Four five six. ",
        "Four five six. Seven eight nine. "[:32],
    ]
    assert chunks[0].own == 0
    assert all(chunk.own > 0 for chunk in chunks[1:])


@pytest.mark.slow
@pytest.mark.timeout(BOUND_S)
@pytest.mark.parametrize("piece", [".", "\n", " ", '"', "#\n\n", "x", "a. ", "\n \n", "。」"])
def test_a_million_characters_take_no_long_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert sum(len(chunk.text) - chunk.own for chunk in split(text, size=100_000, overlap=50_000)) == len(text)
