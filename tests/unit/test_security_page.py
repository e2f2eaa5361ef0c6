"""SECURITY.md names a test for each promise, and these tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+|Test\w+)`", PAGE)))
DEFINED = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?(?:def )?(test_\w+|Test\w+)(?:\(| = )", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("name", NAMED)
def test_every_test_that_the_page_names_exists(name: str) -> None:
    assert name in DEFINED


def test_every_promise_of_a_table_names_a_test() -> None:
    boundaries = PAGE[PAGE.index("## Boundaries") : PAGE.index("## What is not protected")]
    rows = [line for line in boundaries.splitlines() if line.startswith("| ") and "what could happen" not in line]
    assert len(rows) > 20
    assert [row for row in rows if "`test_" not in row and "`Test" not in row] == []
