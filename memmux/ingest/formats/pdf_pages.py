"""The text of a PDF, page by page, by pypdf."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

from pypdf import PdfReader

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.base import Budget, Document, Part, unreadable

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it thinks of a file is not for a terminal


def read(data: bytes, extension: str) -> Document:
    """Return the document, a part for each page; raise ArgumentInvalidError."""
    del extension  # there is one
    try:
        reader = _open(data)
        document = Document(str((reader.metadata and reader.metadata.title) or ""), tuple(_parts(reader)))
    except (ArgumentInvalidError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a broken file may fail in any way, and must not stop the others
        raise unreadable("PDF", error) from None
    if not any(part.text.strip() for part in document.parts):
        raise ArgumentInvalidError("it has no text, as scanned pages have none; let a program read them first")
    return document


def _open(data: bytes) -> PdfReader:
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ArgumentInvalidError("it is encrypted; save it without a password first")
    if (pages := len(reader.pages)) > limits.INGEST_PAGES:
        raise ArgumentInvalidError(f"it has {pages} pages, the most is {limits.INGEST_PAGES}; split it")
    return reader


def _parts(reader: PdfReader) -> Iterator[Part]:
    budget = Budget()
    for number, page in enumerate(reader.pages, 1):
        yield Part(budget.spend(page.extract_text()), number)
