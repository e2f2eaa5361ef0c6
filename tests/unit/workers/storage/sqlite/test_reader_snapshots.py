"""A read sees everything that was acknowledged before it began, whatever became of the read before."""

from __future__ import annotations

import math

import orjson
import pytest

from memmux.errors import CancelledError
from tests.unit.workers.desk import Desk, job
from workers.runtime.jobs import Answer


@pytest.fixture
def filled(desk: Desk) -> Desk:
    for number in range(3):
        desk.store(f"memory {number}", (1, number))
    return desk


def test_read_that_was_left_in_the_middle_does_not_hold_back_the_next(filled: Desk) -> None:
    left = job("admin.verify", {}, cancelled=lambda: True)  # noticed between two rows of a query
    outcomes = filled.reader.handle([left, job("memory.list", {})], lambda: None)
    _, error = next(outcomes)
    assert isinstance(error, CancelledError)
    filled.store("stored meanwhile", (0, 1))
    _, answer = next(outcomes)
    assert isinstance(answer, Answer)
    assert orjson.loads(answer.frames[0])["total"] == 4


def test_read_is_refused_rather_than_answered_from_a_former_snapshot(filled: Desk) -> None:
    def leave() -> None:
        raise CancelledError

    with pytest.raises(CancelledError) as kept, filled.questions.snapshot(math.inf, leave):
        filled.questions.verify()
    assert kept.traceback  # it holds the cursor that was left
    with pytest.raises(RuntimeError, match="still open"), filled.questions.snapshot(math.inf, lambda: None):
        pytest.fail("a snapshot began")
