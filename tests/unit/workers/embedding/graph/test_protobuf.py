"""The messages as onnxruntime reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from workers.embedding.graph import protobuf
from workers.embedding.graph.protobuf import FLOAT, INT64


def run(model: bytes, options: onnxruntime.SessionOptions | None = None, **inputs: object) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, inputs)[0]
    return found


def test_attributes_of_each_type_and_constants_arrive() -> None:
    nodes = [
        protobuf.node("Transpose", ["x"], "turned", perm=[1, 0]),
        protobuf.node("Softmax", ["turned"], "soft", axis=-1),
        protobuf.node("LeakyRelu", ["soft"], "leaky", alpha=0.25),
        protobuf.node("Reshape", ["leaky", "shape"], "flat"),
        protobuf.node("Mul", ["flat", "factor"], "y"),
    ]
    tensors = [protobuf.constant("shape", [-1]), protobuf.constant("factor", [0.5], FLOAT, scalar=True)]
    model = protobuf.model(
        23, nodes, tensors, [protobuf.value("x", FLOAT, ("rows", 2))], [protobuf.value("y", FLOAT, ("all",))]
    )
    x = np.array([[1, 2], [1, 5]], dtype=np.float32)
    np.testing.assert_allclose(run(model, x=x), [0.25, 0.25, 0.5 / (1 + np.e**3), 0.5 / (1 + np.e**-3)], rtol=1e-5)


def test_a_tensor_may_be_in_another_file_at_any_place(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(bytes(300) + np.arange(600, dtype="<f4").tobytes())
    nodes = [protobuf.node("Gather", ["table", "x"], "y", axis=0)]
    tensors = [protobuf.external("table", (300, 2), "weights", 300, 2400)]
    model = protobuf.model(
        23, nodes, tensors, [protobuf.value("x", INT64, ("n",))], [protobuf.value("y", FLOAT, ("n", 2))]
    )
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(tmp_path))
    np.testing.assert_array_equal(run(model, options, x=np.array([299, 0])), [[598, 599], [0, 1]])
