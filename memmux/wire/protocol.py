"""The wire: the form of one message. PROTOCOL.md says who sends which message when.

A message is a list of frames `[header, body, *blobs]`:

- the header is a small JSON object, the only frame of a client's requests and their answers that the router reads;
- the body is JSON, the arguments of an operation (`memmux.wire.requests`) or its result (`memmux.wire.answers`), and
  may be empty;
- blobs are further frames: an embedding is a JSON frame and a frame of raw little-endian float32
  (`memmux.wire.embeddings`).

Clients and workers speak with the router in this form, each over a socket of their own. ZeroMQ puts the sender's
routing id before the frames that a ROUTER receives; it is no part of the message. `memmux.wire.operations` has the
operations, each with the stages through which the router sends a request.

This module is pure: bytes in, values out. Arbitrary bytes raise nothing but `ProtocolError`s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import orjson

from memmux import limits
from memmux.errors import MalformedMessageError, MemmuxError, MessageTooLargeError, ProtocolVersionError

VERSION: Final = 1  # written into every header
OLDEST: Final = 1  # the oldest version this side still understands


class Kind(StrEnum):
    """The kinds of messages."""

    # client → router
    HELLO = "hello"  # opens a session; detail: protocol, name, pid, version, instance, …: PROTOCOL.md
    REQUEST = "request"  # asks for an operation; also router → worker, with the stage to do
    CANCEL = "cancel"  # gives up the request `id`; also router → worker
    PING = "ping"  # asks whether a router is there; needs no session
    GOODBYE = "goodbye"  # ends the session
    # router → client
    WELCOME = "welcome"  # answers HELLO; detail: protocol, version, pid, endpoint, database, model, …: PROTOCOL.md
    RESULT = "result"  # the answer to a REQUEST; worker → router: what one stage returned
    ERROR = "error"  # also worker → router; detail: code, message, retryable, retry_after_ms
    PONG = "pong"  # answers PING; over tcp also unasked, to find clients that are gone
    # worker → router
    READY = "ready"  # the worker takes requests; detail: pid, credit, and facts
    HEARTBEAT = "heartbeat"  # the worker is alive; detail: facts
    RETIRING = "retiring"  # the worker asks for a successor
    FAILED = "failed"  # the worker can't start, or go on; detail: the error
    # router → worker
    STOP = "stop"  # finish what you have, then exit


@dataclass(slots=True, kw_only=True)
class Header:
    """The first frame of a message. Nobody changes one; had Python to see to that, making it would take thrice as long.

    kind: what the message is for.
    id: the request's id (uuid7), the same in every process that the request passes through.
    operation: a name in `memmux.wire.operations`.
    stage: router → worker, which step of the operation's route the worker shall do.
    deadline_ms: the time that the request still has, in milliseconds; None where none is given.
    key: idempotency key; a write with a key that was applied before is answered again, not applied again.
    client: router → worker, the key's name and the name the client gave in HELLO; it is written into the change log.
    grant: router → worker, what the client may do (`memmux.wire.grants`); empty for a local client without bounds.
    attempt: router → worker, counted from 1, and never one that a worker still has of the same id; RESULT, ERROR and
        CANCEL name it again.
    degraded: codes of what the answer had to do without; empty when all is well.
    detail: small extras of the kind: the error of ERROR; the times of a RESULT for a client (`queue_ms`, `work_ms`,
        `stages`); the facts of a worker's RESULT, READY and HEARTBEAT, which are what it says of its own state, such as
        `wal_bytes` or `model`.
    """

    kind: Kind
    id: str = ""
    operation: str = ""
    stage: str = ""
    deadline_ms: int | None = None
    key: str = ""
    client: str = ""
    grant: Mapping[str, object] = field(default_factory=dict)
    attempt: int = 0
    degraded: tuple[str, ...] = ()
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A decoded message: its header and the frames after it, as they came."""

    header: Header
    frames: tuple[bytes, ...] = ()

    @property
    def body(self) -> bytes:
        """The JSON of the arguments or of the result; empty when the message has none."""
        return self.frames[0] if self.frames else b""

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """The frames after the body."""
        return self.frames[1:]


def encode(header: Header, *frames: bytes) -> list[bytes]:  # noqa: C901  # a plain list; a loop would cost more
    """Return the frames of a message; fields that are at their default are left out of the header."""
    fields: dict[str, object] = {"v": VERSION, "kind": header.kind}
    if header.id:
        fields["id"] = header.id
    if header.operation:
        fields["operation"] = header.operation
    if header.stage:
        fields["stage"] = header.stage
    if header.deadline_ms is not None:
        fields["deadline_ms"] = header.deadline_ms
    if header.key:
        fields["key"] = header.key
    if header.client:
        fields["client"] = header.client
    if header.grant:
        fields["grant"] = header.grant if isinstance(header.grant, dict) else dict(header.grant)
    if header.attempt:
        fields["attempt"] = header.attempt
    if header.degraded:
        fields["degraded"] = header.degraded
    if header.detail:
        fields["detail"] = header.detail if isinstance(header.detail, dict) else dict(header.detail)
    return [orjson.dumps(fields), *frames]


def encode_error(error: MemmuxError, request_id: str = "") -> list[bytes]:
    """Return the frames of an ERROR that carries `error`."""
    return encode(Header(kind=Kind.ERROR, id=request_id, detail=error.to_json()))


_TEXT_CHARACTERS = 128  # of each of them
_INTEGER = 1 << 53


def decode(frames: Sequence[bytes]) -> Message:
    """Return the message that `frames` are; header fields of later versions are ignored.

    Raises MalformedMessageError, MessageTooLargeError or ProtocolVersionError, and nothing else.
    """
    if not frames:
        raise MalformedMessageError("a message has at least a header frame")
    check_size(frames)
    try:
        fields = orjson.loads(frames[0])
    except orjson.JSONDecodeError:
        raise MalformedMessageError("the header is not JSON") from None
    if not isinstance(fields, dict):
        raise MalformedMessageError("the header is not a JSON object")
    return Message(_header(fields), tuple(frames[1:]))


def check_size(frames: Sequence[bytes]) -> None:
    """Raise MessageTooLargeError for a message that `decode` does not take at the other end.

    A header of any size counts as the largest: whoever passes the frames on writes a longer one.
    """
    size = limits.HEADER_BYTES + sum(map(len, frames)) - len(frames[0])
    if len(frames) > limits.FRAMES or size > limits.MESSAGE_BYTES:
        raise MessageTooLargeError(
            f"a message has at most {limits.FRAMES} frames and {limits.MESSAGE_BYTES} bytes, {limits.HEADER_BYTES} of "
            "them for its header; send less at once"
        )
    if len(frames[0]) > limits.HEADER_BYTES:
        raise MessageTooLargeError(f"a header has at most {limits.HEADER_BYTES} bytes; arguments belong in the body")


def salvage(frames: Sequence[bytes]) -> tuple[str, int] | None:
    """Return the id and the attempt that a message names which can't be read otherwise; None if its header is no JSON.

    What it does not name is empty and 0.
    """
    try:
        fields = orjson.loads(b"".join(frames[:1]))
    except orjson.JSONDecodeError:
        return None
    known = fields if isinstance(fields, dict) else {}
    request_id, attempt = known.get("id"), known.get("attempt")
    return request_id if isinstance(request_id, str) else "", attempt if type(attempt) is int else 0


def _header(fields: dict[str, object]) -> Header:
    check_version(fields.get("v"))
    known = {name: read(name, value) for name, value in fields.items() if (read := _FIELDS.get(name))}
    if "kind" not in known:
        raise _no_kind()
    return Header(**known)  # type: ignore[arg-type]  # each is what its reader returned


def _kind(_name: str, value: object) -> Kind:
    kind = _KINDS.get(value) if isinstance(value, str) else None
    if kind is None:
        raise _no_kind()
    return kind


def _no_kind() -> MalformedMessageError:
    return MalformedMessageError("the header names no kind of message that this side knows")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_CHARACTERS:
        raise MalformedMessageError(f"header field {name!r} is not a text of at most {_TEXT_CHARACTERS} characters")
    return value


def _number(name: str, value: object) -> int:
    if type(value) is not int or not 0 <= value < _INTEGER:
        raise MalformedMessageError(f"header field {name!r} is not a whole number from 0")
    return value


def _number_or_none(name: str, value: object) -> int | None:
    return None if value is None else _number(name, value)


def _codes(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise MalformedMessageError(f"header field {name!r} is not a list of codes")
    return tuple(value)


def _object(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedMessageError(f"header field {name!r} is not an object")
    return value


_KINDS: Mapping[str, Kind] = {str(kind): kind for kind in Kind}
_FIELDS: Mapping[str, Callable[[str, object], object]] = {
    "kind": _kind,
    **dict.fromkeys(("id", "operation", "stage", "key", "client"), _text),
    "deadline_ms": _number_or_none,
    "attempt": _number,
    "degraded": _codes,
    **dict.fromkeys(("grant", "detail"), _object),
}


def check_version(version: object, *, peer: str = "the other side") -> None:
    """Raise MalformedMessageError for what is no version, and ProtocolVersionError for one not understood here."""
    if type(version) is not int:
        raise MalformedMessageError("the header has no protocol version 'v'")
    if not OLDEST <= version <= VERSION:
        older = "this side" if version > VERSION else peer
        raise ProtocolVersionError(
            f"{peer} speaks protocol {version}, this side {OLDEST} to {VERSION}; upgrade memmux on {older}"
        )
