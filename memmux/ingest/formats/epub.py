"""The text of an EPUB: its chapters in the order of reading, each a part of its own."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from urllib.parse import unquote

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.archive import Archive, local, xml_parser
from memmux.ingest.formats.base import Budget, Document, Part
from memmux.ingest.formats.encoding import decode
from memmux.ingest.formats.html_text import page

_CONTAINER = "META-INF/container.xml"


def read(data: bytes, extension: str) -> Document:
    """Return the document; raise ArgumentInvalidError."""
    del extension  # there is one
    archive = Archive(data, "EPUB")
    package = _Package(archive)
    budget = Budget()
    if len(package.chapters) > limits.INGEST_PAGES:
        raise ArgumentInvalidError(f"it has {len(package.chapters)} chapters, the most is {limits.INGEST_PAGES}")
    texts = (page(decode(archive.member(name)), budget)[1] for name in package.chapters)
    parts = tuple(Part(text) for text in texts if text)
    if not parts:
        raise ArgumentInvalidError("it has no text; a book of pictures, or one that is protected, has none")
    return Document(package.title, parts)


class _Package:
    """What the package document says: the title, and the members that are the chapters, in order."""

    def __init__(self, archive: Archive) -> None:
        self._title: list[str] = []
        self._in_title = False
        self._package = ""
        self._items: dict[str, str] = {}
        self._spine: dict[str, None] = {}  # a chapter counts once, however often it is named
        self._read(archive, _CONTAINER)
        self._read(archive, self._package)
        base = posixpath.dirname(self._package)
        found = (self._items[item] for item in self._spine if item in self._items)
        names = (posixpath.normpath(posixpath.join(base, unquote(href.partition("#")[0]))) for href in found)
        self.chapters = tuple(dict.fromkeys(name for name in names if name in archive.names))
        self.title = "".join(self._title)

    def _read(self, archive: Archive, name: str) -> None:
        parser = xml_parser()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        archive.parse(name, parser)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        match local(name):
            case "rootfile":
                self._package = self._package or attributes.get("full-path", "")
            case "item":
                self._items[attributes.get("id", "")] = attributes.get("href", "")
            case "itemref":
                self._spine[attributes.get("idref", "")] = None
            case "title" if not self._title:
                self._in_title = True

    def _end(self, name: str) -> None:
        if local(name) == "title":
            self._in_title = False

    def _characters(self, data: str) -> None:
        if self._in_title:
            self._title.append(data)
