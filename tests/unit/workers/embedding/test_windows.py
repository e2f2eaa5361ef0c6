from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux.wire.embeddings import Window
from tests.unit.examples import examples
from workers.embedding.hashing import _words
from workers.embedding.onnx_backend import OnnxEmbedder
from workers.embedding.sources import Source
from workers.embedding.windows import PIECE_CHARACTERS, WINDOW_TOKENS, ModelTokenizer, Tokens, _joined, cut

words = st.text(alphabet="abcdefghij-é記🧠", min_size=1, max_size=12)
texts = st.lists(words, max_size=60).map(" ".join) | st.text(max_size=200)


def characters(text: str) -> Tokens:
    """Every character but a blank is a token, and all of them are one word: no good place to cut."""
    offsets = [(index, index + 1) for index, character in enumerate(text) if not character.isspace()]
    return Tokens(offsets, [0] * len(offsets))


@pytest.fixture(scope="session")
def small(source: Source) -> ModelTokenizer:
    from tokenizers import Tokenizer

    return ModelTokenizer(Tokenizer.from_file(str(source.folder / "tokenizer.json")), 10)


def covers(text: str, windows: tuple[Window, ...]) -> bool:
    """Whether the windows go through the text from end to end, and forward, with no gap."""
    if windows[0][0] != 0 or windows[-1][1] != len(text):
        return False
    return all(one[0] <= next_[0] <= one[1] <= next_[1] for one, next_ in itertools.pairwise(windows))


@pytest.mark.parametrize("tokenize", [_words, characters])
@given(text=texts, size=st.integers(1, 20))
def test_no_character_is_left_out_and_every_window_fits(
    tokenize: Callable[[str], Tokens], text: str, size: int
) -> None:
    windows = cut(text, tokenize, size)
    assert covers(text, windows)
    assert all(len(tokenize(text[start:end])) <= size for start, end in windows)


@settings(max_examples=examples(200))
@given(text=texts)
def test_windows_of_the_real_tokenizer_cover_the_text_and_fit(small: ModelTokenizer, text: str) -> None:
    windows = small.windows(text)
    assert covers(text, windows)
    assert all(len(small._tokenizer.encode(text[start:end]).ids) <= 10 for start, end in windows)


def test_a_plain_text_too_short_to_be_cut_is_not_made_into_tokens(
    small: ModelTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelTokenizer, "_tokens", None)
    assert small.windows("one two") == ((0, 7),)
    assert small.windows("") == ((0, 0),)


def test_a_text_that_fits_is_one_window() -> None:
    assert cut("  one two  ", _words, 2) == ((0, 11),)


def test_neighbouring_windows_overlap_by_a_fifth() -> None:
    text = " ".join(f"w{number}" for number in range(30))
    windows = cut(text, _words, 10)
    for one, next_ in itertools.pairwise(windows):
        assert len(_words(text[next_[0] : one[1]])) == 2


def test_windows_end_between_words(small: ModelTokenizer) -> None:
    text = "watermark of checkpointing savepoints " * 10
    ends = [end for _, end in small.windows(text)[:-1]]
    assert ends
    assert all(not text[end].isalnum() for end in ends)


def test_a_word_longer_than_a_window_is_cut_too(small: ModelTokenizer) -> None:
    text = "qzxjkvwp" * 12  # no blank anywhere
    windows = small.windows(text)
    assert len(windows) > 1
    assert covers(text, windows)


def test_tokens_past_the_limit_are_cut_off_and_special_ones_are_kept(small: ModelTokenizer) -> None:
    encoding = small.encode("word " * 50)
    assert len(encoding.ids) == 10
    assert (encoding.tokens[0], encoding.tokens[-1]) == ("[CLS]", "[SEP]")


def test_a_model_that_reads_much_has_windows_that_take_no_worker_long(source: Source) -> None:
    from tokenizers import Tokenizer

    large = ModelTokenizer(Tokenizer.from_file(str(source.folder / "tokenizer.json")), 8192)
    text = "a sentence of some words that goes on. " * 1000
    windows = large.windows(text)
    assert covers(text, windows)
    assert max(len(large.encode(text[start:end]).ids) for start, end in windows) <= large.max_tokens == WINDOW_TOKENS


def test_encoding_is_what_the_tokenizer_itself_makes(onnx_embedder: OnnxEmbedder) -> None:
    tokenizer = onnx_embedder._tokenizer
    text = "Naïve façades, 記憶 and 🧠!"
    assert tokenizer.encode(text).ids == tokenizer._tokenizer.encode(text).ids


def aligned(text: str) -> Tokens:
    """Three characters are a token where the text begins with x; cut elsewhere, it falls into single ones."""
    step = 3 if text.startswith("x") else 1
    offsets = [(start, min(start + step, len(text))) for start in range(0, len(text), step)]
    return Tokens(offsets, range(len(offsets)))


def test_a_window_that_has_more_tokens_once_it_is_cut_out_is_shortened() -> None:
    text = "x" + "a" * 100
    windows = cut(text, aligned, 5)
    assert covers(text, windows)
    assert all(len(aligned(text[start:end])) <= 5 for start, end in windows)


@pytest.mark.slow
def test_a_long_text_is_read_in_pieces_between_which_somebody_hears_of_it() -> None:
    heard: list[int] = []
    text = "some words, " * 20_000 + "x" * 50_000
    tokens = _joined(text, _words, lambda: heard.append(1))
    assert tokens.offsets[:40_000] == _words(text[:240_000]).offsets
    assert tokens.offsets[40_000][0] == 240_000
    assert tokens.offsets[-1][1] == len(text)
    assert max(end - start for start, end in tokens.offsets) <= PIECE_CHARACTERS
    assert len(set(tokens.words)) == len(tokens)
    assert len(heard) >= len(text) // PIECE_CHARACTERS
    heard.clear()
    windows = cut(text, _words, 100, lambda: heard.append(1))
    assert covers(text, windows)
    assert len(heard) >= len(windows)
