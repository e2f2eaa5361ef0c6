"""How many memories a namespace may hold, for clients with different bounds."""

from __future__ import annotations

import pytest

from memmux.errors import QuotaExceededError
from memmux.wire.grants import Grant
from tests.unit.workers.desk import Desk

NAMESPACE = "team"


def _store(desk: Desk, content: str, most: int | None) -> None:
    desk.ask("memory.store", {"content": content, "namespace": NAMESPACE}, grant=Grant(name="ada", memories=most))


def _refused(desk: Desk, most: int) -> None:
    with pytest.raises(QuotaExceededError, match=f"holds {most} memories or more"):
        _store(desk, f"one more than {most}", most)


def test_a_refusal_by_a_lower_bound_lets_nobody_beyond_a_higher_one(desk: Desk) -> None:
    for number in range(6):
        _store(desk, str(number), None)
    for most in (5, 2, 5, 1, 5):
        _refused(desk, most)
    _store(desk, "the seventh", 7)
    for most in (2, 7):
        _refused(desk, most)


def test_a_bound_that_is_raised_is_kept_to(desk: Desk) -> None:
    for number in range(6):
        _store(desk, str(number), None)
    for most in (2, 3, 4):
        _refused(desk, most)
    for most in (7, 8):
        _store(desk, f"within {most}", most)
        _refused(desk, most)
