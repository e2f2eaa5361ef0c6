"""HTML: what can be read of a page, headings and lists as Markdown has them, by the standard library's parser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from memmux.ingest.formats.base import Budget, Document, Part, clean, unreadable
from memmux.ingest.formats.encoding import decode

_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object"})
_BLOCK_NAMES = (
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hgroup hr html legend main menu nav ol p pre section summary table ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_LINES = frozenset({"br", "tr", "li", "option", "caption"})  # what begins a line, but no paragraph
_CELLS = frozenset({"td", "th"})
_SPACE = re.compile(r"\s+")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w-]{1,40})")
_HEAD_BYTES = 4096  # that are searched for the name of the encoding


def read(data: bytes, extension: str) -> Document:
    """Return the document; raise ArgumentInvalidError if it is no text."""
    del extension  # XHTML is read by the same rules
    head = data[:_HEAD_BYTES]
    found = _META.search(head) or _XML.search(head)
    title, text = page(decode(data, found[1].decode() if found is not None else ""), Budget())
    return Document(title, (Part(text),))


def page(html: str, budget: Budget) -> tuple[str, str]:
    """Return the title and the text of a page; raise ArgumentInvalidError if it has too many characters."""
    reader = _Reader(budget)
    try:
        reader.feed(clean(html))
        reader.close()
    except (AssertionError, ValueError) as error:  # what a broken declaration may end in
        raise unreadable("HTML", error) from None
    return reader.said()


class _Reader(HTMLParser):
    """Gathers lines; what begins a block leaves an empty one before it."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(convert_charrefs=True)
        self._budget = budget
        self._lines: list[str] = []
        self._line: list[str] = []
        self._title: list[str] = []
        self._first_heading = ""
        self._in_heading = False
        self._in_title = False
        self._verbatim = 0
        self._unseen = ""  # the element that is left out, and how often it stands in itself
        self._depth = 0

    def said(self) -> tuple[str, str]:
        """Return the title and the text."""
        self._end()
        title = _SPACE.sub(" ", "".join(self._title)).strip()
        return title or self._first_heading, "\n".join(self._lines).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs  # nothing in them is read
        if self._unseen:
            self._depth += tag == self._unseen
        elif tag in _UNSEEN:
            self._unseen, self._depth = tag, 1
        elif tag == "title":
            self._in_title = True
        elif tag in _BLOCKS:
            self._block()
            self._verbatim += tag == "pre"
            if re.fullmatch(r"h[1-6]", tag):
                self._in_heading = True
                self._line.append("#" * int(tag[1]) + " ")
        elif tag in _LINES:
            self._end()
            if tag == "li":
                self._line.append("- ")
        elif tag in _CELLS and self._line:
            self._line.append("\t")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            self._depth -= tag == self._unseen
            if not self._depth:
                self._unseen = ""
        elif tag == "title":
            self._in_title = False
        elif tag in _BLOCKS:
            if self._in_heading and tag.startswith("h"):
                self._in_heading = False
                self._first_heading = self._first_heading or "".join(self._line).lstrip("# ").strip()
            self._block()
            self._verbatim -= tag == "pre" and self._verbatim > 0

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self._budget.spend(data)
        if self._in_title:
            self._title.append(data)
        elif self._verbatim:
            *whole, last = data.split("\n")
            for line in whole:
                self._line.append(line)
                self._end(always=True)
            self._line.append(last)
        else:
            self._line.append(_SPACE.sub(" ", data))

    def _block(self) -> None:
        self._end()
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def _end(self, *, always: bool = False) -> None:
        """End the line; an empty one only in what is verbatim."""
        line = "".join(self._line)
        line = line.rstrip() if self._verbatim else "\t".join(cell.strip() for cell in line.split("\t"))
        while not self._verbatim and "  " in line:
            line = line.replace("  ", " ")
        self._line = []
        if line.strip("-# \t") or always:
            self._lines.append(line)
