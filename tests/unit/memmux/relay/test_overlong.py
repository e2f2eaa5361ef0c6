"""Lines that are too long to be sent: refused with their id where it can be told, and never with a wrong one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux.relay.overlong import CODE, KEPT_BYTES, Overlong
from tests.unit.examples import examples

LONG = "x" * 3 * KEPT_BYTES
CALL = {"name": "memory_store", "arguments": {"content": LONG}}
IDS = st.integers(-(10**9), 10**9) | st.text(max_size=6) | st.none() | st.lists(st.integers(), max_size=2)


def _refusal(line: bytes) -> bytes:
    overlong = Overlong(bytearray(line[:KEPT_BYTES]))
    for start in range(KEPT_BYTES, len(line), 100):
        overlong.feed(line[start : start + 100])
    return overlong.refusal()


def _id(line: bytes) -> object:
    answer = json.loads(_refusal(line))
    assert answer.keys() == {"jsonrpc", "id", "error"}
    assert answer["error"]["code"] == CODE
    return answer["id"]


@pytest.mark.parametrize("request_id", [7, 0, -3, "seven", "sïx", ""])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_id_is_told_wherever_the_other_members_stand(request_id: int | str, separators: tuple[str, str]) -> None:
    first = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": CALL}
    last = {"method": "tools/call", "params": CALL, "jsonrpc": "2.0", "id": request_id}
    for said in (first, last, {"params": CALL, "id": request_id, "method": "tools/call"}):
        for ascii_only in (True, False):
            line = json.dumps(said, separators=separators, ensure_ascii=ascii_only).encode()
            expected = request_id if ascii_only is False or str(request_id).isascii() else None
            assert _id(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"method": "tools/call", "params": {"id": 5, "text": LONG}}),
        json.dumps({"method": "tools/call", "params": {"text": LONG, "id": 5}}),
        json.dumps({"method": LONG, "params": {"x": [1, {"id": 5}]}}),
        json.dumps({"method": f'{LONG}", "id": 5, "', "id": None}),
        json.dumps([{"id": 1, "method": LONG}, {"id": 5}]),
        f'{{"method": "x", "id": 00, "x": "{LONG}"}}',
        f'{{"x": {{"id": 1, "content": "{LONG}',
        LONG,
        '"' * 5000,
        "}" * 5000,
    ],
)
def test_no_id_is_told_that_is_not_the_line_s_own(line: str) -> None:
    assert _id(line.encode()) is None


@given(members=st.dictionaries(st.sampled_from(["jsonrpc", "method", "x", "params", 'a"id']), IDS), request_id=IDS)
@settings(max_examples=examples(200), deadline=None)
def test_what_is_told_is_the_line_s_id_or_null(members: dict[str, object], request_id: object) -> None:
    for said in (
        {"id": request_id, **members, "long": {"id": 1, "text": LONG}},
        {"long": LONG, **members, "id": request_id},
        {**members, "long": [LONG, {"id": 1}], "id": request_id, "params": members},
    ):
        assert _id(json.dumps(said).encode()) in (request_id if isinstance(request_id, int | str) else None, None)


@pytest.mark.parametrize("kind", ["result", "error"])
def test_an_answer_that_is_too_long_is_not_answered(kind: str) -> None:
    for said in ({"jsonrpc": "2.0", "id": 3, kind: {"text": LONG}}, {kind: {"text": LONG}, "jsonrpc": "2.0", "id": 3}):
        assert _refusal(json.dumps(said).encode()) == b""
