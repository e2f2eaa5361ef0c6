"""Rows, and what is read about processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bench.harness import report
from bench.harness.measure import Row, at_least, at_most, cpu_s, family, mapped, percentile, until, used_s


def test_value_on_its_target_meets_it_and_one_above_misses_it() -> None:
    assert at_most("round trip", 0.5, 0.5, "ms").ok
    missed = at_most("ratio", 1.1004, 1.10)
    assert not missed.ok
    assert missed.target == "≤ 1.1"


def test_value_that_reaches_its_target_meets_it_and_one_below_misses_it() -> None:
    assert at_least("recall", 0.99, 0.99).ok
    missed = at_least("stores", 1499.9996, 1500, "/s")
    assert not missed.ok
    assert (missed.value, missed.target) == (1500.0, "≥ 1500 /s")


def test_value_without_a_target_meets_it_and_its_unit_goes_to_its_name() -> None:
    for row in (at_most("p50", 7.0, None, "ms", key="p50_ms"), at_least("p50", 7.0, None, "ms", key="p50_ms")):
        assert row == Row(name="p50, ms", value=7.0, key="p50_ms")


def test_verdict_is_a_word_and_what_needs_what_is_not_installed_is_not_missed() -> None:
    assert [at_most("ratio", value, 1.0).verdict for value in (1.0, 1.1)] == ["met", "missed"]
    assert at_most("ratio", 1.1, None).verdict == ""
    assert Row(name="ratio", value="not installed", target="≤ 1", measured=False).verdict == "not measured"


def test_percentile_lies_between_the_two_nearest_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([0.0, 10.0], 95) == pytest.approx(9.5)
    assert percentile([4.0], 99) == 4.0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_libraries_of_a_process_are_named_by_their_package() -> None:
    assert "orjson" in mapped(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processor_time_of_this_process_grows_with_what_it_does() -> None:
    before, own = cpu_s(os.getpid()), os.times()
    while os.times().user - own.user < 0.05:
        sum(range(10_000))
    assert 0.03 <= cpu_s(os.getpid()) - before <= 5


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_family_is_a_process_and_what_it_has_started() -> None:
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = family(child.pid)
        assert found[0] == child.pid
        assert len(found) == 2
        assert set(found) <= set(family(os.getpid()))
        child.communicate(b"\n")


@pytest.mark.skipif(sys.platform != "linux", reason="from /proc")
def test_what_has_ended_is_counted_with_who_started_it() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); print(flush=True); input()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert used_s([process.pid]) >= 0.2
        process.communicate(b"\n")
    assert used_s([process.pid]) == 0, "of one that is gone nothing is known, and nothing fails"


def test_waiting_past_the_bound_raises() -> None:
    with until(-1.0, "the impossible") as wait, pytest.raises(TimeoutError, match="the impossible took longer"):
        wait()


def test_rows_are_one_json_document_in_which_keys_lead_to_values(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row(name="memories", value=10), at_most("ratio", 2.0, 1.1, key="overhead", why="it waits")]
    report.show(rows, as_json=True)
    fields = {"target": "", "ok": True, "key": "", "why": "", "measured": True, "verdict": ""}
    assert json.loads(capsys.readouterr().out) == {
        "overhead": 2.0,
        "rows": [
            {**fields, "name": "memories", "value": 10},
            {
                **fields,
                "name": "ratio",
                "value": 2.0,
                "target": "≤ 1.1",
                "ok": False,
                "key": "overhead",
                "why": "it waits",
                "verdict": "missed",
            },
        ],
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_exit_code_tells_whether_a_target_was_missed(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.finish([Row(name="a", value=1), at_most("b", 1.0, 1.0)], as_json=as_json) == 0
    assert report.finish([Row(name="a", value=1), at_most("b", 2.0, 1.0, why="it waits")], as_json=as_json) == 1
    assert "it waits" in capsys.readouterr().out


def test_reason_stands_only_where_the_target_is_missed() -> None:
    assert at_least("b", 2.0, 1.0, why="it waits").why == ""
    assert at_least("b", 0.5, 1.0, why="it waits").why == "it waits"
