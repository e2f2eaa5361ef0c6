"""Memories that say nearly the same, on a terminal."""

from __future__ import annotations

import orjson
import pytest

from tests.unit.memmux.cli.desk_client import Typed
from tests.unit.workers.desk import Desk
from workers.storage.reading import duplicate_search


def test_groups_are_listed_from_as_many_pages_as_it_takes(
    typed: Typed, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed("duplicates")[1] == "0 groups\n"
    monkeypatch.setattr(duplicate_search, "WORK_S", 0.0)
    for name, vector in (("a", (1.0, 0.0)), ("b", (0.0, 1.0)), ("a again", (1.0, 0.1)), ("b again", (0.1, 1.0))):
        desk.store(name, vector)
    code, out, _ = typed("duplicates")
    assert code == 0
    assert [line.strip() for line in out.splitlines() if line.startswith("  ")] == ["a", "a again", "b", "b again"]
    assert out.endswith("2 groups\n")
    found = orjson.loads(typed("duplicates", "--json", "--limit", "1")[1])
    assert (found["count"], found["more"], found["groups"][0]["members"][1]["memory"]["content"]) == (
        1,
        True,
        "a again",
    )
    assert orjson.loads(typed("duplicates", "--json", "--least", "1")[1])["count"] == 0
    assert typed("duplicates", "--limit", "0")[0] == 2
