"""What is in a file: its title, its tags and its text. Each format has a module, whose `read` is given the bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import PurePath
from typing import cast

from memmux import limits
from memmux.ingest.formats.base import Budget, Document, Part, clean

__all__ = ["EXTENSIONS", "TITLE_CHARACTERS", "read"]

TITLE_CHARACTERS = 200

_READERS: Mapping[str, str] = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), "markdown"),
    ".json": "json_lines",
    **dict.fromkeys((".jsonl", ".ndjson"), "json_lines"),
    **dict.fromkeys((".csv", ".tsv"), "csv_rows"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html_text"),
    **dict.fromkeys((".docx", ".docm"), "docx"),
    ".epub": "epub",
    ".ipynb": "notebook",
    ".pdf": "pdf_pages",
}
"""The module that reads what has an extension; any other is text."""

_CODE = (  # programs, which are text
    ".bash .c .cc .clj .cpp .cs .cxx .dart .erl .ex .exs .fs .go .h .hh .hpp .hs .java .jl .js .jsx .kt .kts .lua .m"
    " .ml .mm .php .pl .ps1 .py .pyi .r .rb .rs .scala .sh .sql .swift .ts .tsx .vue .zig"
)

EXTENSIONS = frozenset({".txt", ".text", ".rst", *_READERS, *_CODE.split()})
"""What is read of a folder unless told otherwise."""


def read(name: str, data: bytes) -> Document:
    """Return the document in a file; what it is, the extension of its name says, and any other is text.

    Raises ArgumentInvalidError, which says why there is none.
    """
    extension = PurePath(name).suffix.lower()
    module = import_module(f"memmux.ingest.formats.{_READERS.get(extension, 'plain')}")
    document = cast("Callable[[bytes, str], Document]", module.read)(data, extension)
    budget = Budget()
    parts = tuple(Part(budget.spend(clean(part.text)), part.page) for part in document.parts)
    title = " ".join(clean(document.title).split())[:TITLE_CHARACTERS] or clean(name)
    return replace(document, title=title, parts=parts, tags=_tags(document.tags))


def _tags(said: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags that a document gives itself as memories may have them; each once, whatever its case."""
    tags = (" ".join(clean(tag).split()) for tag in said)
    fitting = {tag.casefold(): tag for tag in tags if tag and len(tag) <= limits.TAG_CHARACTERS}
    return tuple(fitting.values())[: limits.TAGS // 2]  # the others are for those that the user gives
