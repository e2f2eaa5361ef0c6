"""What is made of a ledger's times, and of another edition."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.faults import editions, upgrade
from bench.faults.ledger import Entry
from bench.faults.upgrade import HandOver, Upgrades
from memmux.version import __version__, older


def _entry(at: float, *, answered: bool = True, error: str = "") -> Entry:
    return Entry(key=f"k{at}", client="c", operation="get", answered=answered, error=error, at=at)


def test_pause_is_the_longest_time_without_an_answer_that_overlaps_the_hand_over() -> None:
    answered = [0.0, 5.0, 5.1, 6.0, 6.2, 20.0]
    assert upgrade.longest_gap_s(answered, 5.05, 7.0) == pytest.approx(13.8)
    assert upgrade.longest_gap_s(answered, 5.05, 6.1) == pytest.approx(0.9)
    assert upgrade.longest_gap_s([], 0.0, 1.0) == 0.0


def test_failed_and_unanswered_calls_do_not_end_a_pause() -> None:
    found = Upgrades(hand_overs=[HandOver(1.0, 2.0, "1", "2"), HandOver(10.0, 11.0, "2", "1")])
    found.entries = [_entry(0.5), _entry(1.5, error="overloaded"), _entry(1.7, answered=False), _entry(2.5)]
    found.entries += [_entry(3.2), _entry(9.5), _entry(10.2), _entry(12.5)]
    assert found.pauses_s == pytest.approx([2.0, 2.3])
    assert found.otherwise_s == pytest.approx(6.3)


@pytest.mark.slow
def test_edition_is_of_its_version_wherever_it_is_called_from(tmp_path: Path) -> None:
    made = editions.make(tmp_path / "later", editions.later())
    assert older(__version__, made.version)
    asked = "import memmux, router, workers, mcp_dealer, bench, sys; print(memmux.__version__, memmux.__file__)"
    for folder in (tmp_path, Path(__file__).parents[3]):
        told = subprocess.run([made.python, "-P", "-c", asked], capture_output=True, check=True, text=True, cwd=folder)
        assert told.stdout.split() == [made.version, str(tmp_path / "later" / "code" / "memmux" / "__init__.py")]
