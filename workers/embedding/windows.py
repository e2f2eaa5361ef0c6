"""Windows: how a text longer than the model reads is cut, so that no part of it is lost to search.

Windows overlap by a fifth, so that a passage cut by the end of one stands whole in the next. They begin and end
between words where they can: half a word is other tokens than the word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenizers import Encoding, Tokenizer

from memmux.wire.embeddings import Window
from workers.runtime.jobs import Alive, silent

PIECE_CHARACTERS = 20_000  # that are made into tokens in one call, in which the router hears nothing
# A piece ends between words if it can.
_PIECE = re.compile(rf"(?s).{{1,{PIECE_CHARACTERS}}}(?=\s|\Z)|.{{1,{PIECE_CHARACTERS}}}")
WINDOW_TOKENS = 512  # at most: one of 8192, as some models read, takes one of 12 layers 28 s, and a worker is given 10
OVERLAP = 5  # one part in so many of a window is in the next one too


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, without special ones.

    offsets: the half-open range of characters that each stands for.
    words: for each, the number of the word that it is a part of; None where that is unknown.
    """

    offsets: Sequence[Window]
    words: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.offsets)

    def between_words(self, index: int, lowest: int) -> int:
        """Return the last index in (lowest, index] where a word begins, or `index` if none does."""
        for found in range(index, lowest, -1):
            if self.words[found] is None or self.words[found] != self.words[found - 1]:
                return found
        return index


def cut(text: str, tokenize: Callable[[str], Tokens], size: int, alive: Alive = silent) -> tuple[Window, ...]:
    """Return windows of at most `size` tokens each; the first begins at 0, the last ends where `text` does.

    Every character is in one of them. A window cut out of its text may have more tokens than it had within it, so each
    is counted by itself and shortened until it fits.
    """
    tokens = _joined(text, tokenize, alive)
    if len(tokens) <= size:
        return ((0, len(text)),)
    overlap = size // OVERLAP
    windows: list[Window] = []
    first = end = 0
    while True:
        alive()
        # A gap between tokens belongs to the window after it. The offsets of some tokenizers overlap: hence the min.
        start = min(tokens.offsets[first][0], end)
        last = min(first + size, len(tokens))
        if last < len(tokens):
            last = tokens.between_words(last, first + overlap)
        while True:
            end = len(text) if last == len(tokens) else max(start, tokens.offsets[last - 1][1])
            excess = len(tokenize(text[start:end])) - size
            if excess <= 0 or last == first + 1:
                break
            last = max(first + 1, last - excess)
        windows.append((start, end))
        if last == len(tokens):
            return tuple(windows)
        first = tokens.between_words(max(first + 1, last - overlap), first)


def _joined(text: str, tokenize: Callable[[str], Tokens], alive: Alive) -> Tokens:
    """Return the tokens of a text, made of a piece at a time."""
    offsets: list[Window] = []
    words: list[int | None] = []
    for piece in _PIECE.finditer(text):
        alive()
        tokens, before, known = tokenize(piece[0]), piece.start(), len(words)
        offsets += [(start + before, end + before) for start, end in tokens.offsets]
        words += [None if word is None else word + known for word in tokens.words]  # no two pieces share a number
    return Tokens(offsets, words)


class ModelTokenizer:
    """A model's own tokenizer: cuts texts into windows, and makes the tokens that the model reads.

    reads: how many tokens the model reads of one text, special ones included.
    """

    def __init__(self, tokenizer: Tokenizer, reads: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.max_tokens = min(reads, WINDOW_TOKENS)
        """The most tokens of a window, special ones included."""
        self._tokenizer = tokenizer
        self._size = max(1, self.max_tokens - tokenizer.num_special_tokens_to_add(is_pair=False))

    def windows(self, text: str, alive: Alive = silent) -> tuple[Window, ...]:
        """Return the windows of `text`."""
        if text.isascii() and len(text) < self._size:  # it has no more tokens than characters, but for a space before
            return ((0, len(text)),)
        return cut(text, self._tokens, self._size, alive)

    def encode(self, text: str) -> Encoding:
        """Return the tokens of `text` with the special ones, at most `max_tokens`."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        encoding.truncate(self._size)
        return self._tokenizer.post_process(encoding)

    def _tokens(self, text: str) -> Tokens:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return Tokens(encoding.offsets, encoding.word_ids)
