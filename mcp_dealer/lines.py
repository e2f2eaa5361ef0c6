"""What clients of MCP send, without any I/O: the bytes of a line, or of a body over HTTP, are messages or a refusal.

What is merely spoiled is mended: half of a surrogate pair, which JavaScript leaves when it cuts a text inside an emoji,
and bytes that are no UTF-8 become U+FFFD; a byte order mark is skipped; a batch is taken apart. What can't be read is
refused with an error of JSON-RPC 2.0, so that nobody waits for an answer in vain.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any, Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603
DEPTH: Final = 100  # of lists and objects in each other; JSON readers give up at some depth, and each at another
PARTS: Final = 100_000  # lists and objects of a line: some seconds of a processor for a million of them
BATCH: Final = 1000  # messages of a line

_BOM = "\ufeff"
_REPLACEMENT = "\\ufffd"
# A pair of surrogates, half of one, any other escape: an escaped backslash before a "u" is none of the first two.
_ESCAPE = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(\\ud[89a-f][0-9a-f]{2})|\\.", re.IGNORECASE)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\]:,]|[^\s"{}\[\]:,]++', re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}
_SIGNS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")  # the same as signed bytes
_OTHERS = bytes(set(range(256)) - set(b"{[}]"))
_TOKENS: Final = 1_000_000  # of what can't be read, in which its id is looked for


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a reader of MCP takes; text: its JSON; value: what that says."""

    text: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is no message: a line, one of a batch, or a body; answer: what says so. code, reason: what that has."""

    answer: str
    code: int
    reason: str


def read(line: bytes) -> Iterator[Message | Refusal]:
    """Yield what a line says: one message, those of a batch, or a refusal; nothing for a blank one."""
    text = _text(line)
    if not text:
        return
    value = _value(text)
    if isinstance(value, Refusal):
        yield value
    elif not isinstance(value, list) or not value:
        yield _read(value, text)
    elif len(value) > BATCH:
        yield _refusal(INVALID_REQUEST, f"it is a batch of more than {BATCH} messages; send fewer at once", None)
    else:
        for part in value:
            yield _read(part, json.dumps(part, ensure_ascii=False))


def read_one(body: bytes) -> Message | Refusal:
    """Return the one message that a body over HTTP says; a batch is refused, as there is no one answer to it."""
    text = _text(body)
    if not text:
        return _refusal(PARSE_ERROR, "it is empty", None)
    if text.startswith("["):
        return _refusal(INVALID_REQUEST, "it is a batch; send one message at a time", None)
    value = _value(text)
    return value if isinstance(value, Refusal) else _read(value, text)


def mended(text: str) -> str:
    """Return JSON without half surrogate pairs, neither as they are nor escaped."""
    mended = _ESCAPE.sub(lambda found: _REPLACEMENT if found[1] else found[0], text) if "\\" in text else text
    return mended if mended.isascii() else mended.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def same_id(request_id: int | str) -> int | str:
    """Return what is the same for ids of one request: some clients say a number as a text, as the SDK knows."""
    try:
        return int(request_id)
    except ValueError:
        return request_id


def error(code: int, reason: str, request_id: object) -> str:
    """Return the line that answers a request with an error."""
    said = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": reason}}
    return json.dumps(said, ensure_ascii=False)


def _text(line: bytes) -> str:
    return mended(line.decode(errors="replace").strip().lstrip(_BOM).lstrip())


def _value(text: str) -> Any:
    """Return what a text that is JSON says, or why it can't be read."""
    try:
        if why := _too_much(text):
            return _refusal(INVALID_REQUEST, why, _id_in(text))
        return json.loads(text)
    except json.JSONDecodeError as error:
        return _refusal(PARSE_ERROR, f"it is no JSON: {error}", _id_in(text))
    except ValueError:
        return _refusal(PARSE_ERROR, "a number has more digits than are read; send it as a text", _id_in(text))


def _read(value: object, text: str) -> Message | Refusal:
    """Return a parsed message, or why it is none; text: its JSON."""
    if not isinstance(value, dict):
        return _refusal(INVALID_REQUEST, "it is no JSON object with jsonrpc, method and id", None)
    answers = "result" in value or "error" in value
    if answers and "method" not in value:
        return Message(text, value)  # never answered: two sides could go on refusing each other's refusals
    request_id = value.get("id")
    if "id" in value and type(request_id) is float and request_id.is_integer():
        request_id = int(request_id)  # the same number to JSON
        value = value | {"id": request_id}
        text = json.dumps(value, ensure_ascii=False)
    why = _wrong(value, request_id, answers)
    return Message(text, value) if why is None else _refusal(INVALID_REQUEST, why, _usable(request_id))


def _wrong(value: dict[str, Any], request_id: object, answers: bool) -> str | None:
    """Return what is wrong with a request or a notification."""
    if value.get("jsonrpc") != "2.0":
        return 'its jsonrpc is not "2.0"'
    if not isinstance(value.get("method"), str):
        return "its method is no text"
    if "id" in value and type(request_id) not in (int, str):
        return "its id is neither a whole number nor a text"
    if not isinstance(value.get("params"), dict | None):
        return "its params are no JSON object"
    return "it is a request and an answer at once" if answers else None


def _refusal(code: int, reason: str, request_id: object) -> Refusal:
    return Refusal(error(code, f"this is no message: {reason}", request_id), code, reason)


def _usable(request_id: object) -> int | float | str | None:
    """Return an id as an answer may have it: a number or a text; JSON has no NaN."""
    if type(request_id) is float and abs(request_id) == abs(request_id) < float("inf"):
        return request_id
    return request_id if type(request_id) in (int, str) else None  # type: ignore[return-value]


def _too_much(text: str) -> str:
    """Return why a text is not parsed, if its lists and objects are too many or nested too deep; else nothing."""
    if text.count("[") + text.count("{") <= DEPTH:
        return ""
    steps = array("b", _STRING.sub("", text).encode().translate(_SIGNS, _OTHERS))
    if steps.count(1) > PARTS:
        return f"it has more than {PARTS} lists and objects; send less at once"
    return f"it is nested deeper than {DEPTH}; send it flatter" if max(accumulate(steps), default=0) > DEPTH else ""


def _id_in(text: str) -> int | float | str | None:
    """Return the id of what can't be read as a whole: the value after the key "id" of the outermost object."""
    depth, before = 0, ("", "")
    for found in islice(_TOKEN.finditer(text), _TOKENS):
        token = found[0]
        if depth == 1 and before == ('"id"', ":"):
            try:
                return _usable(json.loads(token))
            except ValueError:
                return None
        depth += _STEPS.get(token, 0)
        before = before[1], token
    return None
