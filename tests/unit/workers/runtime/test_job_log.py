"""What a worker's log says of each request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from memmux.errors import NotFoundError
from memmux.wire.operations import Stage
from tests.unit.workers.desk import job
from workers.runtime.job_log import JobLog
from workers.runtime.jobs import Answer


@pytest.fixture
def said() -> Iterator[list[Any]]:
    """What is logged."""
    with capture_logs() as lines:
        yield lines


def test_time_at_a_worker_is_waiting_and_work(said: list[Any]) -> None:
    asked = job("memory.get", {}, id="r1", attempt=2)
    JobLog(Stage.READ, 0).finished(asked, Answer(()), came=10.0, began=10.25, ended=10.3, at_s=1)
    (line,) = said
    wanted = {
        "event": "stage_finished",
        "log_level": "info",
        "at_s": 1,
        "request_id": "r1",
        "client": "test",
        "operation": "memory.get",
        "stage": "read",
        "outcome": "ok",
        "attempt": 2,
        "queue_ms": 250.0,
        "work_ms": 50.0,
    }
    assert wanted.items() <= line.items()


def test_request_that_came_while_others_were_worked_on_did_not_work_before_it_came(said: list[Any]) -> None:
    JobLog(Stage.READ, 0).finished(job("memory.get", {}), Answer(()), came=10.0, began=9.0, ended=10.5, at_s=1)
    assert (said[0]["queue_ms"], said[0]["work_ms"]) == (0.0, 500.0)


def test_slow_request_says_how_it_was_done(said: list[Any]) -> None:
    job_log, answer = JobLog(Stage.READ, 100), Answer((), done={"mode": "hybrid", "candidates": 3})
    job_log.finished(job("memory.search", {}), answer, came=1.0, began=1.0, ended=1.05, at_s=1)
    job_log.finished(job("memory.search", {}), answer, came=1.0, began=1.06, ended=1.11, at_s=1)
    job_log.finished(job("memory.get", {}), NotFoundError(), came=1.0, began=1.0, ended=2.0, at_s=1)
    slow = [line for line in said if line["event"] == "stage_slow"]
    assert [(line["log_level"], line["outcome"], line.get("candidates")) for line in slow] == [
        ("warning", "ok", 3),
        ("warning", "not_found", None),
    ]
