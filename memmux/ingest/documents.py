"""What is in a file: its title and its text, from plain text, Markdown, JSON, JSON lines or PDF."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memmux import limits
from memmux.errors import ArgumentInvalidError

TITLE_CHARACTERS = 200

# UTF-32 first: its mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEADING = re.compile(r"^#{1,6}[ \t]+(\S[^\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A text that is cut into chunks of its own; page: counted from 1, of a PDF."""

    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document; title: its own if it says one, else the file's name."""

    title: str
    parts: tuple[Part, ...]


def read(path: Path, data: bytes) -> Document:
    """Return the document in a file; what it is, its extension says, and any other is text.

    Raises ArgumentInvalidError, which says why there is none.
    """
    match path.suffix.lower():
        case ".pdf":
            from memmux.ingest import pdf

            title, pages = pdf.read(data)
            parts = tuple(Part(clean(text), number) for number, text in pages)
            if not any(part.text.strip() for part in parts):
                raise ArgumentInvalidError("it has no text, as scanned pages have none; let a program read them first")
        case ".json":
            title, parts = "", (Part(_json([decode(data)])),)
        case ".jsonl" | ".ndjson":
            title, parts = "", (Part(_json(filter(str.strip, decode(data).split("\n")))),)
        case _:
            text = decode(data)
            found = _HEADING.search(text) if path.suffix.lower() in (".md", ".markdown") else None
            title, parts = found[1].rstrip("# \t") if found else "", (Part(text),)
    if (characters := sum(len(part.text) for part in parts)) > limits.INGEST_CHARACTERS:
        raise ArgumentInvalidError(f"its text has {characters} characters, the most is {limits.INGEST_CHARACTERS}")
    return Document(clean(title).strip()[:TITLE_CHARACTERS] or clean(path.name), parts)


def decode(data: bytes) -> str:
    """Return bytes as text: UTF-8, or what a byte order mark says. Raises ArgumentInvalidError."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in data:
        raise ArgumentInvalidError("it is no text: it holds zero bytes")
    try:
        return clean(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise ArgumentInvalidError(f"it is not {encoding.upper()} at byte {error.start}; convert it first") from None


def clean(text: str) -> str:
    """Return a text with line feeds only, without zeros and lone surrogates."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def _json(texts: Iterable[str]) -> str:
    """Return JSON as lines to be read, `key.key[0]: value`, with a blank line between the members of the outermost."""
    values = []
    for number, text in enumerate(texts, 1):
        try:
            values.append(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise ArgumentInvalidError(f"it is not JSON: text {number}: {error}") from None
    outermost = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    blocks = (block for value in outermost for block in _blocks(value))
    return clean("\n\n".join(blocks))


def _blocks(value: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield "\n".join(_leaves("", value))
        return
    block: list[str] = []
    for key, member in value.items():
        lines = list(_leaves(str(key), member))
        if len(lines) > 1 and block:
            yield "\n".join(block)
            block = []
        block += lines
        if len(lines) > 1:
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def _leaves(name: str, value: object) -> Iterator[str]:
    """Yield a line for each value that holds no others; without recursion, as JSON may be deep."""
    stack = [(name, value)]
    while stack:
        here, member = stack.pop()
        if isinstance(member, dict) and member:
            stack += [(f"{here}.{key}" if here else str(key), inner) for key, inner in reversed(member.items())]
        elif isinstance(member, list) and member:
            stack += [(f"{here}[{place}]", inner) for place, inner in reversed(list(enumerate(member)))]
        else:
            text = member if isinstance(member, str) else json.dumps(member)
            yield f"{here}: {text}" if here else text
