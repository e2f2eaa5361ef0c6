"""The cells of a Jupyter notebook: text as it is, code in fences; what came out of the code is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.base import Budget, Document, Part
from memmux.ingest.formats.encoding import decode
from memmux.ingest.formats.json_lines import parse
from memmux.ingest.formats.markdown import heading


def read(data: bytes, extension: str) -> Document:
    """Return the document; raise ArgumentInvalidError if it is no notebook."""
    del extension  # there is one
    notebook = parse(decode(data))
    if not isinstance(notebook, dict):
        raise ArgumentInvalidError("it is no notebook: it is no JSON object")
    language = _object(_object(notebook.get("metadata")).get("kernelspec")).get("language", "")
    budget = Budget()
    texts = list(budget.counted(_texts(notebook, str(language))))
    return Document(
        heading("\n".join(text for text in texts if not text.startswith("```"))), (Part("\n\n".join(texts)),)
    )


def _texts(notebook: dict[str, Any], language: str) -> Iterator[str]:
    for cell in _cells(notebook):
        source = cell.get("source", cell.get("input", ""))  # the latter before version 4
        text = "".join(str(line) for line in source) if isinstance(source, list) else str(source)
        if not text.strip():
            continue
        match cell.get("cell_type"):
            case "code":
                yield f"```{language}\n{text.strip()}\n```"
            case "heading":
                yield f"# {text.strip()}"
            case _:
                yield text.strip()


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    sheets = notebook.get("worksheets")
    for holder in [notebook, *(sheets if isinstance(sheets, list) else [])]:
        cells = _object(holder).get("cells")
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, dict):
                yield cell


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
