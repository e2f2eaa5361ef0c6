"""Named queries: the SQL in `sql/*.sql`, where a line `-- name: NAME` begins each query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).with_name("sql")
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(file: str) -> Mapping[str, str]:
    """Return the queries of `sql/<file>.sql` by their names.

    A query may hold a placeholder in braces, such as `{where}`, for `str.format`; values are always bound.
    """
    _, *parts = _NAME.split((FOLDER / f"{file}.sql").read_text(encoding="utf-8"))
    names, queries = parts[::2], parts[1::2]
    return MappingProxyType(dict(zip(names, map(str.strip, queries), strict=True)))
