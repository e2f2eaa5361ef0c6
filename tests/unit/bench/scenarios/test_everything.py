"""All measurements in one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.harness.measure import Row, at_most
from bench.scenarios import everything
from bench.scenarios.everything import Section


def _never() -> list[Row]:
    raise AssertionError


def _breaking() -> Iterator[Row]:
    yield Row(name="first", value=1, key="first")
    raise TimeoutError("settling took longer than 1 s")


GOOD = Section("store-cost", _never, lambda: [at_most("ratio", 1.0, 1.2, key="cost_ratio"), Row(name="b", value=2)])
BROKEN = Section("broken", _breaking, _never)


def test_rows_carry_the_name_of_their_section() -> None:
    rows = list(everything.measure(quick=True, sections=[GOOD]))
    assert [(row.name, row.key) for row in rows] == [
        ("store-cost: ratio", "store_cost_cost_ratio"),
        ("store-cost: b", ""),
    ]


def test_section_that_fails_says_so_and_the_others_are_measured_all_the_same() -> None:
    full = Section("good", GOOD.quick, _never)
    rows = list(everything.measure(sections=[BROKEN, full]))
    assert [row.name for row in rows] == ["broken: first", "broken", "good: ratio", "good: b"]
    failed = rows[1]
    assert not failed.ok
    assert failed.value == "TimeoutError: settling took longer than 1 s"


def test_only_the_sections_named_are_measured() -> None:
    rows = everything.measure(["store-cost"], quick=True, sections=[BROKEN, GOOD])
    assert {row.name.partition(":")[0] for row in rows} == {"store-cost"}


def test_sections_have_different_names_and_are_the_commands() -> None:
    names = [section.name for section in everything.SECTIONS]
    assert len(set(names)) == len(names)
    assert {"degradation", "search", "store", "store-cost", "mixed", "scale", "start", "peers"} <= set(names)


def test_peers_that_can_not_be_measured_fail_with_what_they_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(RuntimeError, match="exit code 1"):
        everything._peers([])
