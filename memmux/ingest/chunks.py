"""Cutting a text into chunks: between paragraphs where that goes, else between sentences, else between words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.base import Part

# Each matches what stands before a border. None looks further back or forth than a few characters.
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(
    r"(?<=[.!?\u2026])[\"')\]\u201d\u2019\u00bb]{0,3}\s+|[\u3002\uff01\uff1f][\u300d\u300f\u201d]{0,3}\s*"
)
_WORD = re.compile(r"\s+")
_HEADING = "#"  # a line that begins with it belongs to what follows


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a text; own: from where on it is not in the chunk before.

    Its text without what it shares, after that of the chunks before, is the whole text.
    """

    text: str
    own: int


def split(text: str, *, size: int, overlap: int) -> Iterator[Chunk]:
    """Cut a text into chunks of at most `size` characters.

    overlap: about how many characters of the chunk before a chunk begins with; less than half of size.
    """
    start = 0
    while start < len(text):
        shared = _shared(text, start, overlap)
        end = _end(text, start, shared + size)
        yield Chunk(text[shared:end], start - shared)
        start = end


def contents(parts: Sequence[Part], *, size: int, overlap: int) -> dict[str, int | None]:
    """Return what the memories of a document's parts shall say, each content once, with its page.

    Raises ArgumentInvalidError for too many.
    """
    found: dict[str, int | None] = {}
    for part in parts:
        for chunk in split(part.text, size=size, overlap=overlap):
            if chunk.text[chunk.own :].strip():
                found.setdefault(chunk.text.strip(), part.page)
                if len(found) > limits.INGEST_CHUNKS:
                    raise ArgumentInvalidError(f"it has more than {limits.INGEST_CHUNKS} chunks, the most; split it")
    return found


def _end(text: str, start: int, limit: int) -> int:
    """Return where to cut, after `start` and not after `limit`."""
    if limit >= len(text):
        return len(text)
    half = start + (limit - start) // 2  # a paragraph is not worth a chunk that is almost empty
    paragraphs = (found.end() for found in _PARAGRAPH.finditer(text, start, limit) if not _is_heading(text, found))
    sentences = (found.end() for found in _SENTENCE.finditer(text, start, limit))
    for borders in (paragraphs, sentences):
        if (last := max(borders, default=start)) > half:
            return last
    if text[limit].isspace():
        return limit
    return max((found.end() for found in _WORD.finditer(text, start, limit)), default=limit)


def _is_heading(text: str, found: re.Match[str]) -> bool:
    return text.startswith(_HEADING, text.rfind("\n", 0, found.start()) + 1)


def _shared(text: str, start: int, overlap: int) -> int:
    """Return where a chunk begins whose own text begins at `start`: at a sentence or a word, if there is one."""
    least = max(0, start - overlap)
    if least in (0, start):
        return least
    for borders, most in ((_SENTENCE, start - overlap // 2), (_WORD, start)):
        for found in borders.finditer(text, least - 1, start):
            if least <= found.end() < most:
                return found.end()
    return least
