from __future__ import annotations

import orjson
import pytest

from memmux.cli.output import harmless
from memmux.cli.tail.page import Page

LINE = {
    "timestamp": "2026-11-25T18:04:05.123456Z",
    "level": "warning",
    "event": "request_slow",
    "process": "router",
    "kind": "router",
    "pid": 7,
    "version": "1",
    "database": "/x",
    "operation": "memory.search",
    "client": "two words",
    "stages": {"read": [0, 1.5]},
}


@pytest.fixture
def page() -> Page:
    return Page(colour=False)


def test_line_has_columns_and_then_what_only_it_has(page: Page) -> None:
    text = page.text(orjson.dumps(LINE))
    assert ":05.123 warning router[7]      request_slow     operation=memory.search" in text
    assert text.endswith('client="two words" stages={"read":[0,1.5]}')
    assert "/x" not in text


def test_colours_are_for_terminals_alone(page: Page) -> None:
    assert "\x1b" not in page.text(orjson.dumps(LINE))
    assert "\x1b[33m" in Page(colour=True).text(orjson.dumps(LINE))


@pytest.mark.parametrize("name", ["client", "event", "process", "level", "timestamp", "exception", "odd\x1bname"])
def test_control_characters_never_reach_the_terminal(page: Page, name: str) -> None:
    evil = "a\x1b]0;x\x07b\x9bc\u202ed\ne"
    text = page.text(orjson.dumps({**LINE, name: evil}))
    assert not set("\x1b\x07\x9b\u202e") & set(text)
    assert text.count("\n") == (2 if name == "exception" else 0)


@pytest.mark.parametrize("raw", [b'{"cut', b"\xff\x1bplain", b"[1]", b"null", b'{"level":[1],"event":null}', b"{}"])
def test_what_is_no_line_of_ours_is_shown_and_does_no_harm(page: Page, raw: bytes) -> None:
    assert "\x1b" not in page.text(raw)


def test_traceback_stands_below_its_line(page: Page) -> None:
    text = page.text(orjson.dumps({**LINE, "exception": "Traceback\n  File\nValueError"}))
    assert text.split("\n")[1:] == ["    Traceback", "      File", "    ValueError"]


def test_json_for_a_terminal_stays_json() -> None:
    raw = orjson.dumps({**LINE, "client": "a\x9b\u202eb"})
    shown = harmless(raw)
    assert orjson.loads(shown) == orjson.loads(raw)
    assert shown.isascii()
