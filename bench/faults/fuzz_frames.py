"""Fuzzed messages: random, mutated and truncated frames, wrong kinds and values, replayed ids, huge and zero frames."""

from __future__ import annotations

import os
import random
import uuid
from collections import deque
from collections.abc import Callable, Sequence

import orjson

from memmux.limits import FRAMES, HEADER_BYTES
from memmux.wire import protocol
from memmux.wire.operations import OPERATIONS
from memmux.wire.protocol import Kind

Frames = list[bytes]
HUGE_BYTES = 1 << 20
HUGE_SHARE = 0.0005  # of the messages; each costs as much as hundreds of others
REMEMBERED = 256  # ids and messages to send again
_FORBIDDEN = frozenset({"cluster.stop", "admin.backup", "admin.rebuild", "memory.purge"})  # they would do what they say
_FIELDS = (
    "v",
    "kind",
    "id",
    "operation",
    "deadline_ms",
    "key",
    "stage",
    "client",
    "grant",
    "attempt",
    "degraded",
    "detail",
)
_OPERATIONS = tuple(name for name in OPERATIONS if name not in _FORBIDDEN)
_BODIES = (
    b"{}",
    b'{"content":"the fuzzer was here"}',
    b'{"query":"fuzzer","mode":"keyword","limit":3,"filter":{}}',
    b'{"id":"none","namespace":"default"}',
    b'{"limit":2,"offset":0,"filter":{"tags":["none"]}}',
    b'{"memories":[{"content":"one"},{"content":"two"}]}',
    b"[]",
    b"\xff\xfe",
    b"",
)
# Half a character, a number beyond 64 bits, and numbers that JSON has not.
_RAW = (b'"\\ud800"', b"1e999", b"-1", b"9" * 40, b"NaN", b"[" * 500, b'{"a":' * 500, b'"\\u0000"', b"null")


class Fuzzer:
    """Makes messages from a seed: the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"frames of {seed}")
        self._ids: deque[str] = deque([self._new_id()], REMEMBERED)
        self._sent: deque[Frames] = deque([self._valid()], REMEMBERED)
        self._ways: tuple[tuple[Callable[[], Frames], float], ...] = (
            (self._random, 15),
            (self._mutated, 25),
            (self._truncated, 15),
            (self._wrong, 20),
            (self._replayed, 10),
            (self._zeros, 5),
            (self._many, 2),
            (self._valid, 8),
            (self._huge, 100 * HUGE_SHARE),
        )

    def message(self) -> Frames:
        """Return the next message: at least one frame, and nothing that would stop the cluster."""
        ways, weights = zip(*self._ways, strict=True)
        (way,) = self._chance.choices(ways, weights)
        frames: Frames = way()
        if any(name.encode() in frames[0] for name in _FORBIDDEN):
            return [b""]
        if way is not self._huge:
            self._sent.append(frames)
        return frames

    def garbage(self) -> bytes:
        """Return bytes that are no ZeroMQ traffic, or only begin like it: https://rfc.zeromq.org/spec/23/."""
        greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x00NULL".ljust(64, b"\0")
        ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
        whole = greeting + ready + b"\x00\x05hello"
        return self._chance.choice(
            (
                self._bytes(64),
                greeting[: self._chance.randrange(64)],
                greeting + self._bytes(64),
                self._flipped(whole),
                whole[: self._chance.randrange(len(whole))],
                greeting + ready + b"\x02" + b"\x7f" * 8,  # a frame of nine exabytes is announced
            )
        )

    def _bytes(self, most: int) -> bytes:
        return self._chance.randbytes(self._chance.randint(0, most))

    def _header(self) -> dict[str, object]:
        kind = self._chance.choice([*[Kind.REQUEST] * 10, *[Kind.HELLO] * 3, *Kind])
        fields: dict[str, object] = {"v": protocol.VERSION, "kind": kind, "id": self._id()}
        if kind is Kind.REQUEST:
            fields["operation"] = self._chance.choice(_OPERATIONS)
            fields["deadline_ms"] = self._chance.choice((1, 50, 1000))
            fields["key"] = self._id()
        if kind is Kind.HELLO:
            own = {"name": "fuzzer", "pid": os.getpid(), "version": "0", "instance": self._id()}
            fields["detail"] = {"protocol": [protocol.OLDEST, protocol.VERSION], **own}
        if kind is Kind.READY:
            fields["detail"] = {"credit": self._chance.choice((0, -1, 1, 1 << 60, "many")), "pid": 1}
        return fields

    def _id(self) -> str:
        if self._chance.random() < 0.5:  # noqa: PLR2004 - a half
            self._ids.append(self._new_id())
        return self._chance.choice(self._ids)

    def _new_id(self) -> str:
        return str(uuid.UUID(bytes=self._chance.randbytes(16), version=4))

    def _valid(self) -> Frames:
        return [orjson.dumps(self._header()), self._chance.choice(_BODIES)]

    def _random(self) -> Frames:
        return [self._bytes(200) for _ in range(self._chance.randint(1, 6))]

    def _mutated(self) -> Frames:
        frames = list(self._valid())
        place = self._chance.randrange(len(frames))
        frames[place] = self._flipped(frames[place])
        return frames

    def _flipped(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._chance.randint(1, 4)):
            if changed:
                changed[self._chance.randrange(len(changed))] = self._chance.randrange(256)
        return bytes(changed)

    def _truncated(self) -> Frames:
        frames = self._valid()
        place = self._chance.randrange(len(frames))
        frames[place] = frames[place][: self._chance.randint(0, len(frames[place]))]
        return frames[: self._chance.randint(1, len(frames))]

    def _wrong(self) -> Frames:
        """Give one field of a header a value that it must not have."""
        fields = self._header()
        name = self._chance.choice(_FIELDS)
        if self._chance.random() < 0.3:  # noqa: PLR2004 - a share
            fields.pop(name, None)
            return [orjson.dumps(fields), b"{}"]
        fields[name] = 0
        raw = self._chance.choice((*_RAW, orjson.dumps(self._value(3)), orjson.dumps("x" * 300)))
        rest = orjson.dumps({other: value for other, value in fields.items() if other != name})
        return [rest[:-1] + b"," + orjson.dumps(name) + b":" + raw + b"}", self._chance.choice(_BODIES)]

    def _value(self, depth: int) -> object:
        simple: Sequence[object] = (
            None,
            True,
            -1,
            0,
            1 << 62,
            0.5,
            "",
            "hello",
            [],
            {},
            [[1, 1]],
            {"protocol": [1, 1]},
        )
        if depth and self._chance.random() < 0.3:  # noqa: PLR2004 - a share
            values = [self._value(depth - 1) for _ in range(self._chance.randint(0, 3))]
            return {str(place): value for place, value in enumerate(values)} if self._chance.random() < 0.5 else values  # noqa: PLR2004 - a half
        return self._chance.choice(simple)

    def _replayed(self) -> Frames:
        return self._chance.choice(self._sent)

    def _zeros(self) -> Frames:
        return [b""] * self._chance.randint(1, 8)

    def _many(self) -> Frames:
        return [*self._valid(), *[b"x"] * self._chance.randint(FRAMES - 3, 3 * FRAMES)]

    def _huge(self) -> Frames:
        if self._chance.random() < 0.5:  # noqa: PLR2004 - a half
            return [b" " * self._chance.randint(HEADER_BYTES - 8, HUGE_BYTES)]
        return [*self._valid()[:1], bytes(HUGE_BYTES)]
