"""Notes of basic-memory, whole and hostile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux import limits
from memmux.transfer.formats import basic_memory
from memmux.transfer.formats.base import Line, Skips
from memmux.transfer.formats.basic_memory import Note


def lines(**texts: str | bytes) -> tuple[list[Line], dict[str, int]]:
    def notes(_: Skips) -> Iterator[Note]:
        for name, text in texts.items():
            yield Note(f"{name}.md", text.encode() if isinstance(text, str) else text, 5.0)

    skips = Skips()
    return list(basic_memory.lines(notes, "default", skips)), dict(skips.counts)


def test_observations_relations_and_mentions_are_understood_as_they_are_there() -> None:
    found, skipped = lines(
        one="---\ntitle: One\ntags: a, b\nmodified: 2025-01-02 03:04:05\n---\n- [fact] it is so #c\n- [x] done\n"
        "- [text](http://x)\n```\n- [code] no\n- see [[Two]]\n```\n- part of [[two|the other]]\n- [[Two]]\n"
        "as in [[One]]\n",
        two="Two",
    )
    (one, two) = found
    assert one["tags"] == ["a", "b", "c"]
    assert one["metadata"]["categories"] == ["fact"]
    assert one["updated_at"] == 1735787045.0
    assert [(link["relation"], link["target"]) for link in one["links"]] == [
        ("part of", two["id"]),
        ("relates_to", two["id"]),
        ("links_to", one["id"]),
    ]
    assert two["content"] == "# two\n\nTwo"
    assert skipped == {}


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2024", 1704067200.0),
        ("20240115", 1705276800.0),
        ("'20240115'", 1705276800.0),
        ("202401151230", 1705321800.0),
        ("20240115123005", 1705321805.0),
        ("2024-01-15", 1705276800.0),
        ("1705276800", 1705276800.0),
        ("1705276800.5", 1705276800.5),
        ("99999999", 5.0),
        ("12:30", 5.0),
        ("-2024", 5.0),
        ("true", 5.0),
        (".nan", 5.0),
        ("9" * 400, 5.0),
        ("0x" + "f" * 5000, 5.0),
    ],
)
def test_a_number_is_the_date_that_it_is_written_as_or_seconds_of_our_time(said: str, at: float) -> None:
    (one,), _ = lines(one=f"---\ncreated: {said}\n---\ntext")
    assert (one["created_at"], one["updated_at"]) == (at, 5.0)


def test_a_relation_to_a_note_that_does_not_exist_yet_is_open_and_nothing_broken() -> None:
    skips = Skips()
    texts = {"one": b"see [[Tea]]\n- needs [[Milk]]\n", "two": b"[[Tea]]"}
    notes = [Note(f"{name}.md", text, 5.0) for name, text in texts.items()]
    found = list(basic_memory.lines(lambda _: iter(notes), "default", skips))
    assert [line.get("links") for line in found] == [None, None]
    assert (dict(skips.counts), skips.broken) == ({"open relations, to notes that do not exist yet": 3}, 0)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("# Plain\nmore", "# Plain\nmore"),
        ("\n#  Another Title ##\nmore", "#  Another Title ##\nmore"),
        ("Plain\n=====\nmore", "Plain\n=====\nmore"),
        ("---\ntags: a\n---\n# Plain\nmore", "# Plain\nmore"),
        ("---\ntitle: my-own plain\n---\n# My own: Plain\nmore", "# My own: Plain\nmore"),
        ("---\ntitle: Tea\n---\n# Methods\nmore", "# Tea\n\n# Methods\nmore"),
        ("## Part\nmore", "# plain\n\n## Part\nmore"),
        ("#tag more", "# plain\n\n#tag more"),
    ],
)
def test_a_note_that_begins_with_its_title_gets_no_other(text: str, content: str) -> None:
    (found,), _ = lines(plain=text)
    assert found["content"] == content


@pytest.mark.parametrize(
    "matter",
    [
        "a: [",
        "- 1",
        "a: &x [1]\nb: *x",
        "!!python/object/apply:os.system [true]",
        "? [1, 2]\n: 3",
        "a" * 70_000,
        "x: " + "[" * 5000,
    ],
)
def test_front_matter_that_can_not_be_read_is_text(matter: str) -> None:
    found, _ = lines(one=f"---\n{matter}\n---\nbody [[one]]\n")
    assert "body" in found[0]["content"]


def test_long_lines_of_blanks_are_read_at_once() -> None:
    blanks = " " * 20_000
    heading = f"# One{blanks}two #\n- {blanks}\n"
    relations = f"- {blanks}[[Two\n- part{blanks}of [[Two]]\n{blanks}- [a]{blanks}\n- {'x' * 129} [[Two]]"
    one, other, _ = lines(one=heading, other=relations, two="# Two")[0]
    assert one["content"] == heading.strip()
    assert [link["relation"] for link in other["links"]] == ["links_to"]


def test_a_key_of_any_type_and_bytes_of_any_kind_are_taken() -> None:
    found, _ = lines(
        one="---\n2024-01-01: {3: [.nan, 2020-01-01]}\ntitle: [x]\ntags: {a: b}\n---\n", two=b"\xff\0\xfe", three=""
    )
    assert found[0]["metadata"]["2024-01-01"] == {"3": [None, "2020-01-01"]}
    assert [line["content"] for line in found] == ["# one", "# two\n\n\ufffd\ufffd", "# three"]


def test_nothing_outside_the_folder_is_read_and_no_pipe_waited_for(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.md").write_text("secret")
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("fine")
    (folder / "file.md").symlink_to(tmp_path / "secret" / "key.md")
    (folder / "folder").symlink_to(tmp_path / "secret")
    (folder / "big.md").write_bytes(b"x" * (limits.CONTENT_BYTES + (70 << 10)))
    os.mkfifo(folder / "pipe.md")
    skips = Skips()
    found = list(basic_memory.lines(basic_memory.in_folder(folder), "default", skips))
    assert [line["content"] for line in found] == ["# a\n\nfine"]
    assert dict(skips.counts) == {"a link, which is not followed": 1, basic_memory._LONG: 1, "no ordinary file": 1}
