"""Where each tensor is in a file of weights: the header of the safetensors format, without its data.

The format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import orjson

from memmux.errors import ModelInvalidError

_LENGTH = struct.Struct("<Q")  # of the header, in front of it
_MOST_HEADER = 100_000_000  # bytes, as the format's own library has it


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: the type of its elements as the format names it, its shape, and which bytes of the file it is."""

    type: str
    shape: tuple[int, ...]
    offset: int
    length: int


def read(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors in the file by name; raise ModelInvalidError if it is not whole, or no such file."""
    try:
        with path.open("rb") as file:
            (size,) = _LENGTH.unpack(file.read(_LENGTH.size))
            if size > _MOST_HEADER:
                raise ModelInvalidError(f"{path} is no file of weights; install the model again")
            header = orjson.loads(file.read(size))
        header.pop("__metadata__", None)
        begin = _LENGTH.size + size
        tensors = {name: _tensor(fields, begin) for name, fields in header.items()}
        whole = max((tensor.offset + tensor.length for tensor in tensors.values()), default=begin)
        actual = path.stat().st_size
    except OSError as error:
        raise ModelInvalidError(f"the model's weights in {path} can't be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, struct.error):
        raise ModelInvalidError(f"{path} is no file of weights; install the model again") from None
    if whole != actual:
        raise ModelInvalidError(f"{path} has {actual} bytes instead of {whole}; install the model again")
    return tensors


def _tensor(fields: Mapping[str, object], begin: int) -> Tensor:
    offsets, sizes = fields["data_offsets"], fields["shape"]
    if not isinstance(offsets, list) or not isinstance(sizes, list):
        raise TypeError
    first, last = map(int, offsets)
    shape = tuple(map(int, sizes))
    tensor = Tensor(str(fields["dtype"]), shape, begin + first, last - first)
    if min(first, tensor.length, *shape, 0) < 0 or (
        tensor.type == "F32" and tensor.length != 4 * prod(shape)  # the only type that is used
    ):
        raise ValueError
    return tensor
