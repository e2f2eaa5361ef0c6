"""What a change did to a memory, as lines for people: `- ` what it took away, `+ ` what it put there."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import islice, zip_longest

import orjson

from memmux.wire.answers import Memory

MOST = 20  # lines of one change that are told
WINDOW = 200  # characters of a line that are told
_BEFORE = 40  # of them before what differs
_FIELDS = ("type", "tags", "metadata", "aliases", "thread", "place")


def differences(before: Memory | None, after: Memory | None) -> Iterator[str]:
    """Yield the lines of a change; before: None for a memory that is new. Nothing if it is not known what it became."""
    if after is None:
        return
    lines = list(_lines(before, after))
    yield from islice(lines, MOST)
    if len(lines) > MOST:
        yield f"… and {len(lines) - MOST} lines more"


def _lines(before: Memory | None, after: Memory) -> Iterator[str]:
    old, new = ([] if one is None else one.content.splitlines() for one in (before, after))
    for tag, i, j, k, m in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag != "equal":
            pairs = list(zip_longest(old[i:j], new[k:m]))
            yield from (f"- {_around(line, other)}" for line, other in pairs if line is not None)
            yield from (f"+ {_around(line, other)}" for other, line in pairs if line is not None)
    for name in _FIELDS:
        was, now = (None if one is None else getattr(one, name) for one in (before, after))
        if was != now:
            yield from (f"{mark} {name}: {_shown(value)}" for mark, value in (("-", was), ("+", now)) if value)


def _around(line: str, other: str | None) -> str:
    """Return a line, or of a long one the part around where it begins to differ from another."""
    if len(line) <= WINDOW:
        return line
    alike = next((place for place, (one, two) in enumerate(zip(line, other or "", strict=False)) if one != two), 0)
    begin = max(0, alike - _BEFORE)
    part = line[begin : begin + WINDOW]
    return f"{'…' if begin else ''}{part}{'…' if begin + WINDOW < len(line) else ''}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else orjson.dumps(value).decode()
