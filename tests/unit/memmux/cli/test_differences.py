"""What a change did to a memory, in lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from memmux.cli.differences import MOST, WINDOW, differences
from memmux.wire.answers import Memory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MEMORY = Memory(id="id", content="one\ntwo\nthree", content_hash="hash", created_at=NOON, updated_at=NOON)


def test_only_the_lines_that_differ_are_told() -> None:
    assert list(differences(MEMORY, replace(MEMORY, content="one\n2\nthree\nfour"))) == ["- two", "+ 2", "+ four"]
    assert list(differences(MEMORY, MEMORY)) == []


def test_nothing_is_told_where_it_is_not_known_what_the_memory_became() -> None:
    assert list(differences(MEMORY, None)) == []


def test_a_long_line_is_told_around_where_it_differs() -> None:
    long = "a" * 5000
    old, new = (replace(MEMORY, content=f"{long}{end}{long}") for end in ("old", "new"))
    for line, word in zip(differences(old, new), ("old", "new"), strict=True):
        assert word in line
        assert len(line) <= WINDOW + 4


def test_of_many_lines_the_first_are_told() -> None:
    told = list(differences(None, replace(MEMORY, content="\n".join(map(str, range(1000))))))
    assert len(told) == MOST + 1
    assert told[-1] == f"… and {1000 - MOST} lines more"
