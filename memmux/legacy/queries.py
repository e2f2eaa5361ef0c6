"""The SQL of the way back: scripts that make a schema of theirs, and named queries, in `sql/*.sql`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).with_name("sql")
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def script(name: str, **values: object) -> str:
    """Return a script, with `values` for what stands in it in braces; not a format, as their schema has braces too."""
    text = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(f"{{{placeholder}}}", str(value))
    return text


def load(file: str) -> Mapping[str, str]:
    """Return the queries of a file by their names, each of which a line `-- name: NAME` begins."""
    _, *parts = _NAME.split(script(file))
    return MappingProxyType(dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True)))
