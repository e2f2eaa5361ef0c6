"""Arrays as PostgreSQL has them on the wire, made at once: those of postings have tens of thousands of elements."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from psycopg import adapters
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct("!iiIii")  # dimensions, any NULL, the type of elements, how many, the first place
_SIZE = struct.Struct("!i")


class Packed(bytes):
    """An array that is written already."""

    __slots__ = ()


class Texts(Packed):
    """An array of texts."""

    __slots__ = ()


class Blobs(Packed):
    """An array of bytes."""

    __slots__ = ()


class Longs(Packed):
    """An array of numbers."""

    __slots__ = ()


def texts(values: Sequence[str]) -> Texts:
    """Return an array of texts, which hold no NUL."""
    return Texts(_joined("text", [value.encode() for value in values]))


def blobs(values: Sequence[bytes]) -> Blobs:
    """Return an array of bytes."""
    return Blobs(_joined("bytea", values))


def longs(values: Iterable[int]) -> Longs:
    """Return an array of numbers."""
    numbers = np.fromiter(values, np.int64)
    pairs = np.empty(len(numbers), [("size", ">i4"), ("value", ">i8")])
    pairs["size"], pairs["value"] = 8, numbers
    return Longs(_header("int8", len(pairs)) + pairs.tobytes())


def register(context: AdaptContext) -> None:
    """Let a connection take them as values."""
    for kind, element in ((Texts, "text"), (Blobs, "bytea"), (Longs, "int8")):
        dumper = type(f"{kind.__name__}Dumper", (_Dumper,), {"oid": adapters.types[element].array_oid})
        context.adapters.register_dumper(kind, dumper)


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> bytes:
        return obj


def _header(element: str, count: int) -> bytes:
    return _HEADER.pack(1, 0, adapters.types[element].oid, count, 1)


def _joined(element: str, values: Sequence[bytes]) -> bytes:
    pack = _SIZE.pack
    return _header(element, len(values)) + b"".join([part for value in values for part in (pack(len(value)), value)])
