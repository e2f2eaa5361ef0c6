"""Wrapping: a line for a terminal, broken between words, and what goes on below stands under its beginning."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from memmux.cli.style import Styled

LEAST = 20  # columns, below which nothing is wrapped
_WORDS = re.compile(r" +|[^ ]+")


def columns(stream: Any) -> int:
    """Return how wide the terminal is that a stream writes to, unless COLUMNS says otherwise; 0 if it is none."""
    if not stream.isatty():
        return 0
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def wrapped(parts: Sequence[Styled], width: int, indent: int | None = None) -> Iterator[list[Styled]]:
    """Yield the lines of a text that is made of parts, none wider than `width` but for a word that is.

    indent: of the lines after the first; None for as much as the first has.
    """
    text = "".join(part.text for part in parts)
    lead = " " * (len(text) - len(text.lstrip(" ")) if indent is None else indent)
    if width < LEAST or cells(text) <= width or len(lead) > width // 2:
        yield list(parts)
        return
    line: list[Styled] = []
    taken, gap = 0, Styled("", {})
    for word, glued in _pieces(parts):
        size = sum(cells(piece.text) for piece in word)
        if line and taken + cells(gap.text) + size > width and taken > len(lead):
            yield line
            line, taken, gap = [Styled(lead, {})], len(lead), Styled("", {})
        line += [gap, *word]
        taken += cells(gap.text) + size
        gap = Styled(glued, {})
    yield line


def _pieces(parts: Sequence[Styled]) -> Iterator[tuple[list[Styled], str]]:
    """Yield the words, each as the parts that it is made of, with the blanks behind it; the first may be blanks."""
    word: list[Styled] = []
    blanks = ""
    for part in parts:
        for found in _WORDS.findall(part.text):
            if found[0] == " ":
                blanks += found
                continue
            if blanks:
                yield word, blanks
                word, blanks = [], ""
            word.append(Styled(found, part.style))
    yield word, ""


def cells(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
