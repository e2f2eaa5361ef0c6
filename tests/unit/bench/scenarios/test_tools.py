"""What the tools of servers cost a model: recorded texts are there, and each row has the smallest of them as target."""

from __future__ import annotations

import pytest

from bench.harness.tool_texts import STEPS, Recorded
from bench.scenarios import tools

FILES = sorted(tools.RECORDED.glob("*.json"))


def _said(server: str, answer: str) -> Recorded:
    return Recorded(server, "1", [], {"search": answer}, {})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_server_has_tools_and_answers_and_is_found_by_its_name(file: object) -> None:
    recorded = Recorded.read(file)  # type: ignore[arg-type]
    assert recorded.server in tools.SCRIPTS
    assert recorded.tools
    assert {"store", "search", "list", "delete", "error"} <= set(recorded.answers) <= set(STEPS)


def test_both_servers_are_recorded() -> None:
    assert {file.stem for file in FILES} == set(tools.SCRIPTS)


@pytest.mark.parametrize(("ours", "verdict"), [("a b", "met"), ("a b c", "met"), ("a b c d", "missed")])
def test_the_target_is_the_smallest_of_the_others(ours: str, verdict: str) -> None:
    others = [_said("x", "a b c"), _said("y", "a b c d e")]
    rows = list(
        tools._rows("a search", _said("memmux", ours), others, tools._answer("search"), lambda text: len(text.split()))
    )
    assert [row.value for row in rows] == [len(ours.split()), 3, 5]
    assert rows[0].verdict == verdict
    assert rows[0].target == "≤ 3 tokens"


def test_what_a_server_can_not_do_has_no_row() -> None:
    rows = list(tools._rows("a get", _said("memmux", "a"), [_said("x", "b")], tools._answer("get"), len))
    assert [row.verdict for row in rows] == [""]
