"""The elements of a JSON array, one at a time: an export may be larger than the memory of the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from memmux.errors import ArgumentInvalidError
from memmux.transfer.formats.base import NO_UTF_8, Skips, parsed

ELEMENT_BYTES = 64 << 20  # of one conversation; one that is longer is left out
READ_BYTES = 64 << 10  # at once; what comes before a place that can't be read is read
CUT_OFF = "the file ends in the middle of it"
_BROKEN = "no JSON"
_LONG = f"more than {ELEMENT_BYTES} bytes, the most"
_OUTERMOST = re.compile(rb'["\[\]{},]')
_NESTED = re.compile(rb'["\[\]{}]')
_INSIDE = re.compile(rb'["\\]')
_BLANK = b" \t\r\n"


def elements(file: BinaryIO, skips: Skips) -> Iterator[Any]:
    """Yield the elements of the array that a file is; of those that can't be read, note why.

    Raises ArgumentInvalidError if the file does not begin as an array.
    """
    first = _first(file)
    if first[:1] != b"[":
        raise ArgumentInvalidError("the file is no list of conversations; name an export of them")
    for number, raw in enumerate(_raw(file, first[1:] or file.read(READ_BYTES), skips), start=1):
        try:
            yield parsed(raw)
        except UnicodeDecodeError:
            skips.add(NO_UTF_8, f"conversation {number}")
        except ValueError:
            skips.add(_BROKEN, f"conversation {number}")


def _first(file: BinaryIO) -> bytes:
    """Return what a file begins with, without what is blank, and without a byte order mark."""
    head = file.read(READ_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    while not head and (more := file.read(READ_BYTES)):
        head = more.lstrip(_BLANK)
    return head


def _raw(file: BinaryIO, data: bytes, skips: Skips) -> Iterator[bytes]:
    """Yield the bytes of each element: what stands between the commas of the outermost array."""
    element, depth, inside, start, place, number = _Element(), 0, False, 0, 0, 1
    while data:
        marks = _INSIDE if inside else _NESTED if depth else _OUTERMOST
        if (found := marks.search(data, place)) is None:
            element.add(data[start:])
            beyond = max(0, place - len(data))  # where the last byte was a backslash, which takes the next one with it
            data, start, place = file.read(READ_BYTES), 0, beyond
            continue
        place, mark = found.end(), found[0]
        if inside:
            place += mark == b"\\"
            inside = mark != b'"'
        elif mark == b'"':
            inside = True
        elif mark in b"[{":
            depth += 1
        elif depth:
            depth -= 1
        else:
            element.add(data[start : place - 1])
            yield from element.whole(skips, number)
            if mark != b",":
                return
            element, start, number = _Element(), place, number + 1
    skips.add(CUT_OFF, f"conversation {number}")


@dataclass(slots=True)
class _Element:
    """The bytes of an element that were read so far; of one that is too long only their number."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > ELEMENT_BYTES:
            self.pieces.clear()
        else:
            self.pieces.append(piece)

    def whole(self, skips: Skips, number: int) -> Iterator[bytes]:
        """Yield the bytes, if it has any and is not too long."""
        if self.size > ELEMENT_BYTES:
            skips.add(_LONG, f"conversation {number}")
        elif whole := b"".join(self.pieces).strip(_BLANK):
            yield whole
