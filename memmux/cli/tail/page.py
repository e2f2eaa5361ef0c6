"""The page: lines as people read them, aligned, coloured on a terminal, and harmless to it."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

import click
import orjson

from memmux.cli.output import clean, flat

_COMMON = frozenset(
    {"timestamp", "level", "event", "process", "kind", "pid", "version", "database", "exception"}
)  # have columns of their own, or say the same on each line
_PLAIN = re.compile(r"[\w.:/@+-]+")
_COLOURS = {"debug": "bright_black", "info": "green", "warning": "yellow", "error": "red"}
_TIME_WIDTH, _LEVEL_WIDTH, _MOST_WIDTH = 23, 7, 28
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_SECOND, _MILLISECOND = len("2026-11-25T18:04:05"), len("2026-11-25T18:04:05.123")


class Page:
    """Makes a line of text of each log line; columns grow with what they hold."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._widths = {"process": 14, "event": 16}
        self._names: dict[str, str] = {}  # of fields, as they stand before a value; there are few

    def text(self, raw: bytes) -> str:
        """Return the text of a log line; what is no JSON object stays what it is, but for control characters."""
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:
            line = None
        if not isinstance(line, dict):
            return flat(raw.decode(errors="backslashreplace"))
        level = str(line.get("level", ""))
        columns = [
            self._styled(_local(str(line.get("timestamp"))).ljust(_TIME_WIDTH), fg="bright_black"),
            self._styled(flat(level).ljust(_LEVEL_WIDTH), fg=_COLOURS.get(level)),
            self._column("process", f"{line.get('process', '')}[{line.get('pid', '')}]", fg="cyan"),
            self._column("event", str(line.get("event", "")), bold=True),
        ]
        columns += [self._named(name) + _written(line[name]) for name in line if name not in _COMMON]
        text = " ".join(columns).rstrip()
        if isinstance(trace := line.get("exception"), str):
            text += "".join(f"\n    {clean(part)}" for part in trace.split("\n"))
        return text

    def _column(self, name: str, value: str, **style: Any) -> str:
        text = flat(value)
        self._widths[name] = width = min(_MOST_WIDTH, max(self._widths[name], len(text)))
        return self._styled(text.ljust(width), **style)

    def _named(self, name: str) -> str:
        if (known := self._names.get(name)) is None:
            known = self._names[name] = f"{self._styled(_written(name), fg='bright_black')}="
        return known

    def _styled(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colour else text


def _written(value: object) -> str:
    """Return a value in one piece: numbers and plain words as they are, everything else as JSON."""
    # A switch is an int, too, and is written as JSON does.
    if type(value) in (int, float) or (isinstance(value, str) and _PLAIN.fullmatch(value)):
        return str(value)
    return flat(orjson.dumps(value).decode())


def _local(timestamp: str) -> str:
    """Return a time as people here read it, to the millisecond."""
    second = _second(timestamp[:_SECOND]) if _TIME.fullmatch(timestamp) else ""
    return f"{second}{timestamp[_SECOND:_MILLISECOND]}" if second else flat(timestamp)


@lru_cache(maxsize=64)
def _second(text: str) -> str:
    """Return a second of UTC as people here read it; empty for what is none."""
    try:
        return f"{datetime.fromisoformat(f'{text}+00:00').astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return ""
