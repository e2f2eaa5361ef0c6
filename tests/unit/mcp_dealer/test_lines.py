"""Lines: what is spoiled is mended, what can't be read is refused, and nothing that asks for an answer is dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types import JSONRPCNotification, JSONRPCRequest, jsonrpc_message_adapter

from mcp_dealer.lines import BATCH, DEPTH, INVALID_REQUEST, PARSE_ERROR, PARTS, Message, Refusal, mended, read, read_one
from tests.unit.examples import examples

REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
LONE = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
TEXTS = st.text(st.characters() | LONE, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | VALUES,
        "id": VALUES,
        "method": TEXTS | VALUES,
        "params": st.dictionaries(TEXTS, VALUES) | VALUES,
        "result": VALUES,
        "error": VALUES,
    },
)


def _one(line: bytes) -> Message | Refusal:
    (said,) = read(line)
    return said


def _refused(line: bytes) -> tuple[int, Any]:
    """The code and the id with which a line is refused."""
    said = _one(line)
    assert isinstance(said, Refusal)
    answer = json.loads(said.answer)
    assert answer.keys() == {"jsonrpc", "id", "error"}
    assert answer["error"] == {"code": said.code, "message": f"this is no message: {said.reason}"}
    return said.code, answer["id"]


def _line(**fields: object) -> bytes:
    return json.dumps(REQUEST | fields).encode()


def _value(line: bytes) -> Any:
    said = _one(line)
    assert isinstance(said, Message)
    return json.loads(said.text)


def test_a_good_line_stays_as_it_is() -> None:
    line = '{"jsonrpc": "2.0",  "id": 1, "method": "ping", "params": {"a": "Ä\\n \\ud83d\\ude00 😀"}}'
    assert _one(line.encode() + b"\r\n") == Message(line, json.loads(line))


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"a\ud83d", "a\ufffd"),
        (r"\uDE00a", "\ufffda"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\n\ude00", "\ufffd\n\ufffd"),
        (r"\\ud83d", r"\ud83d"),
        (r"\\\ud83d", "\\\ufffd"),
        (r"\ud83dA", "\ufffdA"),
    ],
)
def test_half_a_surrogate_pair_is_replaced_anywhere(escaped: str, text: str) -> None:
    line = '{"jsonrpc": "2.0", "id": "x%s", "method": "x%s", "params": {"x%s": ["x%s"]}}'.replace("x%s", escaped)
    assert _value(line.encode()) == {"jsonrpc": "2.0", "id": text, "method": text, "params": {text: [text]}}


def test_a_byte_order_mark_is_skipped() -> None:
    assert _value(b"\xef\xbb\xbf" + _line()) == REQUEST


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    line = _line(params={"a": "X"}).replace(b"X", b"\xff\xed\xa0\xbd")
    assert set(_value(line)["params"]["a"]) == {"\ufffd"}


def test_an_id_that_is_whole_is_a_whole_number() -> None:
    assert repr(_value(_line(id=7.0))["id"]) == "7"
    assert _value(_line(id=-(1 << 70)))["id"] == -(1 << 70)


def test_a_batch_is_taken_apart() -> None:
    batch = [REQUEST, {"jsonrpc": "2.0", "method": "note", "params": {"a": "Ä"}}, 5, [], REQUEST | {"id": None}]
    said = list(read(json.dumps(batch).encode()))
    assert [json.loads(one.text) for one in said if isinstance(one, Message)] == batch[:2]
    assert [one.code for one in said if isinstance(one, Refusal)] == [INVALID_REQUEST] * 3


@pytest.mark.parametrize(
    "line",
    [
        b"this is no JSON",
        b"Content-Length: 52",
        b"\xff\xfe{\x00}\x00",
        b"\x00",
        b'{"a": 1',
        b"'a'",
        b"[" * 50,
        b'{"jsonrpc": "2.0", "id": ' + b"9" * 5000 + b', "method": "ping"}',
        b'{"jsonrpc": "2.0", "method": "x", "params": {"id": 5}',
    ],
)
def test_what_is_no_json_is_refused_without_an_id(line: bytes) -> None:
    assert _refused(line) == (PARSE_ERROR, None)


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b'{"jsonrpc": "2.0", "id": 7, "method": "ping",}', 7),
        (b'{"params": {"id": 1, "a": "\\"id\\": 2"}, "id" : "a", "method": "ping', "a"),
        (b'{"id": -1.5, "method": "a\x01b"}', -1.5),
        (b'{"id": [1], "method": "ping",}', None),
        (b'{"id": x, "method": "ping"}', None),
        (b'{"id":', None),
    ],
)
def test_what_is_no_json_is_refused_with_its_id_where_it_has_one(line: bytes, request_id: object) -> None:
    assert _refused(line) == (PARSE_ERROR, request_id)


@pytest.mark.parametrize(
    ("value", "request_id"),
    [
        (5, None),
        (None, None),
        ("ping", None),
        ([], None),
        ([[]], None),
        ({}, None),
        ({"id": 3}, 3),
        ({"jsonrpc": "2.0", "id": 3}, 3),
        (REQUEST | {"jsonrpc": "1.0"}, 1),
        (REQUEST | {"jsonrpc": 2.0}, 1),
        (REQUEST | {"method": 5}, 1),
        (REQUEST | {"params": [1]}, 1),
        (REQUEST | {"params": "x"}, 1),
        (REQUEST | {"id": None}, None),
        (REQUEST | {"id": True}, None),
        (REQUEST | {"id": [1]}, None),
        (REQUEST | {"id": {"a": 1}}, None),
        (REQUEST | {"id": 1.5}, 1.5),
        (REQUEST | {"id": float("nan")}, None),
        (REQUEST | {"id": float("inf")}, None),
        (REQUEST | {"result": {}}, 1),
        ({"jsonrpc": "2.0", "method": "note", "params": []}, None),
    ],
)
def test_what_is_json_and_no_request_is_refused(value: object, request_id: object) -> None:
    assert _refused(json.dumps(value).encode()) == (INVALID_REQUEST, request_id)


@pytest.mark.parametrize("depth", [DEPTH, 300, 100_000])
def test_what_is_nested_too_deeply_is_refused_with_its_id(depth: int) -> None:
    deep = b'{"a": ' * depth + b"1" + b"}" * depth
    line = _line(id=5, params={"id": 6, "a": "X"}).replace(b'"X"', deep)
    assert _refused(line) == (INVALID_REQUEST, 5)


def test_what_is_wide_or_only_looks_deep_is_not_refused() -> None:
    params = {"wide": [[]] * 1000, "text": "[{" * 1000, "deep": json.loads("[" * (DEPTH - 2) + "]" * (DEPTH - 2))}
    assert _value(_line(params=params))["params"] == params


@pytest.mark.parametrize("answer", [{"result": {}}, {"id": None, "error": {"code": 1, "message": "x"}}, {"result": 5}])
def test_an_answer_is_never_refused(answer: dict[str, Any]) -> None:
    assert isinstance(_one(json.dumps({"jsonrpc": "2.0", "id": 1} | answer).encode()), Message)


@settings(max_examples=examples(500))
@given(OBJECTS | VALUES | st.lists(OBJECTS, min_size=1, max_size=3), st.booleans())
def test_every_request_is_a_request_to_the_sdk_too_or_refused(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    said = list(read(text.encode(errors="surrogatepass")))
    assert len(said) == (len(value) if isinstance(value, list) and value else 1)
    for one in said:
        if isinstance(one, Refusal):
            json.loads(one.answer.encode(), parse_constant=pytest.fail)
        elif "method" in (meant := json.loads(one.text.encode())):
            parsed = jsonrpc_message_adapter.validate_json(one.text, by_name=False)
            assert isinstance(parsed, JSONRPCRequest if "id" in meant else JSONRPCNotification)


@settings(max_examples=examples(500))
@given(st.binary() | TEXTS.map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes_are_a_message_or_refused(line: bytes) -> None:
    for said in read(line.replace(b"\n", b"")):
        text = said.text if isinstance(said, Message) else said.answer
        assert "\n" not in text
        json.loads(text.encode())


@settings(max_examples=examples(200))
@given(VALUES, st.booleans())
def test_mending_touches_nothing_but_halves(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    once = mended(text)
    assert mended(once) == once
    whole = json.loads(once)
    assert json.dumps(whole).encode()
    if not any(0xD800 <= ord(character) <= 0xDFFF for character in json.dumps(value, ensure_ascii=False)):
        assert once == text


@pytest.mark.parametrize("line", [b"", b" \t", b"\r", b"\xef\xbb\xbf"])
def test_a_blank_line_is_ignored(line: bytes) -> None:
    assert list(read(line)) == []


def test_a_number_of_thousands_of_digits_is_refused_in_words_of_ours() -> None:
    digits = b"7" * 5000
    assert _refused(b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % digits) == (PARSE_ERROR, None)
    line = b'{"jsonrpc":"2.0","id":5,"method":"ping","params":{"x":%s}}' % digits
    assert _refused(line) == (PARSE_ERROR, 5)
    said = _one(line)
    assert isinstance(said, Refusal)
    assert "int_max_str_digits" not in said.answer


def test_a_body_is_one_message_or_refused() -> None:
    said = read_one(_line(id=1.0))
    assert isinstance(said, Message)
    assert said.value["id"] == 1
    batch = b"[" + _line() + b"," + _line() + b"]"
    for body, code in ((b"", PARSE_ERROR), (b" ", PARSE_ERROR), (batch, INVALID_REQUEST)):
        refused = read_one(body)
        assert isinstance(refused, Refusal)
        assert refused.code == code


@pytest.mark.parametrize("part", [b"0", b"{}", b"[]"])
def test_a_batch_over_http_is_refused_before_it_is_parsed(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", None)
    for before in (b"", b" \r\n", b"\xef\xbb\xbf "):
        refused = read_one(before + b"[" + part + b"]")
        assert isinstance(refused, Refusal)
        assert refused.reason == "it is a batch; send one message at a time"


def test_a_batch_of_thousands_is_refused_as_a_whole() -> None:
    assert len(list(read(b"[" + b",".join([b"0"] * BATCH) + b"]"))) == BATCH
    assert _refused(b"[" + b",".join([b"0"] * (BATCH + 1)) + b"]") == (INVALID_REQUEST, None)


@pytest.mark.parametrize("part", [b"{}", b"[]"])
def test_more_lists_and_objects_than_are_read_are_refused_before_they_are_parsed(part: bytes) -> None:
    for many, text in ((PARTS, b""), (PARTS - 3, b'"' + part * 9 + b'"')):
        line = b'{"jsonrpc":"2.0","id":5,"method":"ping","params":{"a":[%s],"b":%s}}'
        line %= b",".join([part] * many), text or b"0"
        assert isinstance(_one(line), Message) is bool(text)
        if not text:
            assert _refused(line) == (INVALID_REQUEST, 5)
