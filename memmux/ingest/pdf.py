"""The text of a PDF, page by page, by pypdf; imported only when there is one to read."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

from pypdf import PdfReader

from memmux import limits
from memmux.errors import ArgumentInvalidError

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it thinks of a file is not for a terminal


def read(data: bytes) -> tuple[str, list[tuple[int, str]]]:
    """Return the title that a PDF says, or an empty text, and its pages: number from 1 and text.

    Raises ArgumentInvalidError.
    """
    try:
        reader = _open(data)
        return str((reader.metadata and reader.metadata.title) or ""), list(_texts(reader))
    except ArgumentInvalidError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken file may fail in any way, and must not stop the others
        raise ArgumentInvalidError(f"it can't be read as PDF: {type(error).__name__}: {error}") from None


def _open(data: bytes) -> PdfReader:
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ArgumentInvalidError("it is encrypted; save it without a password first")
    if (pages := len(reader.pages)) > limits.INGEST_PAGES:
        raise ArgumentInvalidError(f"it has {pages} pages, the most is {limits.INGEST_PAGES}; split it")
    return reader


def _texts(reader: PdfReader) -> Iterator[tuple[int, str]]:
    characters = 0
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        characters += len(text)
        if characters > limits.INGEST_CHARACTERS:
            raise ArgumentInvalidError(f"its text has more than {limits.INGEST_CHARACTERS} characters, the most")
        yield number, text
