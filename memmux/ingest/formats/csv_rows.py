"""CSV: each row a paragraph, its cells as lines `name: value` where the first row says names."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain, islice

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.base import Budget, Document, Part, clean
from memmux.ingest.formats.encoding import decode

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 10  # that tell which of them it is
_SAMPLE_CHARACTERS = 64 << 10


def read(data: bytes, extension: str) -> Document:
    """Return the document; raise ArgumentInvalidError if it is no CSV."""
    text = clean(decode(data))
    csv.field_size_limit(limits.INGEST_CHARACTERS)
    try:
        rows = csv.reader(StringIO(text, newline=""), delimiter="\t" if extension == ".tsv" else _delimiter(text))
        return Document("", (Part("\n\n".join(Budget().counted(_paragraphs(rows)))),))
    except csv.Error as error:
        raise ArgumentInvalidError(f"it is not CSV: {error}") from None


def _delimiter(text: str) -> str:
    """Return what makes the most cells of every one of the first rows; a comma if nothing does."""

    def cells(delimiter: str) -> int:
        rows = csv.reader(StringIO(text[:_SAMPLE_CHARACTERS], newline=""), delimiter=delimiter)
        return min((len(row) for row in islice(rows, _SAMPLE_ROWS) if row), default=0)

    return max(_DELIMITERS, key=cells)


def _paragraphs(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    filled = (cells for cells in ([cell.strip() for cell in row] for row in rows) if any(cells))
    first = next(filled, [])
    names = first if _are_names(first) else None
    for cells in filled if names is not None else chain([first], filled):
        if names is None or len(cells) > len(names):
            yield ", ".join(cell for cell in cells if cell)
        else:
            yield "\n".join(f"{name}: {cell}" for name, cell in zip(names, cells, strict=False) if cell)


def _are_names(row: Sequence[str]) -> bool:
    """Return whether a row may say the names of columns: several, each another, and none of them a number."""
    return len(row) > 1 and len(set(row)) == len(row) and all(row) and not any(map(_is_number, row))


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
