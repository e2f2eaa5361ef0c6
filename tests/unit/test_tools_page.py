"""docs/tools.md has the table of older names. `python -m tests.unit.test_tools_page` writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_dealer.tools.older_tools import OLDER, REFUSED, Older

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
TABLE = re.compile(r"(?<=-->\n).*?(?=<!-- /older -->)", re.DOTALL)


def _said(older: Older) -> str:
    fixed = [f"`{name}` is `{value}`" for name, value in older.always.items()]
    default = [f"`{name}` is `{value}` unless given" for name, value in older.default.items()]
    one_day = ["`end_date` is the day of `start_date` unless given"] if older.one_day else []
    return "; ".join([*fixed, *default, *one_day])


def _takes(older: Older) -> str:
    return "; ".join(f"`{name}`: {means.text}" for name, means in older.takes.items())


def _table() -> str:
    rows = [f"| `{name}` | `{older.tool}` | {_takes(older)} | {_said(older)} |" for name, older in OLDER.items()]
    refused = ", ".join(f"`{name}`" for name in sorted(REFUSED))
    return "\n".join(
        [
            "",
            "| older name | tool | its arguments | what the name says |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Not part of memmux, and refused with that sentence: {refused}.",
            "",
            "",
        ]
    )


def test_the_page_has_the_table_of_older_names() -> None:
    found = TABLE.search(PAGE.read_text())
    assert found is not None
    assert found[0] == _table(), "run python -m tests.unit.test_tools_page"


@pytest.mark.parametrize("name", ["memory_cleanup", "memory_stats", "memory_store_session", "memory_graph"])
def test_the_page_names_the_tools_of_the_full_list(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text()


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: _table(), PAGE.read_text()))
