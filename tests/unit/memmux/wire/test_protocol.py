"""The codec: what is encoded is decoded again, and nothing on the wire can surprise it."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux import limits
from memmux.errors import (
    MalformedMessageError,
    MessageTooLargeError,
    OverloadedError,
    ProtocolError,
    ProtocolVersionError,
    error_from_json,
)
from memmux.wire import protocol
from memmux.wire.protocol import Header, Kind

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=128)  # JSON has no lone surrogates
_NUMBER = st.integers(0, (1 << 53) - 1)
_JSON: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 53), 1 << 53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(_TEXT, values, max_size=3),
    max_leaves=10,
)
_HEADERS = st.builds(
    Header,
    kind=st.sampled_from(Kind),
    id=_TEXT,
    operation=_TEXT,
    stage=_TEXT,
    deadline_ms=st.none() | _NUMBER,
    key=_TEXT,
    client=_TEXT,
    grant=st.dictionaries(_TEXT, _JSON, max_size=3),
    attempt=_NUMBER,
    degraded=st.lists(_TEXT, max_size=3).map(tuple),
    detail=st.dictionaries(_TEXT, _JSON, max_size=3),
)
_FRAMES = st.lists(st.binary(max_size=50), max_size=limits.FRAMES - 1)


@given(_HEADERS, _FRAMES)
def test_what_is_encoded_is_decoded_again(header: Header, frames: list[bytes]) -> None:
    message = protocol.decode(protocol.encode(header, *frames))
    assert message.header == header
    assert message.frames == tuple(frames)
    assert message.body == (frames[0] if frames else b"")
    assert message.blobs == tuple(frames[1:])


def _decode_or_protocol_error(frames: list[bytes]) -> None:
    try:
        message = protocol.decode(frames)
    except (ProtocolError, MessageTooLargeError):
        return
    assert protocol.decode(protocol.encode(message.header, *message.frames)) == message


@given(st.lists(st.binary(max_size=100), max_size=limits.FRAMES + 2))
def test_arbitrary_bytes_raise_nothing_but_the_codecs_own_errors(frames: list[bytes]) -> None:
    _decode_or_protocol_error(frames)


@given(
    fields=st.dictionaries(
        st.sampled_from(
            ["v", "kind", "id", "operation", "stage", "deadline_ms", "key", "attempt", "degraded", "detail"]
        ),
        _JSON,
    ),
    kind=st.sampled_from(Kind),
    plausible=st.booleans(),
)
def test_arbitrary_json_raises_nothing_but_the_codecs_own_errors(
    fields: dict[str, object], kind: Kind, *, plausible: bool
) -> None:
    if plausible:
        fields |= {"v": protocol.VERSION, "kind": kind}
    _decode_or_protocol_error([orjson.dumps(fields)])


@given(_HEADERS, st.data())
def test_damaged_header_raises_nothing_but_the_codecs_own_errors(header: Header, data: st.DataObject) -> None:
    damaged = bytearray(protocol.encode(header)[0])
    for index in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=3)):
        damaged[index] = data.draw(st.integers(0, 255))
    _decode_or_protocol_error([bytes(damaged)])


def _header(**fields: object) -> list[bytes]:
    return [orjson.dumps({"v": protocol.VERSION, "kind": "request", **fields})]


@pytest.mark.parametrize(
    "fields",
    [
        {"v": None},
        {"v": "1"},
        {"v": True},
        {"kind": "nonsense"},
        {"kind": ["request"]},
        {"id": 5},
        {"id": "x" * 129},
        {"key": None},
        {"deadline_ms": -1},
        {"deadline_ms": 1.5},
        {"deadline_ms": True},
        {"deadline_ms": 1 << 53},
        {"attempt": None},
        {"degraded": "hash"},
        {"degraded": [1]},
        {"detail": []},
        {"grant": "admin"},
    ],
)
def test_header_field_of_the_wrong_form_is_malformed(fields: Mapping[str, object]) -> None:
    with pytest.raises(MalformedMessageError):
        protocol.decode(_header(**fields))


@pytest.mark.parametrize("frames", [[], [b""], [b"null"], [b"[]"], [b"{"], [b"\xff"], [b'{"v":1,"kind":"\\ud800"}']])
def test_header_that_is_no_json_object_is_malformed(frames: list[bytes]) -> None:
    with pytest.raises(MalformedMessageError):
        protocol.decode(frames)


def test_fields_of_later_versions_are_ignored() -> None:
    assert protocol.decode(_header(id="r1", colour="red")).header == Header(kind=Kind.REQUEST, id="r1")


def test_fields_at_their_default_are_left_out() -> None:
    assert orjson.loads(protocol.encode(Header(kind=Kind.PING))[0]) == {"v": protocol.VERSION, "kind": "ping"}


@pytest.mark.parametrize(
    ("version", "side"), [(protocol.VERSION + 1, "this side"), (protocol.OLDEST - 1, "the other side")]
)
def test_version_that_is_not_understood_says_which_side_to_upgrade(version: int, side: str) -> None:
    with pytest.raises(ProtocolVersionError, match=f"upgrade memmux on {side}$"):
        protocol.decode(_header(v=version))


def test_message_past_its_limits_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MessageTooLargeError, match=str(limits.FRAMES)):
        protocol.decode([*_header(), *[b""] * limits.FRAMES])
    with pytest.raises(MessageTooLargeError, match=str(limits.HEADER_BYTES)):
        protocol.decode([b" " * (limits.HEADER_BYTES + 1)])
    monkeypatch.setattr(limits, "MESSAGE_BYTES", most := limits.HEADER_BYTES + 100)
    protocol.decode([*_header(), b"x" * 50, b"x" * 50])
    with pytest.raises(MessageTooLargeError, match=f"{most} bytes"):
        protocol.decode([*_header(), b"x" * 50, b"x" * 51])


def test_error_travels_in_a_header_and_back() -> None:
    header = protocol.decode(protocol.encode_error(OverloadedError(retry_after_ms=70), "r1")).header
    assert (header.kind, header.id) == (Kind.ERROR, "r1")
    error = error_from_json(dict(header.detail))
    assert type(error) is OverloadedError
    assert error.retry_after_ms == 70
