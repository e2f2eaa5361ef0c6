from __future__ import annotations

import struct
import tempfile
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux.errors import ModelInvalidError
from workers.embedding.graph import tensors
from workers.embedding.graph.tensors import Tensor

HEADER = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
    "b": {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]},
}


def a_file(folder: Path, header: object = None, data: bytes = bytes(16)) -> Path:
    encoded = orjson.dumps(HEADER if header is None else header)
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
    return path


def test_each_tensor_has_its_place(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    begin = path.stat().st_size - 16
    assert tensors.read(path) == {
        "a": Tensor("F32", (2, 1), begin, 8),
        "b": Tensor("I64", (1,), begin + 8, 8),
    }


@pytest.mark.parametrize("data", [b"", bytes(15), bytes(17)])
def test_a_file_of_another_length_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelInvalidError, match="instead of"):
        tensors.read(a_file(tmp_path, data=data))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dtype": "F32", "shape": [2], "data_offsets": [0]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [-4], "data_offsets": [0, -16]},
        {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]},
        {"dtype": "F32", "shape": "4", "data_offsets": [0, 16]},
        [1],
        None,
    ],
)
def test_a_tensor_that_can_not_be_is_refused(tmp_path: Path, fields: object) -> None:
    with pytest.raises(ModelInvalidError, match="no file of weights"):
        tensors.read(a_file(tmp_path, {"a": fields}))


@given(st.binary(max_size=64) | st.binary(max_size=24).map(lambda rest: struct.pack("<Q", len(rest)) + rest))
def test_whatever_is_in_the_file_only_one_error_comes(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with suppress(ModelInvalidError):
            assert tensors.read(Path(file.name)) == {}


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalidError, match="can't be read"):
        tensors.read(tmp_path / "none")
