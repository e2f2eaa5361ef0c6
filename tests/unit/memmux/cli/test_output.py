"""Text for people."""

from __future__ import annotations

import ast
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

import memmux.cli
from memmux.cli import output
from memmux.errors import MemmuxError
from memmux.wire.answers import Memory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
EVIL = [
    f"a{mark}b"
    for mark in ("\n", "\r", "\t", "\x1b[2J", "\x9b1A", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\x7f")
]
_PRINTERS = {"output.py", "streams.py", "shadow_launcher.py"}  # the last one's texts are its own, and its user's


def _memory(content: str) -> Memory:
    return Memory(id="id", content=content, content_hash="hash", tags=("a", "b"), created_at=NOON, updated_at=NOON)


@pytest.mark.parametrize(
    ("zone", "moment", "shown"),
    [
        ("Asia/Tokyo", NOON, "2026-11-23 21:00"),
        ("UTC-24", NOON, "2026-11-23 12:00"),
        ("America/New_York", datetime.min.replace(tzinfo=UTC), "1-01-01 00:00"),
        ("Asia/Tokyo", datetime.max.replace(tzinfo=UTC), "9999-12-31 23:59"),
    ],
)
def test_a_time_is_shown_as_the_clock_here_has_it_or_else_in_utc(
    monkeypatch: pytest.MonkeyPatch, zone: str, moment: datetime, shown: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        told = output.local(moment)
    time.tzset()
    assert told.lstrip("0") == shown  # of the year 1, the C library may write four digits


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


@pytest.mark.parametrize("evil", EVIL)
def test_a_line_stays_one_line_whatever_it_holds(evil: str, capsys: pytest.CaptureFixture[str]) -> None:
    memory = Memory(
        id=evil, content=evil, content_hash="hash", tags=(evil,), type=evil, created_at=NOON, updated_at=NOON
    )
    output.line(evil, output.styled(evil, fg="red"))
    output.line(evil, err=True)
    output.note(evil)
    output.warn([evil])
    output.failure(MemmuxError(evil), as_json=False)
    output.facts([("name", evil)])
    output.table(evil, ("name", "count"), [(evil, 1)])
    output.summary(memory, 0.5)
    shown = capsys.readouterr()
    assert not OBEYED.search(shown.out + shown.err)
    assert (shown.out.count("\n"), shown.err.count("\n")) == (8, 4)


@pytest.mark.parametrize("evil", EVIL)
def test_json_means_the_same_and_holds_nothing_that_a_terminal_obeys(
    evil: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.document({evil: [evil]})
    shown = capsys.readouterr().out
    assert not OBEYED.search(shown)
    assert orjson.loads(shown) == {evil: [evil]}


def test_json_of_what_is_no_unicode_has_it_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    output.document({"path": ("a\udcff", _memory("\ud800"))})
    path, memory = orjson.loads(capsys.readouterr().out)["path"]
    assert (path, memory["content"]) == ("a\\udcff", "\\ud800")


def test_colours_are_for_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", terminal)
    output.line("a ", output.styled("b\x1b", fg="red"))
    assert terminal.getvalue() == "a \x1b[31mb\\x1b\x1b[0m\n"


def _printing(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"print", "click.echo", "click.secho", "click.style"} or called.endswith(
                (".stdout.write", ".stderr.write")
            ):
                yield f"{called} in line {node.lineno}"


def test_everything_for_people_is_printed_in_one_place() -> None:
    folder = Path(memmux.cli.__file__).parent
    found = {
        str(path.relative_to(folder)): printing
        for path in folder.rglob("*.py")
        if path.name not in _PRINTERS
        and path.parent.name not in {"docs", "tail"}  # tail has bytes, and a page of its own
        and (printing := list(_printing(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert not found
