"""The text of a Word document (ECMA-376): paragraphs, headings as in Markdown, tables, and notes at the end."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from memmux.ingest.formats.archive import Archive, local, xml_parser
from memmux.ingest.formats.base import Budget, Document, Part

_MAIN = "word/document.xml"
_NOTES = ("footnotes.xml", "endnotes.xml")  # beside it
_HEADING = re.compile(r"heading ?([1-6])|(title)", re.IGNORECASE)


def read(data: bytes, extension: str) -> Document:
    """Return the document; raise ArgumentInvalidError."""
    del extension  # with macros it is the same
    archive = Archive(data, "docx")
    main = _main(archive)
    budget = Budget()
    folder = posixpath.dirname(main)
    notes = [name for note in _NOTES if (name := posixpath.join(folder, note)) in archive.names]
    texts = [_Text(budget).of(archive, name) for name in (main, *notes)]
    return Document(_title(archive), (Part("\n\n".join(text for text in texts if text)),))


def _main(archive: Archive) -> str:
    """Return the name of the member with the text."""
    found = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if local(name) == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
            found.append(attributes.get("Target", "").lstrip("/"))

    if "_rels/.rels" in archive.names:
        parser = xml_parser()
        parser.StartElementHandler = start
        archive.parse("_rels/.rels", parser)
    return next((name for name in found if name in archive.names), _MAIN)


def _title(archive: Archive) -> str:
    said: list[str] = []
    inside = False

    def start(name: str, _: Mapping[str, str]) -> None:
        nonlocal inside
        inside = local(name) == "title"

    def end(_: str) -> None:
        nonlocal inside
        inside = False

    def text(data: str) -> None:
        if inside:
            said.append(data)

    if "docProps/core.xml" in archive.names:
        parser = xml_parser()
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
        archive.parse("docProps/core.xml", parser)
    return "".join(said)


class _Text:
    """Gathers the text of a member; what was deleted, and what is for older programs only, is left out."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._pieces: list[str] = []
        self._reading = False  # inside a run's text
        self._cells = 0  # table cells around this
        self._unseen = 0  # alternatives for older programs around this

    def of(self, archive: Archive, name: str) -> str:
        """Return the text of a member."""
        parser = xml_parser()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        archive.parse(name, parser)
        return "".join(self._pieces).strip()

    def _add(self, text: str) -> None:
        if not self._unseen:
            self._pieces.append(self._budget.spend(text))

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        match local(name):
            case "Fallback":
                self._unseen += 1
            case "t":
                self._reading = True
            case "tab":
                self._add("\t")
            case "br" | "cr":
                self._add("\n")
            case "tc":
                self._cells += 1
            case "pStyle":
                style = next((value for key, value in attributes.items() if local(key) == "val"), "")
                if found := _HEADING.fullmatch(style):
                    self._add("#" * int(found[1] or 1) + " ")

    def _end(self, name: str) -> None:
        match local(name):
            case "Fallback":
                self._unseen -= 1
            case "t":
                self._reading = False
            case "p":
                self._add(" " if self._cells else "\n\n")
            case "tc":
                self._cells -= 1
                self._add("\t")
            case "tr":
                self._add("\n")
            case "tbl":
                self._add("\n")

    def _characters(self, data: str) -> None:
        if self._reading:
            self._add(data)
