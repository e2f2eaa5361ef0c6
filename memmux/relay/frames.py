"""Frames between a relay and a gateway: a kind, a length, a number and a time, and then as many bytes as the length.

    kind  from     meaning
    H     relay    hello: the fields of `pack_fields`
    L     relay    line `number` of the host, read at the time
    R     relay    a line that an earlier gateway has answered; it is worked on again and its answers go nowhere
    E     relay    the host's input ended, or the host is gone; the payload says why
    A     gateway  the answer to line `number`: lines for the host; the line is settled
    S     gateway  line `number` is settled and has no answer; number 0: the hello was understood
    P     gateway  line `number` is pinned: kept, for the next gateway to have as R; the payload names lines to unpin
    O     gateway  lines for the host that belong to no line of its own
    G     gateway  go to the next gateway; the payload `seek`: the cluster is another one, look for it anew
    X     gateway  exit; `number` is the code, the payload words for standard error

PROTOCOL.md describes what they are for. A relay lives as long as its host does: these frames never change; a gateway
that learns more says so in fields of its own.
"""

from __future__ import annotations

HELLO, LINE, REPLAYED, END = b"H", b"L", b"R", b"E"
ANSWER, SETTLED, PIN, OUTPUT, GO, EXIT = b"A", b"S", b"P", b"O", b"G", b"X"

HEADER_BYTES = 21
PAYLOAD_BYTES = 64 << 20  # the most of one frame; as of a message to the cluster
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class FrameError(ValueError):
    """Raised for bytes that are no frame."""


class Frame:
    """One frame. at: milliseconds since 1970, or 0."""

    __slots__ = ("at", "kind", "number", "payload")

    def __init__(self, kind: bytes, number: int = 0, payload: bytes = b"", at: int = 0) -> None:
        self.kind = kind
        self.number = number
        self.payload = payload
        self.at = at

    def __repr__(self) -> str:
        return f"Frame({self.kind!r}, {self.number}, {self.payload!r}, {self.at})"

    def pack(self) -> bytes:
        """Return the frame as it is sent."""
        size = len(self.payload)
        head = self.kind + size.to_bytes(4, "big") + self.number.to_bytes(8, "big") + self.at.to_bytes(8, "big")
        return head + self.payload


class FrameReader:
    """Makes frames of bytes that come in any portions."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, received: bytes) -> Iterator[Frame]:
        """Take bytes, and yield the frames that are whole; raise FrameError where there can be none."""
        self._bytes += received
        while len(self._bytes) >= HEADER_BYTES:
            kind, size, number, at = unpack_header(bytes(self._bytes[:HEADER_BYTES]))
            end = HEADER_BYTES + size
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[HEADER_BYTES:end])
            del self._bytes[:end]
            yield Frame(kind, number, payload, at)


def unpack_header(header: bytes) -> tuple[bytes, int, int, int]:
    """Return kind, length, number and time; raise FrameError if no frame is so long."""
    size = int.from_bytes(header[1:5], "big")
    if size > PAYLOAD_BYTES:
        raise FrameError(f"a frame of {size} bytes; the most is {PAYLOAD_BYTES}")
    return header[:1], size, int.from_bytes(header[5:13], "big"), int.from_bytes(header[13:21], "big")


def pack_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return `name=value` pairs as a payload; a name may come several times."""
    return b"\0".join(f"{name}={value}".encode(errors="surrogateescape") for name, value in fields)


def unpack_fields(payload: bytes) -> list[tuple[str, str]]:
    """Return the pairs of a payload, in order."""
    texts = [part.decode(errors="surrogateescape") for part in payload.split(b"\0")] if payload else []
    return [(text.partition("=")[0], text.partition("=")[2]) for text in texts]


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """Return line numbers as a payload."""
    return b" ".join(b"%d" % number for number in numbers)


def unpack_numbers(payload: bytes) -> list[int]:
    """Return the line numbers of a payload."""
    return [int(part) for part in payload.split()]
