"""Named queries: SQL in files, where a line `-- name: NAME` begins each query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(file: Path) -> Mapping[str, str]:
    """Return the queries of a file by their names.

    A query may hold a placeholder in braces, such as `{where}`, for `str.format`; values are always bound.
    """
    _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
    names, queries = parts[::2], parts[1::2]
    return MappingProxyType(dict(zip(names, map(str.strip, queries), strict=True)))
