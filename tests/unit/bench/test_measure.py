"""Rows, and what is read about processes."""

from __future__ import annotations

import json
import os
import sys

import pytest

from bench import report
from bench.measure import Row, at_most, mapped, until


def test_value_on_its_target_meets_it_and_one_above_misses_it() -> None:
    assert at_most("round trip", 0.5, 0.5, "ms").ok
    missed = at_most("ratio", 1.1004, 1.10)
    assert not missed.ok
    assert missed.target == "≤ 1.1"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_libraries_of_a_process_are_named_by_their_package() -> None:
    assert "orjson" in mapped(os.getpid())


def test_waiting_past_the_bound_raises() -> None:
    with until(-1.0, "the impossible") as wait, pytest.raises(TimeoutError, match="the impossible took longer"):
        wait()


def test_rows_are_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    report.show([Row(name="memories", value=10), at_most("ratio", 2.0, 1.1)], as_json=True)
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows == [
        {"name": "memories", "value": 10, "target": "", "ok": True},
        {"name": "ratio", "value": 2.0, "target": "≤ 1.1", "ok": False},
    ]
