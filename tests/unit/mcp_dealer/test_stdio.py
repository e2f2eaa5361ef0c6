"""Lines that leave: whatever an answer holds, it is one line of JSON in UTF-8."""

from __future__ import annotations

import json

import pytest
from mcp_types import ErrorData, JSONRPCError, JSONRPCMessage, JSONRPCResponse

from mcp_dealer.stdio import line_of


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (JSONRPCResponse(jsonrpc="2.0", id=1, result={"a": "Ä\n😀"}), {"result": {"a": "Ä\n😀"}}),
        (JSONRPCResponse(jsonrpc="2.0", id=1, result={"a\udcff": ["\ud83d"]}), {"result": {"a\ufffd": ["\ufffd"]}}),
        (
            JSONRPCError(jsonrpc="2.0", id=1, error=ErrorData(code=-1, message="\udcff\n")),
            {"error": {"code": -1, "message": "\ufffd\n"}},
        ),
    ],
)
def test_an_answer_is_a_line_whatever_it_holds(message: JSONRPCMessage, fields: dict[str, object]) -> None:
    line = line_of(message)
    assert "\n" not in line
    assert json.loads(line.encode()) == {"jsonrpc": "2.0", "id": 1, **fields}
