"""ONNX models as bytes: the few messages of onnx.proto that a graph with weights in another file needs.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; the encoding is protocol buffers',
https://protobuf.dev/programming-guides/encoding/. A graph takes some 20 kB, so nothing here has to be fast.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOAT = 1  # the numbers that onnx has for types of elements
INT64 = 7
_IR_VERSION = 10
_FLOAT_ATTRIBUTE, _INT_ATTRIBUTE, _INTS_ATTRIBUTE = 1, 2, 7
_MORE = 0x80  # the bit that says that another byte of a number follows
_EXTERNAL = 1  # where a tensor's data is


def node(operator: str, inputs: Sequence[str], output: str, **attributes: float | Sequence[int]) -> bytes:
    """Return a NodeProto with one output; an attribute is an int, a float or several ints."""
    return b"".join(
        (
            *(_text(1, name) for name in inputs),
            _text(2, output),
            _text(3, output),
            _text(4, operator),
            *(_field(5, _attribute(name, value)) for name, value in attributes.items()),
        )
    )


def constant(name: str, values: Sequence[float], kind: int = INT64, *, scalar: bool = False) -> bytes:
    """Return a TensorProto of one dimension, or of none, with its data in it."""
    data = struct.pack(f"<{len(values)}{'q' if kind == INT64 else 'f'}", *values)
    shape = b"" if scalar else _number(1, len(values))
    return shape + _number(2, kind) + _text(8, name) + _field(9, data)


def external(name: str, shape: Sequence[int], location: str, offset: int, length: int) -> bytes:
    """Return a TensorProto of float32 whose data are so many bytes of the file `location`."""
    places = {"location": location, "offset": str(offset), "length": str(length)}
    return b"".join(
        (
            *(_number(1, size) for size in shape),
            _number(2, FLOAT),
            _text(8, name),
            *(_field(13, _text(1, key) + _text(2, value)) for key, value in places.items()),
            _number(14, _EXTERNAL),
        )
    )


def value(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    """Return a ValueInfoProto: an input or an output; a text in its shape names a size that is known when it runs."""
    sizes = b"".join(_field(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _text(1, name) + _field(2, _field(1, _number(1, kind) + _field(2, sizes)))


def model(
    opset: int, nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]
) -> bytes:
    """Return a ModelProto."""
    graph = b"".join(
        (
            *(_field(1, item) for item in nodes),
            _text(2, "embedding"),
            *(_field(5, item) for item in tensors),
            *(_field(11, item) for item in inputs),
            *(_field(12, item) for item in outputs),
        )
    )
    return _number(1, _IR_VERSION) + _text(2, "memmux") + _field(7, graph) + _field(8, _number(2, opset))


def _attribute(name: str, value: float | Sequence[int]) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, _FLOAT_ATTRIBUTE)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _INT_ATTRIBUTE)
    return _text(1, name) + b"".join(_number(8, item) for item in value) + _number(20, _INTS_ATTRIBUTE)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _field(field, value.encode())


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # of a negative number: two's complement
    encoded = bytearray()
    while value >= _MORE:
        encoded.append(value % _MORE | _MORE)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
