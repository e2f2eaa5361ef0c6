"""Changes to one member of a JSON text, with every other byte as it was: comments, order, indentation, trailing commas.

What editors and MCP clients read: JSON with `//` and `/* */` comments and trailing commas. The libraries that write it
either lose the formatting (json5, json-five) or bring an engine of another language; what is needed here is the span
of a member, so this scans for spans and cuts. Of keys that stand twice the last counts, as it does for readers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Keys = tuple[str, ...]
"""Where a member is: the keys on the way to it, its own last."""

DEPTH = 200  # of objects and arrays in each other; a configuration has ten
_INDENT = "  "  # where nothing tells another
_TRIVIA = re.compile(r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*(?s:.*?)\*/)*+")
_COMMENT = re.compile(r"//[^\r\n]*+|/\*(?s:.*?)\*/")
_END_OF_LINE = re.compile(r"[ \t]*+[\r\n]")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*+"')
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.+-])|(?:true|false|null)(?!\w)")
_BOM = "\ufeff"
_WHITE = " \t\r\n"  # what JSON takes for it; a comment may end with other white space


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object: where its key starts, its value, and the offset of the comma after it, if there is one."""

    key: str
    start: int
    value: Node
    comma: int | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the span of it, `text[start:end]`; members is None for what is no object."""

    start: int
    end: int
    value: Any
    members: tuple[Member, ...] | None = None

    def member(self, key: str) -> Member | None:
        """Return the member that counts, or None."""
        return next((member for member in reversed(self.members or ()) if member.key == key), None)


def read(text: str) -> Any:
    """Return the value of a JSON text; an empty one, or one of comments alone, is an empty object.

    Raises ValueError, which says the line and what was expected there.
    """
    root = _parse(text)
    return {} if root is None else root.value


def put(text: str, path: Keys, value: object) -> str:
    """Return the text with `value` at `path`; objects that are missing on the way are made.

    A value that is there is replaced; a new member stands last in its object. Raises ValueError for a text that is no
    JSON, and if something on the way is no object.
    """
    node = _parse(text)
    eol = "\r\n" if "\r\n" in text else "\n"
    if node is None:
        head = text + eol if text.strip(_WHITE + _BOM) and not text.endswith("\n") else text
        return head + _dump(_nested(path, value), "", _INDENT, eol) + eol
    style = _Style(text, node, eol)
    for place, key in enumerate(path):
        if node.members is None:
            raise ValueError(f"{'.'.join(path[:place]) or 'the whole'} is no object")
        member = node.member(key)
        if member is None:
            return style.inserted(node, key, _nested(path[place + 1 :], value))
        node = member.value
    return _cut(text, [(node.start, node.end, style.dumped(node.start, value))])


def drop(text: str, path: Keys) -> str:
    """Return the text without the member at `path`; if it is not there, the text as it is. Raises as `put` does."""
    while True:
        node = _parse(text)
        for key in path[:-1]:
            member = node.member(key) if node is not None else None
            node = member.value if member is not None else None
        if node is None or node.member(path[-1]) is None:
            return text
        text = _without(text, node, path[-1])


def _nested(path: Keys, value: object) -> object:
    for key in reversed(path):
        value = {key: value}
    return value


def _cut(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    """Return the text with each span replaced; the spans do not overlap."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _without(text: str, node: Node, key: str) -> str:
    """Return the text without one member, with what stood between it and what is before it, and with its comma."""
    assert node.members is not None
    place = max(index for index, member in enumerate(node.members) if member.key == key)
    member, before = node.members[place], node.members[place - 1] if place else None
    since = node.start + 1 if before is None else (before.value.end if before.comma is None else before.comma + 1)
    start = since + len(text[since : member.start].rstrip(_WHITE))
    end = member.value.end if member.comma is None else member.comma + 1
    comments = _COMMENT.findall(text, since, start)
    if comments and comments[-1].startswith("//") and not _END_OF_LINE.match(text, end):
        start = member.start  # what follows on the line must not slip into the comment
    edits = [(start, end, "")]
    if member.comma is None and before is not None and before.comma is not None:
        edits.append((before.comma, before.comma + 1, ""))
    elif len(node.members) == 1 and not (text[node.start + 1 : start] + text[end : node.end - 1]).strip(_WHITE):
        edits = [(node.start + 1, node.end - 1, "")]
    return _cut(text, edits)


@dataclass(frozen=True, slots=True)
class _Style:
    """The indentation of a text, for new members."""

    text: str
    root: Node
    eol: str

    @property
    def unit(self) -> str:
        members = self.root.members
        return (self._line(members[0].start) or _INDENT) if members else _INDENT

    def _line(self, offset: int) -> str:
        """Return the white space at the start of the line that holds `offset`."""
        start = max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1
        found = re.match(r"[ \t]*", self.text[start:offset].lstrip(_BOM))
        assert found is not None
        return found[0]

    def _flat(self, node: Node) -> bool:
        return "\n" not in self.text[node.start : node.end]

    def dumped(self, offset: int, value: object) -> str:
        return _dump(value, self._line(offset), self.unit, self.eol)

    def inserted(self, node: Node, key: str, value: object) -> str:
        """Return the text with a new member at the end of an object, after the comments that stand there."""
        name = json.dumps(key, ensure_ascii=False)
        flat = self._flat(node) and bool(node.members or (self.root.members and self._flat(self.root)))
        last = node.members[-1] if node.members else None
        outer = self._line(node.start)
        indent = self._line(last.start) if last is not None and not flat else outer + self.unit
        member = (
            f"{name}: {json.dumps(value, ensure_ascii=False) if flat else _dump(value, indent, self.unit, self.eol)}"
        )
        lead = " " if flat else self.eol + indent
        if last is not None:
            since = last.value.end if last.comma is None else last.comma + 1
            tail = since + len(self.text[since : node.end - 1].rstrip(_WHITE))
            comma = [(last.value.end, last.value.end, ",")] if last.comma is None else []
            # Where both are at one offset the comma comes first.
            if comma and tail == last.value.end:
                return _cut(self.text, [(tail, tail, f",{lead}{member}")])
            return _cut(self.text, [*comma, (tail, tail, lead + member + ("" if last.comma is None else ","))])
        tail = node.start + 1 + len(self.text[node.start + 1 : node.end - 1].rstrip(_WHITE))
        if flat:
            return _cut(self.text, [(tail, tail, member if tail == node.start + 1 else lead + member)])
        after = "" if "\n" in self.text[tail : node.end - 1] else self.eol + outer
        return _cut(self.text, [(tail, tail, lead + member + after)])


def _dump(value: object, indent: str, unit: str, eol: str) -> str:
    """Return `value` as JSON, an object with a member a line, everything else on one."""
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + unit
    members = (
        f"{inner}{json.dumps(key, ensure_ascii=False)}: {_dump(each, inner, unit, eol)}" for key, each in value.items()
    )
    return f"{{{eol}{f',{eol}'.join(members)}{eol}{indent}}}"


def _parse(text: str) -> Node | None:
    """Return the value of the text with the spans of all its members; None if there is none."""
    start = _skip(text, len(_BOM) if text.startswith(_BOM) else 0)
    if start == len(text):
        return None
    node = _value(text, start, 0)
    if (end := _skip(text, node.end)) != len(text):
        raise _expected(text, end, "the end of the file")
    return node


def _skip(text: str, offset: int) -> int:
    """Return the offset after white space and comments."""
    found = _TRIVIA.match(text, offset)
    assert found is not None
    return found.end()


def _expected(text: str, offset: int, what: str) -> ValueError:
    line = text.count("\n", 0, offset) + 1
    return ValueError(f"line {line}, column {offset - text.rfind(chr(10), 0, offset)}: {what} was expected")


def _value(text: str, start: int, depth: int) -> Node:
    if depth > DEPTH:
        raise _expected(text, start, f"an end of objects in each other, {DEPTH} at the most,")
    if text.startswith("{", start):
        return _object(text, start, depth)
    if text.startswith("[", start):
        return _array(text, start, depth)
    found = _STRING.match(text, start) or _PLAIN.match(text, start)
    if found is None:
        raise _expected(text, start, "a value")
    return Node(start, found.end(), _decoded(text, found))


def _decoded(text: str, found: re.Match[str]) -> Any:
    try:
        return json.loads(found[0])
    except ValueError:  # an escape that is none
        raise _expected(text, found.start(), "a value") from None


def _array(text: str, start: int, depth: int) -> Node:
    items = []
    offset = _skip(text, start + 1)
    while not text.startswith("]", offset):
        node = _value(text, offset, depth + 1)
        items.append(node.value)
        offset, _ = _separated(text, node.end, "]")
    return Node(start, offset + 1, items)


def _object(text: str, start: int, depth: int) -> Node:
    members: list[Member] = []
    offset = _skip(text, start + 1)
    while not text.startswith("}", offset):
        found = _STRING.match(text, offset)
        if found is None:
            raise _expected(text, offset, "a key in double quotes")
        colon = _skip(text, found.end())
        if not text.startswith(":", colon):
            raise _expected(text, colon, "a colon")
        node = _value(text, _skip(text, colon + 1), depth + 1)
        key, begin = _decoded(text, found), offset
        offset, comma = _separated(text, node.end, "}")
        members.append(Member(key, begin, node, comma))
    value = {member.key: member.value.value for member in members}
    return Node(start, offset + 1, value, tuple(members))


def _separated(text: str, end: int, close: str) -> tuple[int, int | None]:
    """Return the offset of what follows a value, the next one or `close`, and the comma's, if there is one."""
    offset = _skip(text, end)
    if text.startswith(",", offset):
        return _skip(text, offset + 1), offset
    if text.startswith(close, offset):
        return offset, None
    raise _expected(text, offset, f"a comma or {close}")
