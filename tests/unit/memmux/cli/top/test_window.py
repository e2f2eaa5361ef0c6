"""The window: scrolling, its last line, and the explanation."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, Group
from rich.text import Text

from memmux.cli.top.page import explanation
from memmux.cli.top.window import Key, Window, keys_of

HEIGHT = 6


def _seen(window: Window, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=HEIGHT)
    console.print(window, height=HEIGHT)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()[:HEIGHT]


@pytest.fixture
def window() -> Window:
    made = Window()
    made.page = Group(*(Text(f"line {number}") for number in range(1, 21)))
    made.explanation = explanation()
    return made


def test_keys_are_told_apart_also_when_several_are_pressed_at_once() -> None:
    assert keys_of(b"\x1b[Bxj \x1b[5~?q") == [Key.DOWN, Key.DOWN, Key.PAGE_DOWN, Key.PAGE_UP, Key.HELP, Key.END]


def test_it_shows_as_much_as_there_is_room_for_and_says_where_it_is(window: Window) -> None:
    *lines, foot = _seen(window)
    assert lines == [f"line {number}" for number in range(1, 6)]
    assert foot.endswith("; lines 1 to 5 of 20")


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        ([Key.DOWN], 2),
        ([Key.DOWN, Key.DOWN, Key.UP], 2),
        ([Key.UP], 1),
        ([Key.PAGE_DOWN], 5),
        ([Key.BOTTOM], 16),
        ([Key.BOTTOM, Key.DOWN], 16),
        ([Key.BOTTOM, Key.PAGE_UP], 12),
        ([Key.BOTTOM, Key.TOP], 1),
    ],
)
def test_keys_scroll_and_stay_on_the_page(window: Window, keys: list[Key], first: int) -> None:
    _seen(window)
    for key in keys:
        window.press(key)
    assert _seen(window)[0] == f"line {first}"


def test_a_page_that_became_shorter_is_seen_to_its_end(window: Window) -> None:
    _seen(window)
    window.press(Key.BOTTOM)
    window.page = Group(*(Text(f"line {number}") for number in range(1, 4)))
    assert _seen(window)[:3] == ["line 1", "line 2", "line 3"]


def test_the_explanation_takes_the_place_of_the_page_and_goes_again(window: Window) -> None:
    _seen(window)
    window.press(Key.HELP)
    assert _seen(window)[0].strip() == "memmux top"
    window.press(Key.HELP)
    assert _seen(window)[0] == "line 1"
