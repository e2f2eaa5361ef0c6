"""Changes to one member of a TOML text, through tomlkit, with the comments and the order of all others.

The same functions as `jsonc` has, so that either can stand for a client's format.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Any

from memmux.hosts.json_edit import Keys


def read(text: str) -> Any:
    """Return the value of a TOML text; raise ValueError, which says the line, if it is none."""
    return tomllib.loads(text)


def put(text: str, path: Keys, value: object) -> str:
    """Return the text with `value` at `path`; tables that are missing on the way are made.

    Raises ValueError for a text that is no TOML, and if something on the way is no table.
    """
    import tomlkit  # costs 30 ms, and only Codex has TOML
    from tomlkit.items import InlineTable  # the same

    document = _parsed(text)
    if path[0] not in document and text.strip():
        document = _parsed(text.rstrip("\r\n") + "\n\n")  # an empty line before what is new
    table: Any = document
    for place, key in enumerate(path[:-1]):
        if key not in table:
            inline = isinstance(table, InlineTable)
            table[key] = tomlkit.inline_table() if inline else tomlkit.table(is_super_table=True)
        table = table[key]
        if not isinstance(table, MutableMapping):
            raise ValueError(f"{'.'.join(path[: place + 1])} is no table")  # noqa: TRY004  # what was read is wrong, not a type
    table[path[-1]] = _item(value, inline=isinstance(table, InlineTable))
    return _dumped(document, text)


def drop(text: str, path: Keys) -> str:
    """Return the text without the member at `path`; if it is not there, the text as it is. Raises as `put` does."""
    document = _parsed(text)
    table: Any = document
    for key in path[:-1]:
        table = table.get(key) if isinstance(table, Mapping) else None
    if not isinstance(table, MutableMapping) or path[-1] not in table:
        return text
    del table[path[-1]]
    return _dumped(document, text)


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
