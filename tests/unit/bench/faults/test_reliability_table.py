"""The table of results."""

from __future__ import annotations

import orjson

from bench.faults.reliability_table import table


def test_each_run_is_a_row_and_an_empty_line_none() -> None:
    counts = dict.fromkeys(("lost", "duplicated", "unanswered", "left_running", "stalls"), 0)
    result = {"seed": 3, "calls": 36123, "kills": 41, "acknowledged": 1234, **counts, "errors": {}}
    times = {"max_recovery_worker_s": 0.9871, "max_recovery_router_s": 3.2}
    heading, rule, row = table([orjson.dumps({**result, **times}).decode(), "\n"])
    assert heading.startswith("| seed | calls |")
    assert heading.count("|") == rule.count("|") == row.count("|")
    assert row == "| 3 | 36 123 | 41 | 0 | 1 234 | 0 | 0 | 0 | 0 | 0.99 s | 3.20 s |"
