from __future__ import annotations

from typing import Any

import orjson
import pytest

from memmux.errors import ArgumentInvalidError
from memmux.logs.reading.filters import Condition, Filter

FIRST = {
    "timestamp": "2026-11-25T18:04:05.000001Z",
    "level": "info",
    "event": "request_finished",
    "request_id": "a1",
    "client": "ada",
    "total_ms": 120,
    "queue_ms": 0.5,
    "outcome": "ok",
    "degraded": ["indexing"],
    "resumed": False,
    "seq": None,
    "inner": {"depth": 3},
}
SECOND = {
    "timestamp": "2026-11-25T18:04:06.000000Z",
    "level": "warning",
    "event": "request_expired",
    "request_id": "b2",
    "client": "bob",
    "where": "queued",
}
THIRD = {
    "timestamp": "2026-11-25T18:04:07.000000Z",
    "level": "error",
    "event": "tool_called",
    "call_id": "c3",
    "client": "ada",
    "request_ids": ["a1", "b2"],
}
CUT = b'"level":"error","event":"tool_called"'
CHUNK = b"\n".join([orjson.dumps(FIRST), CUT, orjson.dumps(SECOND), orjson.dumps(THIRD)])


def _chosen(**options: Any) -> list[int]:
    """Return the places, in the chunk, of the lines that are chosen."""
    lines = CHUNK.split(b"\n")
    return [lines.index(line) for line in Filter(**options).chosen(CHUNK)]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [0, 1, 2, 3]),
        ({"level": "info"}, [0, 2, 3]),
        ({"level": "warning"}, [2, 3]),
        ({"level": "error"}, [3]),
        ({"events": ["request_finished", "request_expired"]}, [0, 2]),
        ({"events": ["request"]}, []),
        ({"client": "ada"}, [0, 3]),
        ({"client": "ad"}, []),
        ({"request": "a1"}, [0, 3]),
        ({"request": "c3"}, [3]),
        ({"request": "1"}, []),
        ({"since": b"2026-11-25T18:04:06.000000Z"}, [1, 2, 3]),
        ({"since": b"2026-11-25T18:04:06.000000Z", "client": "ada"}, [3]),
    ],
)
def test_lines_are_chosen_by_all_that_is_given(options: dict[str, Any], wanted: list[int]) -> None:
    assert _chosen(**options) == wanted


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("outcome=ok", True),
        ("outcome = ok", True),
        ("outcome!=ok", False),
        ("outcome=o", False),
        ("total_ms=120", True),
        ("total_ms=120.0", True),
        ("total_ms>99", True),
        ("total_ms>1000", False),
        ("total_ms<1e3", True),
        ("total_ms>=120", True),
        ("total_ms<=119", False),
        ("total_ms>much", False),
        ("queue_ms<1", True),
        ("outcome>n", True),
        ("degraded=indexing", True),
        ("degraded!=indexing", False),
        ("degraded!=other", True),
        ("resumed=false", True),
        ("resumed=0", False),
        ("resumed>0", False),
        ("seq=null", True),
        ("inner.depth=3", True),
        ("inner.other=3", False),
        ("missing=x", False),
        ("missing!=x", False),
        ("outcome.x=ok", False),
        ("client=ada\n", True),
    ],
)
def test_condition_is_met_or_not(text: str, met: bool) -> None:
    condition = Condition.parse(text)
    assert condition.met(FIRST) is met
    assert (0 in _chosen(where=[condition])) is met


def test_several_conditions_are_all_met() -> None:
    conditions = [Condition.parse("total_ms>100"), Condition.parse("client=bob")]
    assert _chosen(where=conditions[:1]) == [0]
    assert _chosen(where=conditions) == []


@pytest.mark.parametrize("text", ["", "x", "=x", "a b=c", "x ~ y"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ArgumentInvalidError, match="outcome!=ok"):
        Condition.parse(text)


ID, NEAR = "01a2225d-028c-7aaa-8bbb-000000000001", "01a2225d-028c-7aaa-8bbb-000000000002"


@pytest.mark.parametrize(
    ("request_", "found"),
    [(ID, {ID}), (ID[:-1], {ID, NEAR}), (ID[:8], {ID, NEAR}), (ID[:7], set()), (ID[9:], set())],
)
def test_a_request_is_known_by_the_beginning_of_its_id(request_: str, found: set[str]) -> None:
    lines = [orjson.dumps({"request_id": ID}), orjson.dumps({"call_id": "c", "request_ids": [NEAR]})]
    chosen = Filter(request=request_)
    assert len(chosen.chosen(b"\n".join(lines))) == len(found)
    assert chosen.requests == found
