from __future__ import annotations

import codecs
import io
import json
from pathlib import Path

import pytest
from pypdf import PdfWriter

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest import documents
from memmux.ingest.documents import Document, Part
from tests.unit.memmux.ingest.pdfs import pdf


def read(name: str, data: bytes | str) -> Document:
    return documents.read(Path("/folder") / name, data.encode() if isinstance(data, str) else data)


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
    assert len(read("a.md", "# " + "x" * 10_000).title) == documents.TITLE_CHARACTERS


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
        ("a.txt", b"\x89PNG\r\n\x1a\n\x00\x00", "zero bytes"),
        ("a.txt", "Grüße".encode("latin-1"), "not UTF-8 at byte 2"),
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
    with pytest.raises(ArgumentInvalidError, match="11 characters, the most is 10"):
        read("a.txt", "x" * 11)
    with pytest.raises(ArgumentInvalidError, match="more than 10 characters"):
        read("a.pdf", pdf(["x" * 11]))
    with pytest.raises(ArgumentInvalidError, match="3 pages, the most is 2"):
        read("a.pdf", pdf(["a", "b", "c"]))
