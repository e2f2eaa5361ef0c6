"""Text for people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memmux.cli import output
from memmux.wire.answers import Memory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _memory(content: str) -> Memory:
    return Memory(id="id", content=content, content_hash="hash", tags=("a", "b"), created_at=NOON, updated_at=NOON)


def test_control_characters_are_shown_not_obeyed() -> None:
    assert output.clean("\x1b[2J\r\x9b\u202e") == "\\x1b[2J\\r\\x9b\\u202e"


def test_letters_line_feeds_and_emoji_stay_as_they_are() -> None:
    text = "Zoë\tsaid:\n日本語 👩‍💻"
    assert output.clean(text) == text


def test_long_memory_is_cut_in_a_list_but_not_alone(capsys: pytest.CaptureFixture[str]) -> None:
    memory = _memory("word " * 1000)
    output.summary(memory)
    line = capsys.readouterr().out.splitlines()[1].strip()
    assert len(line) <= output.PREVIEW_CHARACTERS
    assert line.endswith("…")
    output.whole(memory)
    assert "word " * 1000 in capsys.readouterr().out


def test_memory_in_a_list_takes_two_lines_however_many_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    output.summary(_memory("one\ntwo\n\nthree"), 0.5)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("0.500  id  ")
    assert first.endswith("#a  #b")
    assert second == "  one two three"


def test_table_without_a_terminal_aligns_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    output.table("things", ("name", "count"), [("short", 1), ("much longer", 100)])
    assert capsys.readouterr().out == "\nthings\nname         count\nshort            1\nmuch longer    100\n"
