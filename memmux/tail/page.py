"""The page: lines as people read them, aligned, coloured on a terminal, and harmless to it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import click
import orjson

from memmux.cli.output import clean

_COMMON = frozenset(
    {"timestamp", "level", "event", "process", "kind", "pid", "version", "database", "exception"}
)  # have columns of their own, or say the same on each line
_PLAIN = re.compile(r"[\w.:/@+-]+")
_COLOURS = {"debug": "bright_black", "info": "green", "warning": "yellow", "error": "red"}
_TIME_WIDTH, _LEVEL_WIDTH, _MOST_WIDTH = 23, 7, 28
_BIDI_AND_C1 = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Page:
    """Makes a line of text of each log line; columns grow with what they hold."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._widths = {"process": 14, "event": 16}

    def text(self, raw: bytes) -> str:
        """Return the text of a log line; what is no JSON object stays what it is, but for control characters."""
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:
            line = None
        if not isinstance(line, dict):
            return clean(raw.decode(errors="backslashreplace"))
        level = str(line.get("level", ""))
        columns = [
            self._styled(_local(line.get("timestamp")).ljust(_TIME_WIDTH), fg="bright_black"),
            self._styled(_flat(level).ljust(_LEVEL_WIDTH), fg=_COLOURS.get(level)),
            self._column("process", f"{line.get('process', '')}[{line.get('pid', '')}]", fg="cyan"),
            self._column("event", str(line.get("event", "")), bold=True),
            *(self._field(name, value) for name, value in line.items() if name not in _COMMON),
        ]
        text = " ".join(columns).rstrip()
        if isinstance(trace := line.get("exception"), str):
            text += "".join(f"\n    {clean(part)}" for part in trace.split("\n"))
        return text

    def _column(self, name: str, value: str, **style: Any) -> str:
        text = _flat(value)
        self._widths[name] = min(_MOST_WIDTH, max(self._widths[name], len(text)))
        return self._styled(text.ljust(self._widths[name]), **style)

    def _field(self, name: str, value: object) -> str:
        return f"{self._styled(_written(name), fg='bright_black')}={_written(value)}"

    def _styled(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colour else text


def harmless(raw: bytes) -> bytes:
    """Return a line of JSON in which what a terminal might obey is escaped as JSON does."""
    text = raw.decode(errors="backslashreplace")
    return _BIDI_AND_C1.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _flat(text: str) -> str:
    return clean(text).replace("\n", "\\n")


def _written(value: object) -> str:
    """Return a value in one piece: plain words as they are, everything else as JSON."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return clean(orjson.dumps(value).decode())


def _local(timestamp: object) -> str:
    """Return a time as people here read it, to the millisecond."""
    try:
        moment = datetime.fromisoformat(str(timestamp)).astimezone()
    except (ValueError, OverflowError):
        return _flat(str(timestamp))
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
