"""Filters: which lines are wanted. Most are told apart by a look at their bytes; only the rest are parsed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from memmux.errors import ArgumentInvalidError
from memmux.logs.reading.file import written_at
from memmux.wire.ids import is_beginning

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
_Check = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One `key=value`: a field and what its value must be; numbers compare as numbers.

    A field of an object is `key.inner`. A line without the field does not meet any condition, `!=` included. A list
    equals what it holds.
    """

    key: str
    sign: str
    value: str
    number: float | None

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return the condition that `text` is; raise ArgumentInvalidError."""
        found = _CONDITION.fullmatch(text.strip())
        if found is None:
            raise ArgumentInvalidError(f"--where {text!r} is no condition; write it like outcome!=ok or total_ms>100")
        value = found[3].strip()
        return cls(found[1], found[2], value, _number(value))

    def met(self, line: Mapping[str, Any]) -> bool:
        """Return whether a line meets it."""
        found: Any = line.get(self.key, _MISSING)
        if found is _MISSING and "." in self.key:
            found = line
            for part in self.key.split("."):
                found = found.get(part, _MISSING) if isinstance(found, dict) else _MISSING
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
            return found == self.number
        return str(found) == self.value

    def _ordered(self, found: object) -> bool:
        order = _ORDERS[self.sign]
        if isinstance(found, int | float) and not isinstance(found, bool):
            return self.number is not None and order(found, self.number)
        return isinstance(found, str) and order(found, self.value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class Filter:
    """Chooses lines: those that meet all that is given.

    since: as `memmux.logs.reading.file.stamp` writes it. level: the least. events: one of these. request: the id of a
    request, or of a tool call, or its beginning. client: its name.

    requests: those that the lines were of, as far as a beginning was given.
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
        self.since, self._request = since, request
        # Groups of bytes, and questions to the parsed line: what is wanted holds one of each group, and passes all.
        self._marks: list[tuple[bytes, ...]] = []
        self._checks: list[_Check] = []
        self.requests: set[str] = set()
        if request:
            self._add((orjson.dumps(request)[: -1 if is_beginning(request) else None],), self._is_of_request)
        if client:
            self._add((b'"client":%b' % orjson.dumps(client),), partial(_is_one_of, "client", {client}))
        if events:
            marks = tuple(b'"event":%b' % orjson.dumps(name) for name in events)
            self._add(marks, partial(_is_one_of, "event", set(events)))
        if level != LEVELS[0]:
            levels = LEVELS[LEVELS.index(level) :]
            marks = tuple(b'"level":"%b"' % name.encode() for name in levels)
            self._add(marks, partial(_is_one_of, "level", set(levels)))
        for condition in where:
            self._add((b'"%b":' % condition.key.split(".")[0].encode(),), condition.met)

    def _add(self, marks: tuple[bytes, ...], check: _Check) -> None:
        self._marks.append(marks)
        self._checks.append(check)

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

    def _is_of_request(self, line: Mapping[str, Any]) -> bool:
        listed = line.get("request_ids")
        ids = [line.get("request_id"), line.get("call_id"), *(listed if isinstance(listed, list) else [])]
        found = {one for one in ids if isinstance(one, str) and self._names(one)}
        self.requests.update(found)
        return bool(found)

    def _names(self, one: str) -> bool:
        return one.startswith(self._request) if is_beginning(self._request) else one == self._request

    def _wanted(self, raw: bytes) -> bool:
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return False
        return isinstance(line, dict) and all(check(line) for check in self._checks)


def _is_one_of(name: str, wanted: AbstractSet[str], line: Mapping[str, Any]) -> bool:
    found = line.get(name)
    return isinstance(found, str) and found in wanted
