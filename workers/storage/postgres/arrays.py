"""Arrays as PostgreSQL has them on the wire, made at once: the rows of a group have tens of thousands of elements."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from psycopg import adapters
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct("!iiIii")  # dimensions, any NULL, the type of elements, how many, the first place
_SIZE = struct.Struct("!i")
_NULL = _SIZE.pack(-1)
_GIVEN = re.compile(r"%\((\w+)\)s::(\w+)\[\]")


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
    """An array of whole numbers."""

    __slots__ = ()


class Floats(Packed):
    """An array of numbers."""

    __slots__ = ()


def texts(values: Sequence[str | None]) -> Texts:
    """Return an array of texts, which hold no NUL."""
    return Texts(_joined("text", [None if value is None else value.encode() for value in values]))


def blobs(values: Sequence[bytes | None]) -> Blobs:
    """Return an array of bytes."""
    return Blobs(_joined("bytea", values))


def longs(values: Sequence[int | None]) -> Longs:
    """Return an array of whole numbers."""
    return Longs(_numbers("int8", "q", values))


def floats(values: Sequence[float | None]) -> Floats:
    """Return an array of numbers."""
    return Floats(_numbers("float8", "d", values))


def columns(sql: str, given: Mapping[str, Sequence[object]]) -> Mapping[str, Packed]:
    """Return the columns of rows that a statement takes, each as an array of the type that the statement names."""
    return {name: pack(given[name]) for name, pack in _packed(sql)}


def register(context: AdaptContext) -> None:
    """Let a connection take them as values."""
    for kind, element in ((Texts, "text"), (Blobs, "bytea"), (Longs, "int8"), (Floats, "float8")):
        dumper = type(f"{kind.__name__}Dumper", (_Dumper,), {"oid": adapters.types[element].array_oid})
        context.adapters.register_dumper(kind, dumper)


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> bytes:
        return obj


_BY_TYPE: Mapping[str, Callable[..., Packed]] = {"text": texts, "bytea": blobs, "bigint": longs, "float8": floats}


@cache
def _packed(sql: str) -> Sequence[tuple[str, Callable[..., Packed]]]:
    """Return the names of the arrays that a statement takes, and what makes each."""
    return [(name, _BY_TYPE[kind]) for name, kind in dict(_GIVEN.findall(sql)).items()]


@cache
def _oid(element: str) -> int:
    return adapters.types[element].oid


def _header(element: str, count: int, *, null: bool) -> bytes:
    return _HEADER.pack(1, null, _oid(element), count, 1)


def _joined(element: str, values: Sequence[bytes | None]) -> bytes:
    pack = _SIZE.pack
    parts = [_header(element, len(values), null=None in values)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (pack(len(value)), value)
    return b"".join(parts)


def _numbers(element: str, code: str, values: Sequence[float | None]) -> bytes:
    """Return an array of numbers; code: of one of 8 bytes, as `struct` and numpy have it."""
    if None in values:
        pack = struct.Struct(f"!{code}").pack
        return _joined(element, [None if value is None else pack(value) for value in values])
    pairs = np.empty(len(values), [("size", ">i4"), ("value", np.dtype(code).newbyteorder(">"))])
    pairs["size"], pairs["value"] = 8, values
    return _header(element, len(pairs), null=False) + pairs.tobytes()
