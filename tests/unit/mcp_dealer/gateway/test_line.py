"""Lines: their answers are one frame."""

from __future__ import annotations

import json

import pytest

from mcp_dealer.gateway.line import Line
from memmux.relay import frames


def _line(*sizes: int) -> Line:
    line = Line(1, replayed=False, size=0)
    line.answers.extend((number, json.dumps({"id": number, "result": "x" * size})) for number, size in enumerate(sizes))
    return line


@pytest.mark.parametrize(
    ("sizes", "long"), [((10, 20), []), ((900,), [0]), ((10, 900), [1]), ((600, 100, 700), [2]), ((990, 980), [0, 1])]
)
def test_the_longest_answers_are_errors_where_they_are_too_much_for_a_frame(
    sizes: tuple[int, ...], long: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "PAYLOAD_BYTES", 900)
    payload = _line(*sizes).payload()
    assert len(payload) <= frames.PAYLOAD_BYTES
    said = [json.loads(answer) for answer in payload.split(b"\n")]
    assert [one["id"] for one in said] == list(range(len(sizes)))
    assert [one["id"] for one in said if "error" in one] == long


def test_so_many_answers_that_even_errors_are_too_much_are_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PAYLOAD_BYTES", 900)
    said = json.loads(_line(*[50] * 100).payload())
    assert (said["id"], "error" in said) == (None, True)
