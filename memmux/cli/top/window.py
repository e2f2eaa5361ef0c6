"""The window: as much of a page as the terminal has lines for, which keys move, and a last line that says how."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style

FOOT = "q ends, ? explains, arrows and pages scroll"
_DIM = Style(dim=True)


class Key(Enum):
    """What a key asks for."""

    UP = auto()
    DOWN = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    TOP = auto()
    BOTTOM = auto()
    HELP = auto()
    END = auto()


_KEYS: Mapping[bytes, Key] = MappingProxyType(
    {
        **dict.fromkeys((b"\x1b[A", b"\x1bOA", b"k"), Key.UP),
        **dict.fromkeys((b"\x1b[B", b"\x1bOB", b"j"), Key.DOWN),
        **dict.fromkeys((b"\x1b[5~", b"b"), Key.PAGE_UP),
        **dict.fromkeys((b"\x1b[6~", b" "), Key.PAGE_DOWN),
        **dict.fromkeys((b"\x1b[H", b"\x1bOH", b"\x1b[1~", b"g"), Key.TOP),
        **dict.fromkeys((b"\x1b[F", b"\x1bOF", b"\x1b[4~", b"G"), Key.BOTTOM),
        **dict.fromkeys((b"?", b"h", b"H"), Key.HELP),
        **dict.fromkeys((b"q", b"Q", b"\x03", b"\x04"), Key.END),
    }
)


def keys_of(pressed: bytes) -> list[Key]:
    """Return what the keys ask for that were read from a terminal; those that mean nothing are left out."""
    found: list[Key] = []
    while pressed:
        code = next((code for code in sorted(_KEYS, key=len, reverse=True) if pressed.startswith(code)), b"")
        if code:
            found.append(_KEYS[code])
        pressed = pressed[len(code) or 1 :]
    return found


class Window:
    """What is seen of a page: from which line on, and whether the explanation stands in its place."""

    def __init__(self) -> None:
        self.page: RenderableType = ""
        self.explanation: RenderableType = ""
        self.explains = False
        self._first = 0
        self._height = 1
        self._lines = 0

    def press(self, key: Key) -> None:
        """Move by a key, or show and hide the explanation."""
        if key is Key.HELP:
            self.explains, self._first = not self.explains, 0
            return
        page = max(1, self._height - 1)
        move = {Key.UP: -1, Key.DOWN: 1, Key.PAGE_UP: -page, Key.PAGE_DOWN: page, Key.TOP: -self._lines}
        self._first += move.get(key, self._lines)
        self._bound()

    def _bound(self) -> None:
        self._first = max(0, min(self._first, self._lines - self._height))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as many lines as there is room for."""
        shown = self.explanation if self.explains else self.page
        lines = console.render_lines(shown, options.reset_height(), pad=False)
        self._lines, self._height = len(lines), max(1, options.max_height - 1)
        self._bound()
        for line in lines[self._first : self._first + self._height]:
            yield from line
            yield Segment.line()
        last = min(self._lines, self._first + self._height)
        place = "" if self._lines <= self._height else f"; lines {self._first + 1} to {last} of {self._lines}"
        yield Segment(f"{FOOT}{place}"[: options.max_width], _DIM)
