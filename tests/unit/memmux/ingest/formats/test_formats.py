from __future__ import annotations

import codecs
import io
import json
import zipfile
from collections.abc import Mapping

import pytest
from pypdf import PdfWriter

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest import formats
from memmux.ingest.formats.base import Document, Part
from tests.unit.memmux.ingest.pdfs import pdf


def read(name: str, data: bytes | str) -> Document:
    return formats.read(name, data.encode() if isinstance(data, str) else data)


def text_of(document: Document) -> str:
    (part,) = document.parts
    assert part.page is None
    return part.text


def test_text_is_taken_as_it_is_and_named_after_its_file() -> None:
    assert read("notes.txt", "# not a heading\nGrüße\n") == Document("notes.txt", (Part("# not a heading\nGrüße\n"),))
    assert text_of(read("main.py", "print()")) == "print()"


def test_title_of_markdown_is_its_first_heading() -> None:
    assert read("a.md", "Some words\n\n## The title ##\n\n# Another\n").title == "The title"
    assert read("a.md", "#hashtag only\n").title == "a.md"
    assert len(read("a.md", "# " + "x" * 10_000).title) == formats.TITLE_CHARACTERS


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_byte_order_mark_says_the_encoding_and_is_no_text(mark: bytes, encoding: str) -> None:
    assert text_of(read("a.txt", mark + "Grüße 🙂\r\nzwei".encode(encoding))) == "Grüße 🙂\nzwei"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"\x89PNG\r\n\x1a\n\x00\x00", "NUL bytes"),
        ("a.txt", "ÄÖÜäöüß ÄÖÜäöüß".encode() + b"\xff", "UTF-8 but for some bytes, the first of them byte 29"),
        ("a.txt", codecs.BOM_UTF16_LE + b"\x00", "not UTF-16"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.jsonl", b'{"a": 1}\n{"b"\n', "text 2"),
        ("a.pdf", b"no PDF at all", "as PDF"),
        ("a.pdf", b"%PDF-1.7\n1 0 obj\n<</Type /Catalog", "as PDF"),
        ("a.pdf", b"", "as PDF"),
    ],
)
def test_what_can_not_be_read_says_why(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(ArgumentInvalidError, match=reason):
        read(name, data)


def test_json_becomes_lines_that_name_their_place() -> None:
    value = {
        "name": "Ada",
        "born": 1815,
        "works": ["notes", {"title": "Sketch", "pages": 42}],
        "none": None,
        "empty": [],
    }
    assert text_of(read("a.json", json.dumps(value))) == (
        "name: Ada\nborn: 1815\n\nworks[0]: notes\nworks[1].title: Sketch\nworks[1].pages: 42\n\nnone: null\nempty: []"
    )


def test_members_of_a_json_list_are_paragraphs_and_so_are_json_lines() -> None:
    assert (
        text_of(read("a.json", '[{"a": 1}, {"a": "\\ud800x\\u0000"}, "plain"]'))
        == "a: 1\n\na: \N{REPLACEMENT CHARACTER}x\n\nplain"
    )
    assert text_of(read("a.jsonl", '{"a": 1}\n\n[1, 2]\r\n')) == "a: 1\n\n[0]: 1\n[1]: 2"


def test_deep_json_is_read() -> None:
    assert text_of(read("a.json", "[" * 500 + "1" + "]" * 500)).endswith("[0]: 1")


def test_pages_of_a_pdf_are_parts_of_their_own() -> None:
    document = read("a.pdf", pdf(["First page. Ada wrote it.", "Second page."], title="A paper"))
    assert document.title == "A paper"
    assert [(part.page, part.text.strip()) for part in document.parts] == [
        (1, "First page. Ada wrote it."),
        (2, "Second page."),
    ]
    assert read("b.pdf", pdf(["Text"])).title == "b.pdf"


def test_pdf_without_text_and_one_with_a_password_say_so() -> None:
    with pytest.raises(ArgumentInvalidError, match="scanned"):
        read("a.pdf", pdf([""]))
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    with pytest.raises(ArgumentInvalidError, match="encrypted"):
        read("a.pdf", file.getvalue())


def test_too_much_text_is_refused_with_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INGEST_CHARACTERS", 10)
    monkeypatch.setattr(limits, "INGEST_PAGES", 2)
    with pytest.raises(ArgumentInvalidError, match="more than 10 characters, the most"):
        read("a.txt", "x" * 11)
    with pytest.raises(ArgumentInvalidError, match="more than 10 characters"):
        read("a.pdf", pdf(["x" * 11]))
    with pytest.raises(ArgumentInvalidError, match="3 pages, the most is 2"):
        read("a.pdf", pdf(["a", "b", "c"]))


# Markdown with front matter


def test_front_matter_is_title_and_tags_and_what_else_it_says_can_be_found() -> None:
    matter = "title: The title\ntags: [Alpha, '#beta', 7]\ndate: 2026-11-28\nby: {name: Ada, born: 1815}\n"
    document = read("a.md", f"---\n{matter}---\n\n# Other\n\nText.\n")
    assert (document.title, document.tags) == ("The title", ("Alpha", "beta", "7"))
    assert text_of(document) == "date: 2026-11-28\nby.name: Ada\nby.born: 1815\n\n# Other\n\nText.\n"


@pytest.mark.parametrize(
    ("matter", "tags"),
    [
        ("---\ntags: one, two words\n---\n", ("one", "two words")),
        ("---\ntags: one two\n---\n", ("one", "two")),
        ("---\nTags:\n  - one\n  - ONE\n...\n", ("ONE",)),
        ('+++\ntags = ["one"]\n+++\n', ("one",)),
        ("---\nkeywords: [" + "x" * 500 + ", one]\n---", ("one",)),
        ("---\ntags: {a: 1}\n---\n", ()),
    ],
)
def test_tags_are_said_in_several_ways(matter: str, tags: tuple[str, ...]) -> None:
    assert read("a.md", matter).tags == tags


@pytest.mark.parametrize(
    "text", ["---\n: : :\n---\nText", "---\n- a\n---\nText", "---\nno end", "--- \na: b\n---\n", "+++\nno\n+++\n"]
)
def test_what_is_no_front_matter_stays_in_the_text(text: str) -> None:
    document = read("a.md", text)
    assert (text_of(document), document.tags) == (text, ())


@pytest.mark.parametrize("text", ["---\n: : :\n---\nText", "---\na: [\nb: 'c\n---\nText", "+++\nno\n+++\n"])
def test_front_matter_that_is_broken_is_told(text: str) -> None:
    document = read("a.md", text)
    assert text_of(document) == text
    assert document.remark.startswith("its front matter can't be read and was taken as text: ")
    assert "\n" not in document.remark


@pytest.mark.parametrize("text", ["---\na: b\n---\nText", "---\n- a\n---\nText", "---\nno end", "Text"])
def test_front_matter_that_is_well_or_none_needs_no_word(text: str) -> None:
    assert read("a.md", text).remark == ""


def test_front_matter_that_holds_itself_is_refused() -> None:
    with pytest.raises(ArgumentInvalidError, match="in each other"):
        read("a.md", "---\na: &a [*a]\n---\nText")


# tables, pages and notebooks


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_of_a_table_are_paragraphs_that_name_their_columns(delimiter: str) -> None:
    rows = [["name", "born", "note"], ["Ada", "1815", '"a\n""b"""'], ["Alan", "1912", ""]]
    assert text_of(read("a.csv", "\r\n".join(delimiter.join(row) for row in rows))) == (
        'name: Ada\nborn: 1815\nnote: a\n"b"\n\nname: Alan\nborn: 1912'
    )


def test_rows_without_names_are_lines() -> None:
    assert text_of(read("a.csv", "1,2\n3,4\n")) == "1, 2\n\n3, 4"
    assert text_of(read("a.tsv", "a\tb\n1\t2\t3\n")) == "1, 2, 3"
    assert text_of(read("a.csv", "")) == ""


def test_page_is_read_without_what_is_not_seen() -> None:
    document = read(
        "a.html",
        "<!doctype html><head><title>A &amp; B</title><style>p {x: 1}</style></head><body><script>bad()</script>"
        "<h1>One</h1><p>Some   <b>bold</b>\ntext.<p>More<br>lines<ul><li>first<li>second</ul>"
        "<table><tr><td>a<td>b</tr><tr><td>c<td>d</tr></table><pre>x\n  y</pre><svg><text>bad</text></svg>",
    )
    assert document.title == "A & B"
    assert text_of(document) == ("# One\n\nSome bold text.\n\nMore\nlines\n\n- first\n- second\n\na\tb\nc\td\n\nx\n  y")


def test_page_is_named_after_its_heading_and_read_in_the_encoding_that_it_names() -> None:
    page = '<meta charset="windows-1250"><h2>Žluťoučký kůň</h2>'
    assert read("a.htm", page.encode("cp1250")) == Document("Žluťoučký kůň", (Part("## Žluťoučký kůň"),))


def test_cells_of_a_notebook_are_read_without_what_came_out() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# My notebook\n", "Words."]},
        {"cell_type": "code", "source": "# no title\nprint(1)", "outputs": [{"text": "bad"}]},
        {"cell_type": "code", "source": []},
    ]
    notebook = {"metadata": {"kernelspec": {"language": "python"}}, "cells": cells}
    document = read("a.ipynb", json.dumps(notebook))
    assert document.title == "My notebook"
    assert text_of(document) == "# My notebook\nWords.\n\n```python\n# no title\nprint(1)\n```"
    older = {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1"}]}]}
    assert "x = 1" in text_of(read("b.ipynb", json.dumps(older)))


# archives

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'


def archive(members: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in members.items():
            opened.writestr(name, text)
    return file.getvalue()


def docx(body: str, **more: str) -> bytes:
    return archive({"word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>", **more})


def test_word_document_is_read() -> None:
    core = (
        '<p xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The report</dc:title><dc:creator>x</dc:creator></p>'
    )
    notes = f"<w:footnotes {WORD}><w:footnote><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    body = (
        '<w:p><w:pPr><w:pStyle w:val="Heading2"/></w:pPr><w:r><w:t>Part</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>Grüße, </w:t></w:r><w:r><w:t>Welt</w:t><w:tab/><w:t>!</w:t></w:r>"
        "<w:del><w:delText>bad</w:delText></w:del></w:p>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc>"
        "<w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    document = read("a.docx", docx(body, **{"docProps/core.xml": core, "word/footnotes.xml": notes}))
    assert document.title == "The report"
    assert text_of(document).split() == ["##", "Part", "Grüße,", "Welt", "!", "a", "b", "A", "note."]
    assert "## Part\n\nGrüße, Welt\t!\n\n" in text_of(document)


def test_book_is_read_in_its_order() -> None:
    package = (
        '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>The book</dc:title></metadata>'
        '<manifest><item id="b" href="two%20.xhtml"/><item id="a" href="one.xhtml#x"/><item id="c" href="gone.xhtml"/>'
        "</manifest>"
        '<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="a"/><itemref idref="c"/></spine></package>'
    )
    book = {
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": package,
        "OEBPS/two .xhtml": "<p>Second&nbsp;chapter.</p>",
        "OEBPS/one.xhtml": "<html><head><title>x</title></head><p>First chapter.</p></html>",
    }
    document = read("a.epub", archive(book))
    assert document == Document("The book", (Part("First chapter."), Part("Second chapter.")))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.docx", b"\xd0\xcf\x11\xe0 an encrypted one", "without a password"),
        ("a.docx", archive({"x": ""}), "it has no word/document.xml"),
        ("a.docx", archive({"word/document.xml": "<broken"}), "as docx"),
        ("a.docx", archive({"word/document.xml": '<!DOCTYPE d [<!ENTITY a "b">]><d>&a;</d>'}), "declares entities"),
        ("a.docx", docx("<w:p><w:r><w:t>" + "x" * 5000 + "</w:t></w:r></w:p>"), "unpacks to more than 4000 bytes"),
        ("a.epub", archive({"META-INF/container.xml": "<container/>"}), "EPUB"),
        ("a.epub", archive({"META-INF/container.xml": CONTAINER, "OEBPS/book.opf": "<package/>"}), "no text"),
    ],
)
def test_archive_that_can_not_be_read_says_why(
    name: str, data: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INGEST_UNPACKED_BYTES", 4000)
    with pytest.raises(ArgumentInvalidError, match=reason):
        read(name, data)


def test_expanding_json_is_refused_before_it_is_all_there() -> None:
    wide = json.dumps({"k" * 10_000: [1] * 100_000})  # its text would have a billion characters
    with pytest.raises(ArgumentInvalidError, match="more than 16777216 characters"):
        read("a.json", wide)
