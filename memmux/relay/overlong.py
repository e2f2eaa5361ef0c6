"""A line that is longer than a frame may be: of all of it only what its refusal needs is kept."""

from __future__ import annotations

from memmux.relay.frames import PAYLOAD_BYTES

KEPT_BYTES = 1024  # of its beginning, and of its end: where the members of a request stand beside `params`
NUMBER_BYTES = 20  # the most of an id that is a number
CODE = -32600


class Overlong:
    """A line of the host that no gateway can be sent; begun: as far as it has come."""

    __slots__ = ("_head", "_tail")

    def __init__(self, begun: bytearray) -> None:
        self._head = bytes(begun[:KEPT_BYTES])
        self._tail = bytes(begun[-KEPT_BYTES:])

    def feed(self, part: bytes) -> None:
        """Take a part of it."""
        self._tail = (self._tail + part)[-KEPT_BYTES:]

    def refusal(self) -> bytes:
        """Return the answer, with the line's id, or null where it can't be told; nothing for what is an answer itself.

        Two sides could go on refusing each other's refusals, and the id of an answer is one of ours.
        """
        members = _last(self._tail) | _first(self._head)
        if b"result" in members or b"error" in members:
            return b""
        said = b'{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"the line is longer than %d bytes; send less"}}'
        return said % (members.get(b"id", b"null"), CODE, PAYLOAD_BYTES)


def _first(head: bytes) -> dict[bytes, bytes]:
    """Return the members of an object up to the first list or object in it."""
    head = head.lstrip(b"\xef\xbb\xbf \t\r")
    if head[:1] != b"{":
        return {}
    flat = head[1:].partition(b"{")[0].partition(b"[")[0]
    parts = flat.split(b'"')
    return {} if b"\\" in flat else _members(parts if len(parts) % 2 else parts[:-1])


def _last(tail: bytes) -> dict[bytes, bytes]:
    """Return the members of an object after the last list or object in it."""
    tail = tail.rstrip(b" \t\r")
    if tail[-1:] != b"}":
        return {}
    flat = tail[:-1].rpartition(b"}")[2].rpartition(b"]")[2]
    parts = flat.split(b'"')
    return {} if b"\\" in flat else _members(parts if len(parts) % 2 else parts[1:], ended=True)


def _members(parts: list[bytes], *, ended: bool = False) -> dict[bytes, bytes]:
    """Return names with ids that are whole, or nothing; every second part is in quotes. ended: nothing is cut off."""
    found: dict[bytes, bytes] = {}
    for place in range(1, len(parts), 2):
        after = parts[place + 1].strip()
        if after[:1] != b":":
            continue
        value, comma, _ = after[1:].partition(b",")
        value = value.strip()
        quoted = parts[place + 2] if not value and place + 3 < len(parts) else None
        if quoted is not None:
            text = quoted.decode(errors="replace")
            value = f'"{text}"'.encode() if text.isprintable() else b""
        elif not (comma or (ended and place + 2 == len(parts))) or not _is_number(value):
            value = b""
        found[parts[place]] = value or b"null"
    return found


def _is_number(value: bytes) -> bool:
    digits = value.removeprefix(b"-")
    return digits.isdigit() and (digits == b"0" or digits[:1] != b"0") and len(digits) <= NUMBER_BYTES
