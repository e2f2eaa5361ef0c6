"""Changes to one member of a TOML text, with the comments and the order of all others: through tomlkit where it can.

The same functions as `json_edit` has, so that either can stand for a client's format. tomlkit puts a new table in the
middle of dotted keys (`mcp_servers.docs.command = …`), which then mean something else: each change is compared with
what it should be, and made as a line of its own there.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import dropwhile
from typing import Any

from memmux.hosts.json_edit import Keys

LINES = 20_000  # of a text with dotted keys; a configuration has a hundred
_BOM = "\ufeff"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def read(text: str) -> Any:
    """Return the value of a TOML text; raise ValueError, which says the line, if it is none."""
    return tomllib.loads(text.removeprefix(_BOM))


def put(text: str, path: Keys, value: object) -> str:
    """Return the text with `value` at `path`; tables that are missing on the way are made.

    Raises ValueError for a text that is no TOML, and if something on the way is no table.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    plain = text.removeprefix(mark)
    expected = _with(read(plain), path, value)
    for change in (_put_table, _put_lines):
        changed = change(plain, path, value)
        if _is(changed, expected):
            return mark + changed
    raise ValueError(f"{'.'.join(path)} can't be put in without a change to something else")


def drop(text: str, path: Keys) -> str:
    """Return the text without the member at `path`; if it is not there, the text as it is. Raises as `put` does.

    Comments behind a table are of what follows, and stay. A table that is there by its members goes with the last.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    plain = text.removeprefix(mark)
    if (changed := _drop_table(plain, path)) != plain and _is_without(changed, read(plain), path):
        return mark + changed
    document = _parsed(plain)
    table: Any = document
    for key in path[:-1]:
        table = table.get(key) if isinstance(table, Mapping) else None
    if not isinstance(table, MutableMapping) or path[-1] not in table:
        return text
    del table[path[-1]]
    return mark + _dumped(document, text)


def _with(value: Mapping[str, Any], path: Keys, new: object) -> dict[str, Any]:
    """Return what a document says with `new` at `path`; raise ValueError if something on the way is no table."""
    changed = copy.deepcopy(dict(value))
    table: Any = changed
    for place, key in enumerate(path[:-1]):
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ValueError(f"{'.'.join(path[: place + 1])} is no table")  # noqa: TRY004 - what was read is wrong, not a type
    table[path[-1]] = new
    return changed


def _is(text: str, expected: object) -> bool:
    try:
        return bool(read(text) == expected)
    except ValueError:
        return False


def _is_without(text: str, value: dict[str, Any], path: Keys) -> bool:
    """Return whether a text says `value` without what is at a path, and perhaps without tables that are empty then."""
    expected = copy.deepcopy(value)
    while True:
        table: Any = expected
        for key in path[:-1]:
            table = table.get(key) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            return False  # one of several, in an array
        table.pop(path[-1], None)
        if _is(text, expected):
            return True
        if table or not path[1:]:
            return False
        path = path[:-1]


def _drop_table(text: str, path: Keys) -> str:
    """Return the text without the tables at a path and in it, as lines; what is said within other tables stays."""
    kept: list[str] = []
    own: list[str] = []
    inside = False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        if (header := _header(line)) is not None:
            still = header[: len(path)] == path
            if inside and not still:
                kept += _behind(own)
            own, inside = [], still
        (own if inside else kept).append(line)
    kept += _behind(own)
    after = "".join(kept)
    for eol in ("\r\n", "\n"):
        if after.endswith(eol * 2) and not text.endswith(eol * 2):
            return after.removesuffix(eol)  # the empty line before a table, where nothing follows
    return after


def _header(line: str) -> Keys | None:
    """Return which table a line begins; None if it begins none."""
    if line.lstrip().startswith("["):
        with suppress(ValueError):
            return tuple(_path(tomllib.loads(line)))
    return None


def _behind(lines: list[str]) -> Iterator[str]:
    """Return the lines behind the last statement of a table, from the first comment on."""
    said = [place for place, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    return dropwhile(lambda line: not line.strip(), lines[max(said, default=0) :])


def _put_table(text: str, path: Keys, value: object) -> str:
    """Return the text with a value at a path, as tomlkit puts it."""
    import tomlkit  # costs 30 ms, and only Codex has TOML
    from tomlkit.items import InlineTable  # the same

    document = _parsed(text)
    if path[0] not in document and text.strip():
        document = _parsed(text.rstrip("\r\n") + "\n\n")  # an empty line before what is new
    table: Any = document
    for key in path[:-1]:
        if key not in table:
            inline = isinstance(table, InlineTable)
            table[key] = tomlkit.inline_table() if inline else tomlkit.table(is_super_table=True)
        table = table[key]
    table[path[-1]] = _item(value, inline=isinstance(table, InlineTable))
    return _dumped(document, text)


@dataclass(frozen=True, slots=True)
class _Statement:
    """A key with its value, on one line or several: where it ends, its whole path, and the table that it stands in."""

    end: int
    path: Keys
    table: Keys


def _put_lines(text: str, path: Keys, value: object) -> str:
    """Return the text with a value as dotted keys, behind the statement that has most of the path in common with it."""

    def common(statement: _Statement) -> int:
        same = [one == other for one, other in zip(statement.path, path, strict=False)]
        return same.index(False) if False in same else len(same)

    beside = [each for each in _statements(text) if each.table == path[: len(each.table)] and common(each)]
    if not beside:
        return text
    most = max(map(common, beside))
    place = next(each for each in reversed(beside) if common(each) == most)
    eol = "\r\n" if "\r\n" in text else "\n"
    members = value.items() if isinstance(value, Mapping) else [("", value)]
    lines = (
        f"{'.'.join(map(_key, (*path, *filter(None, [name]))[len(place.table) :]))} = {_written(member)}{eol}"
        for name, member in members
    )
    before = text[: place.end] + ("" if text[: place.end].endswith("\n") else eol)
    return before + "".join(lines) + text[place.end :]


def _statements(text: str) -> Iterator[_Statement]:
    """Yield the statements of a text that is TOML: of one that is not whole, the next line is a part."""
    table: Keys = ()
    part, end = "", 0
    for line in text.splitlines(keepends=True)[:LINES]:
        part, end = part + line, end + len(line)
        try:
            said = tomllib.loads(part)
        except ValueError:
            continue
        header = part.lstrip().startswith("[")
        path = tuple(_path(said))
        if header:
            # Of an array of tables, what follows is in its last one, which no path names.
            table = path if not part.lstrip().startswith("[[") else ("\0",)
        elif path:
            yield _Statement(end, table + path, table)
        part = ""


def _path(said: Any) -> Iterator[str]:
    """Yield the keys of a statement that was read alone: to its value, or to the table of a header."""
    while isinstance(said, dict) and len(said) == 1:
        ((key, said),) = said.items()
        yield key


def _key(key: str) -> str:
    import tomlkit  # as above

    return key if _BARE.fullmatch(key) else tomlkit.string(key).as_string()


def _written(value: object) -> str:
    text: str = _item(value, inline=True).as_string()
    return text


def _parsed(text: str) -> Any:
    import tomlkit  # as above
    from tomlkit.exceptions import TOMLKitError  # the same

    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from None


def _item(value: object, *, inline: bool) -> Any:
    """Return `value` for tomlkit; an object is a table of its own, in which every other is inline."""
    import tomlkit  # as above

    if not isinstance(value, Mapping):
        return tomlkit.item(value)
    table = tomlkit.inline_table() if inline else tomlkit.table()
    for key, each in value.items():
        table[key] = _item(each, inline=True)
    if not inline:
        table.add(tomlkit.nl())
    return table


def _dumped(document: Any, before: str) -> str:
    import tomlkit  # as above

    text: str = tomlkit.dumps(document)
    if text.endswith("\n\n") and not before.endswith("\n\n"):
        text = text[:-1]  # the empty line after a new table, where nothing follows
    # What is new ends its lines as the others do.
    return re.sub(r"(?<!\r)\n", "\r\n", text) if "\r\n" in before and not re.search(r"(?<!\r)\n", before) else text
