"""Filters: which lines are wanted. Most are told apart by a look at their bytes; only the rest are parsed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memmux.errors import ArgumentInvalidError
from memmux.tail.lines import written_at

LEVELS = ("debug", "info", "warning", "error")
_CONDITION = re.compile(r"([\w.-]+)\s*(!=|>=|<=|=|>|<)(.*)", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Condition:
    """One `key=value`: a field and what its value must be; numbers compare as numbers.

    A field of an object is `key.inner`. A line without the field does not meet any condition, `!=` included. A list
    equals what it holds.
    """

    key: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return the condition that `text` is; raise ArgumentInvalidError."""
        found = _CONDITION.fullmatch(text.strip())
        if found is None:
            raise ArgumentInvalidError(f"--where {text!r} is no condition; write it like outcome!=ok or total_ms>100")
        return cls(found[1], found[2], found[3].strip())

    def met(self, line: Mapping[str, Any]) -> bool:
        """Return whether a line meets it."""
        found: Any = line
        for part in self.key.split("."):
            found = found.get(part, _MISSING) if isinstance(found, Mapping) else _MISSING
        if found is _MISSING:
            return False
        if self.sign in ("=", "!="):
            equal = any(map(self._equals, found)) if isinstance(found, list) else self._equals(found)
            return equal is (self.sign == "=")
        return self._ordered(found)

    def _equals(self, found: object) -> bool:
        if isinstance(found, bool) or found is None:
            return self.value in _WORDS and _WORDS[self.value] is found
        if isinstance(found, int | float):
            return found == _number(self.value)
        return str(found) == self.value

    def _ordered(self, found: object) -> bool:
        order = _ORDERS[self.sign]
        if isinstance(found, int | float) and not isinstance(found, bool):
            number = _number(self.value)
            return number is not None and order(found, number)
        return isinstance(found, str) and order(found, self.value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class Filter:
    """Chooses lines: those that meet all that is given.

    since: as `memmux.tail.lines.stamp` writes it. level: the least. events: one of these. request: the id of a request,
    or of a tool call. client: its name.
    """

    def __init__(
        self,
        *,
        since: bytes = b"",
        level: str = LEVELS[0],
        events: Sequence[str] = (),
        where: Sequence[Condition] = (),
        request: str = "",
        client: str = "",
    ) -> None:
        self.since = since
        self._levels = frozenset(LEVELS[LEVELS.index(level) :])
        self._events = frozenset(events)
        self._where = tuple(where)
        self._request = request
        self._client = client
        self._marks = self._marked(level)

    def _marked(self, level: str) -> list[tuple[bytes, ...]]:
        """Return groups of bytes: a line that is wanted holds one of each."""
        marks: list[tuple[bytes, ...]] = [
            (b'"%b":' % condition.key.split(".")[0].encode(),) for condition in self._where
        ]
        if level != LEVELS[0]:
            marks.insert(0, tuple(b'"level":"%b"' % name.encode() for name in LEVELS[LEVELS.index(level) :]))
        if self._events:
            marks.insert(0, tuple(b'"event":%b' % orjson.dumps(name) for name in sorted(self._events)))
        if self._client:
            marks.insert(0, (b'"client":%b' % orjson.dumps(self._client),))
        if self._request:
            marks.insert(0, (orjson.dumps(self._request),))
        return marks

    @property
    def selective(self) -> bool:
        """Whether it asks for more than a time; then what can't be read is left out."""
        return bool(self._marks)

    def chosen(self, chunk: bytes) -> list[bytes]:
        """Return the lines of a chunk, which holds whole lines, that are wanted."""
        marks = self._marks
        if not all(any(mark in chunk for mark in group) for group in marks):
            return []
        lines = chunk.split(b"\n")
        for group in marks:
            if len(group) == 1:
                (mark,) = group
                lines = [line for line in lines if mark in line]
            else:
                lines = [line for line in lines if any(mark in line for mark in group)]
        if self.since:  # what has no time of its own is judged with the line before it
            lines = [line for line in lines if not (at := written_at(line)) or at >= self.since]
        return [line for line in lines if self._wanted(line)] if marks else [line for line in lines if line]

    def _wanted(self, raw: bytes) -> bool:
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return False
        return (
            isinstance(line, dict)
            and line.get("level") in self._levels
            and (not self._events or line.get("event") in self._events)
            and (not self._client or line.get("client") == self._client)
            and (not self._request or self._of_request(line))
            and all(condition.met(line) for condition in self._where)
        )

    def _of_request(self, line: Mapping[str, Any]) -> bool:
        listed = line.get("request_ids")
        return self._request in (line.get("request_id"), line.get("call_id")) or (
            isinstance(listed, list) and self._request in listed
        )
